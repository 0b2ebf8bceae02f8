"""One rehearsal of each numbered example, and what it is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.templates.rehearsal import ROOT, Rehearsal, rehearse


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory):
    """Return the rehearsal of an example by its name; each runs once."""
    known: dict[str, Rehearsal] = {}

    def of(name: str) -> Rehearsal:
        if name not in known:
            known[name] = rehearse(ROOT / "examples" / name, tmp_path_factory.mktemp(name))
        return known[name]

    return of


@pytest.fixture
def golden(request):
    """Compare bytes with a file of an example, or rewrite the file with `--update-golden`."""

    def compare(found: bytes, file: Path) -> None:
        if request.config.getoption("--update-golden", default=False):
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(found)
        assert found == file.read_bytes()

    return compare
