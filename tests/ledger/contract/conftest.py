"""Each fact is asked of every kind of ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.contract.backends import BACKENDS, Backend
from tests.ledger.contract.talk import Talk


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, folder: Path) -> Iterator[Backend]:
    """A kind of ledger, with nothing in it yet."""
    made = BACKENDS[request.param](folder / "backend")
    yield made
    made.remove()


@pytest.fixture
def talk(backend: Backend) -> Iterator[Talk]:
    """A conversation with a ledger that is open for its first run."""
    conversation = Talk(backend)
    yield conversation
    conversation.ledger.close()
