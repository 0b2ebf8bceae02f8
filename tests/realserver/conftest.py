"""The servers of `tests.support.try_server`, each started once, and what they were seen to do."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.certainty.scene import PATIENT
from tests.realserver.mailing import Mailing
from tests.support.fixtures import Certificates
from tests.support.observed import UPDATE, Observed
from tests.support.real_server import PASSWORD, USERNAME, RealServer
from tests.support.try_server import SERVERS

OBSERVED = Path(__file__).with_name("observed.json")

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def real_server(certificates: Certificates) -> Iterator[Callable[[str], RealServer]]:
    """Return the server of this name, started where it is asked for first."""
    started: dict[str, RealServer] = {}
    with contextlib.ExitStack() as stack:

        def start(name: str) -> RealServer:
            kind = SERVERS[name]
            kind.check_obstacle()
            if name not in started:
                started[name] = stack.enter_context(kind(certificates.server_file))
            return started[name]

        yield start


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest, real_server) -> RealServer:
    """Each of the servers, all tests of one behind each other."""
    return real_server(request.param)


@pytest.fixture
def mailing_to(tmp_path: Path, certificates: Certificates) -> Callable[..., Mailing]:
    """Return mailings to a port of a server: `mailing_to(server, "secure", recipients=3)`.

    A job for "secure" has TLS, and user name and password that are right.
    """

    def make(server: RealServer, listener: str = "plain", **more: object) -> Mailing:
        number = next(_NUMBERS)
        values: dict[str, object] = {"timeouts": PATIENT, "attempts": 3, "tag": f"t{number}"}
        if listener == "secure":
            values |= {"security": "starttls", "ca_file": certificates.ca_file}
            values |= {"username": USERNAME, "password": PASSWORD}
        if more.get("group"):
            values["text"] = "Hello, all of you\n"
        port = server.ports[listener]
        return Mailing(tmp_path / str(number), port, **(values | more))  # type: ignore[arg-type]

    return make


@pytest.fixture
def observed(request: pytest.FixtureRequest) -> Observed:
    """What the servers were seen to do: compared, or written anew with `--update-observed`."""
    return Observed(OBSERVED, update=request.config.getoption(UPDATE))
