"""A ledger of its own for every test, in memory where the system has room there."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailbatch.ledger.store import Ledger
from tests.ledger.steps import open_ledger

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder where a sync costs nothing; what a sync is worth is tested with copies."""
    if not os.access(_IN_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="mailbatch-ledger-", dir=_IN_MEMORY) as name:
        yield Path(name)


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "state" / "news.ledger"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with open_ledger(path) as opened:
        yield opened
