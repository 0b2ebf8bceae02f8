"""One rehearsal of each template, shared by the tests of a module."""

from __future__ import annotations

import pytest

from tests.templates.rehearsal import ROOT, Rehearsal, rehearse


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory):
    """Return the rehearsal of a template by its name; each runs once."""
    known: dict[str, Rehearsal] = {}

    def of(name: str) -> Rehearsal:
        if name not in known:
            known[name] = rehearse(ROOT / "templates" / name, tmp_path_factory.mktemp(name))
        return known[name]

    return of
