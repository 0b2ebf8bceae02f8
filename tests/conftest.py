"""What every test may ask for, and what no test may leave behind."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mailbatch.delivery.signals import SIGNALS
from tests.support.memory import memory
from tests.support.observed import UPDATE

pytest_plugins = ["pytester", "tests.support.fixtures", "tests.support.slow"]

# The same examples in every run: a change is judged by itself, not by the luck of a draw. New ones
# are drawn with `--hypothesis-profile=default`; what these find becomes an `@example`.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        UPDATE, action="store_true", help="write what programs of others do as it is seen now"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have folders of tests in memory, and bytecode kept, here and in every process from here on.

    Whoever wants no `__pycache__` has asked so for the sake of the folders of the sources: the
    bytecode then lies in the cache of pytest. Without any, each of hundreds of processes would
    compile all that it imports.
    """
    place = memory()
    if place is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(place))
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        cache = str(Path(config.rootpath, ".pytest_cache", "bytecode"))
        sys.dont_write_bytecode, sys.pycache_prefix = False, cache
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = cache


def pytest_collection() -> None:
    """Look for no garbage among thousands of tests that are being collected: there is none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave the thousands of tests that were collected to no search for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no worker that a test starts write into the home of the developer."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    """A run hears no signal behind the second one: a server that a later test starts must."""
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    yield
    for signum, disposition in before.items():
        if signal.getsignal(signum) is not disposition:
            signal.signal(signum, disposition)
