"""The fixtures of the test servers, loaded by tests/conftest.py as a plugin."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.fault_process import FaultServerProcess
from tests.support.fault_server import Fault, FaultServer
from tests.support.name_server import EXAMPLE_COM, NameServer
from tests.support.postfix import Postfix, SmtpSink, postfix_obstacle, sink_obstacle
from tests.support.postgresql import Cluster, check_present, shared_cluster


@dataclass(frozen=True, slots=True)
class Certificates:
    """A certificate authority of the tests, and what it has issued for localhost.

    `ca_file` is the trust anchor and `server_file` chain and key, both PEM.
    """

    authority: trustme.CA
    ca_file: Path
    server_file: Path

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for these names; for localhost without any."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority with a certificate for localhost and 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    return Certificates(authority, folder / "ca.pem", folder / "server.pem")


@pytest.fixture
def cluster() -> Cluster:
    """The private PostgreSQL of this process."""
    check_present()
    return shared_cluster()


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """The URL of a database without any ledger, which takes the place of files."""
    yield cluster.address
    cluster.clear()


@pytest.fixture
def fault_server() -> Iterator[Callable[..., FaultServer]]:
    """Start fault servers that end with the test: `fault_server(Fault(...), pipelining=False)`."""
    with contextlib.ExitStack() as stack:

        def start(*faults: Fault, **settings: Any) -> FaultServer:
            return stack.enter_context(FaultServer(faults, **settings))

        yield start


@pytest.fixture(scope="session")
def name_server() -> Iterator[NameServer]:
    """A name server that knows example.com, a sender as it should be."""
    with NameServer(EXAMPLE_COM) as server:
        yield server


@pytest.fixture
def names(name_server: NameServer, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    """Let `check --connect` ask the name server of the tests, and not that of the machine."""
    monkeypatch.setenv("MAILBATCH_RESOLVER", name_server.address)
    return name_server


@pytest.fixture
def fault_server_process(tmp_path: Path) -> Iterator[Callable[..., FaultServerProcess]]:
    """The same in processes of their own, with their journals in files."""
    with contextlib.ExitStack() as stack:
        started = iter(range(1_000))

        def start(faults: Iterable[Fault] = (), **settings: Any) -> FaultServerProcess:
            folder = tmp_path / f"fault-server-{next(started)}"
            return stack.enter_context(FaultServerProcess(folder, faults, **settings))

        yield start


@pytest.fixture
def smtp_sink() -> Iterator[Callable[..., SmtpSink]]:
    """Start Postfix's smtp-sink: `smtp_sink("-T", "1024")`; skips, or fails, where it is not."""
    sink_obstacle()
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> SmtpSink:
            return stack.enter_context(SmtpSink(*options))

        yield start


@pytest.fixture(scope="session")
def postfix_server() -> Iterator[Postfix]:
    """A private Postfix whose smtpd takes mail for anybody and discards it."""
    postfix_obstacle()
    with Postfix() as server:
        yield server
