"""A ledger of its own for every test, in memory where the system has room there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailbatch.ledger.store import Ledger
from tests.ledger.steps import open_ledger


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder where a sync costs nothing; what a sync is worth is tested with copies."""
    return tmp_path


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "state" / "news.ledger"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with open_ledger(path) as opened:
        yield opened
