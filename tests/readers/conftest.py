"""The letters, written once, and what their readers were seen to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.readers.letters import Letter, write_letters
from tests.readers.programs import obstacle
from tests.support.observed import UPDATE, Observed

OBSERVED = Path(__file__).with_name("observed.json")


@pytest.fixture(scope="session")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Letter]:
    """Every letter that is read."""
    return write_letters(tmp_path_factory.mktemp("letters"))


@pytest.fixture
def observed(request: pytest.FixtureRequest) -> Observed:
    """What the readers were seen to do: compared, or written anew with `--update-observed`."""
    return Observed(OBSERVED, update=request.config.getoption(UPDATE), obstacle=obstacle)
