"""How a session is opened: what its deadline covers, what a failure says, which name is looked up.

The server's name is looked up by a resolver of the test: the loop's own, which answers as told.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time

import pytest
import uvloop

from mailbatch.errors import (
    ConnectError,
    ConnectionLost,
    SessionError,
    SessionTimeout,
    UnknownHost,
)
from mailbatch.smtp.server import Server, Timeouts
from mailbatch.smtp.session import Session
from tests.support.faults import Fault, Kind, Stage

LOOPS = pytest.mark.parametrize("loop", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


def opened(server, loop=None):
    """Open a session and leave; gives what it greeted with."""

    async def conversation():
        session = await Session.open(server)
        greeting = session.opened.greeting
        await session.quit()
        return greeting

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(conversation())


def failure_of(server, loop=None):
    with pytest.raises(SessionError) as caught:
        opened(server, loop)
    return caught.value


# -- the deadline ----------------------------------------------------------------------------------


@LOOPS
@pytest.mark.parametrize("security", ["plaintext", "starttls", "tls"])
def test_the_greeting_is_within_the_deadline_of_the_connection(
    fault_server, certificates, security, loop
):
    """However long a reply to a command may take: a server that never greets costs `connect`."""
    context = None if security == "plaintext" else certificates.server_context()
    server = fault_server(Fault(Stage.BANNER, Kind.STALL), security=security, tls_context=context)
    where = Server(
        "localhost",
        server.port,
        security=security,
        auth="none",
        ca_file=certificates.ca_file,
        timeouts=Timeouts(connect=0.7),
    )
    began = time.monotonic()
    failure = failure_of(where, loop)
    assert time.monotonic() - began < 0.7 + 2.0
    assert type(failure) is SessionTimeout
    assert str(failure) == f"{where.address} did not greet within 0.7 s"
    assert ("security: tls" in failure.hint) == (security != "tls")


@LOOPS
def test_a_greeting_may_take_longer_than_a_reply_to_a_command(fault_server, loop):
    """As where a server lets its clients wait on purpose (Exim's `delay`, postscreen)."""
    server = fault_server(Fault(Stage.BANNER, Kind.DRIP, pace=0.05))
    where = Server(
        "127.0.0.1",
        server.port,
        security="plaintext",
        auth="none",
        timeouts=Timeouts(connect=20.0, command=1.0),
    )
    began = time.monotonic()
    assert opened(where, loop)
    assert time.monotonic() - began > 1.0


def test_a_server_that_greets_late_is_waited_for_by_default():
    """Exim's documentation delays by 20 s, Postfix's postscreen greets after 6 s."""
    assert Timeouts().connect >= 20.0 + 6.0


@LOOPS
@pytest.mark.parametrize("security", ["plaintext", "starttls"])
def test_a_server_that_closes_without_a_greeting_may_want_tls(fault_server, loop, security):
    """So does one on a port for TLS that is tired of waiting for the client to begin."""
    server = fault_server(Fault(Stage.BANNER, Kind.FIN))
    where = Server("127.0.0.1", server.port, security=security, auth="none")
    failure = failure_of(where, loop)
    assert type(failure) is ConnectionLost
    assert "if it is one (465), write security: tls" in failure.hint


@LOOPS
def test_a_server_that_resets_what_was_to_be_tls_asks_for_the_port(loop):
    """It may be one that speaks in clear text and takes no nonsense."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset():
            sock, _ = listener.accept()
            sock.recv(1)  # what is left unread makes the close a reset
            sock.close()

        thread = threading.Thread(target=reset)
        thread.start()
        where = Server("127.0.0.1", listener.getsockname()[1], security="tls", auth="none")
        failure = failure_of(where, loop)
        thread.join()
    assert type(failure) is ConnectError
    assert failure.hint.endswith("is server.security right for the port?")


# -- the name --------------------------------------------------------------------------------------


class Resolver:
    """What a loop is that answers for a resolver: the addresses it has, and what it was asked."""

    def __init__(self, *addresses: str, error: int | None = None) -> None:
        self.addresses = addresses
        self.error = error
        self.asked: list[str] = []

    def loop(self, of: type[asyncio.AbstractEventLoop] = asyncio.SelectorEventLoop):
        """Return a loop that asks this resolver."""

        async def getaddrinfo(_loop, host, port, **_):
            self.asked.append(host)
            if self.error is not None:
                raise socket.gaierror(self.error, "as told")
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, (address, port)) for address in self.addresses or ["127.0.0.1"]]

        return type("Loop", (of,), {"getaddrinfo": getaddrinfo})()


@pytest.mark.parametrize("security", ["plaintext", "starttls", "tls"])
@pytest.mark.parametrize(
    ("host", "name"),
    [
        # IDNA 2003 would look up smtp.strasse.example, and another one's certificate would hold.
        ("smtp.straße.example", "smtp.xn--strae-oqa.example"),
        ("SMTP.Straße.example", "smtp.xn--strae-oqa.example"),
        ("smtp.faß。example", "smtp.xn--fa-hia.example"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("smtp.xn--strae-oqa.example", "smtp.xn--strae-oqa.example"),
        ("mail.example.com.", "mail.example.com."),
    ],
)
def test_an_international_name_is_the_same_everywhere(
    fault_server, certificates, host, name, security
):
    """What is looked up and what the certificate is for are A-labels of IDNA 2008."""
    context = None
    shown = []
    if security != "plaintext":
        context = certificates.server_context(name.rstrip("."))
        context.sni_callback = lambda _socket, asked, _context: shown.append(asked)
    server = fault_server(security=security, tls_context=context)
    where = Server(host, server.port, security=security, auth="none", ca_file=certificates.ca_file)
    resolver = Resolver()
    opened(where, resolver.loop)
    assert resolver.asked == [name]
    assert shown == ([] if security == "plaintext" else [name.rstrip(".")])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.EAI_NONAME, UnknownHost),
        (socket.EAI_NODATA, UnknownHost),
        (socket.EAI_AGAIN, ConnectError),
        (socket.EAI_FAIL, ConnectError),
    ],
)
def test_what_a_resolver_is_sure_of_is_told_from_what_it_cannot_say_now(error, kind):
    resolver = Resolver(error=error)
    failure = failure_of(Server("mail.example.com", 25, security="plaintext"), resolver.loop)
    assert type(failure) is kind
    assert str(failure) == "cannot connect to mail.example.com:25: as told"
    assert "server.host" in failure.hint


@pytest.mark.parametrize("of", [asyncio.SelectorEventLoop, uvloop.Loop])
def test_an_address_where_nobody_answers_leaves_time_for_the_next(fault_server, of):
    """As where a name has IPv6 and IPv4 and the way by IPv6 is a dead end.

    The queue of a listener that takes nobody is full: it answers nobody who knocks.
    """
    with socket.socket() as dead:
        server = fault_server()
        dead.bind(("127.0.0.2", server.port))
        dead.listen(0)
        knocking = [socket.socket() for _ in range(4)]
        for sock in knocking:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.2", server.port))
        resolver = Resolver("127.0.0.2", "127.0.0.1")
        where = Server(
            "mail.example.com",
            server.port,
            security="plaintext",
            auth="none",
            timeouts=Timeouts(connect=2.0),
        )
        began = time.monotonic()
        assert opened(where, lambda: resolver.loop(of))
        assert 0.9 < time.monotonic() - began < 2.0
        for sock in knocking:
            sock.close()


@pytest.mark.parametrize("of", [asyncio.SelectorEventLoop, uvloop.Loop])
def test_an_address_that_refuses_is_followed_by_the_next(fault_server, of):
    server = fault_server()
    resolver = Resolver("127.0.0.3", "127.0.0.1")
    where = Server("mail.example.com", server.port, security="plaintext", auth="none")
    assert opened(where, lambda: resolver.loop(of))


def test_a_name_that_idna_does_not_have_is_unknown():
    failure = failure_of(Server("mail.\u2615\u200d.example", 25, security="plaintext"))
    assert type(failure) is UnknownHost
    assert "is no host name" in str(failure)


def test_the_name_in_tls_of_the_standard_library_is_of_idna_2003():
    """Why a name beyond ASCII must never get as far as that."""
    memory = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="straße.example"
    )
    assert memory.server_hostname == "strasse.example"
