"""What every test may ask for, and what no test may leave behind."""

import signal
from collections.abc import Iterator

import pytest

from mailbatch.delivery.signals import SIGNALS
from tests.support.observed import UPDATE

pytest_plugins = ["tests.support.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        UPDATE, action="store_true", help="write what programs of others do as it is seen now"
    )


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    """A run hears no signal behind the second one: a server that a later test starts must."""
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    yield
    for signum, disposition in before.items():
        if signal.getsignal(signum) is not disposition:
            signal.signal(signum, disposition)
