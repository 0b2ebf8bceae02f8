"""How a session ends: refused at the door, given up by its owner, left by the server."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
import uvloop

from mailbatch.envelope import Envelope
from mailbatch.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    LocalProtocolError,
)
from mailbatch.octets import Octets
from mailbatch.outcome import Status
from mailbatch.smtp.content import BLOCK_BYTES
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.server import Server, Timeouts
from mailbatch.smtp.session import ONE_WRITE_BYTES, Session
from tests.support.faults import Fault, Kind, Stage

PATIENT = Timeouts(10.0, 10.0, 10.0, 10.0)
ENVELOPE = Envelope("news@example.com", ("ann@example.net",))
CONTENT = b"A: b\r\n\r\nc\r\n"
LINE = b"." + b"x" * 76 + b"\r\n"
#: More than the system buffers.
LONG = CONTENT + LINE * (40 * BLOCK_BYTES // len(LINE))
LOOPS = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


def plain(port, **more):
    return Server("127.0.0.1", port, security="plaintext", timeouts=PATIENT, **more)


def run(conversation, loop=asyncio.new_event_loop):
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(conversation)


async def asked(session, content=CONTENT):
    """Begin a transaction and wait until the server wants its content."""
    transaction = session.begin(ENVELOPE, size=len(content), eight_bit=False)
    assert await session.content_wanted()
    return transaction


@LOOPS
def test_a_port_where_nobody_listens_is_named(loop):
    with socket.socket() as holder:  # bound and not listening: nobody else gets it
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{port}: ") as caught:
            run(Session.open(plain(port)), loop)
    assert caught.value.hint == "check server.host, server.port and the network"


class Abroad(asyncio.SelectorEventLoop):
    """A loop whose connections lead to a host that is not this one, as far as it knows."""

    def _make_socket_transport(self, sock, protocol, waiter=None, *, extra=None, server=None):
        return super()._make_socket_transport(
            sock, protocol, waiter, extra={"peername": ("192.0.2.1", 25)}, server=server
        )


def test_without_tls_no_credential_leaves_for_another_host(fault_server):
    server = fault_server()
    where = plain(server.port, username="App", password="s3cret")
    with pytest.raises(AuthenticationError, match="credentials without TLS") as caught:
        run(Session.open(where), Abroad)
    assert caught.value.hint == "use security: starttls or tls"
    server.wait_for(stage="closed")
    assert not {r["stage"] for r in server.journal} & {Stage.AUTH, Stage.AUTH_FINAL, Stage.MAIL}


def test_a_session_that_ends_before_the_last_bytes_never_hands_them_over(fault_server):
    """As where the commit point cannot be recorded: nobody has the message, nobody is in doubt."""
    server = fault_server()

    async def conversation():
        session = await Session.open(plain(server.port))
        transaction = await asked(session)
        assert await session.send_content(Octets.of([CONTENT]))
        session.abort()
        session.finish()
        assert not session.usable
        with pytest.raises(ConnectionLost, match="was ended"):
            session.begin(ENVELOPE, size=1, eight_bit=False)
        return transaction

    (outcome,) = run(conversation()).outcomes()
    assert (outcome.status, outcome.counted) == (Status.PENDING, True)
    assert "was ended" in outcome.reason
    server.wait_for(stage="closed")
    assert server.stages(Stage.DOT) == []


def test_a_session_that_was_ended_sends_no_content_and_has_no_commit_point(fault_server):
    server = fault_server()

    async def conversation():
        session = await Session.open(plain(server.port))
        transaction = await asked(session)
        session.abort()
        assert not await session.send_content(Octets.of([CONTENT]))
        with pytest.raises(ConnectionLost, match="was ended"):
            await session.done()
        await session.quit()  # nobody to say it to
        return transaction

    assert run(conversation()).outcomes()[0].status is Status.PENDING
    server.wait_for(stage="closed")
    assert server.stages(Stage.QUIT) == []


@LOOPS
@pytest.mark.parametrize("size", [ONE_WRITE_BYTES + len(LINE), 8 * BLOCK_BYTES])
def test_long_content_arrives_whole_and_is_committed_behind_its_last_block(
    fault_server, loop, size
):
    """The end of data is held back until `finish`, whatever has left before."""
    server = fault_server(receive_buffer=4096)
    content = CONTENT + LINE * (size // len(LINE))
    dots_at_commit = []

    async def conversation():
        session = await Session.open(plain(server.port))
        transaction = await asked(session, content)
        assert await session.send_content(Octets.of([content]))
        dots_at_commit.append(len(server.stages(Stage.DOT)))
        session.finish()
        await session.done()
        await session.quit()
        return transaction

    (outcome,) = run(conversation(), loop).outcomes()
    assert outcome.status is Status.ACCEPTED
    assert dots_at_commit == [0]
    (dot,) = server.stages(Stage.DOT)
    assert dot["size"] == len(content)


@LOOPS
@pytest.mark.parametrize("stage", [Stage.BODY, Stage.DOT])
@pytest.mark.parametrize("kind", [Kind.FIN, Kind.RST])
def test_a_server_that_leaves_says_nothing_about_the_message(fault_server, loop, stage, kind):
    """Before the end of data nobody has it; behind it nobody knows."""
    server = fault_server(Fault(stage, kind), receive_buffer=4096)
    committed = []

    async def conversation():
        session = await Session.open(plain(server.port))
        content = CONTENT if stage is Stage.DOT else LONG
        transaction = await asked(session, content)
        if await session.send_content(Octets.of([content])):
            committed.append(True)
            session.finish()
        with contextlib.suppress(ConnectionLost):
            await session.done()
        assert isinstance(session.failure, ConnectionLost)
        assert not session.usable
        return transaction

    (outcome,) = run(conversation(), loop).outcomes()
    if stage is Stage.DOT:
        assert (outcome.status, committed) == (Status.IN_DOUBT, [True])
    else:
        assert (outcome.status, committed) == (Status.PENDING, [])


def test_a_refusal_in_the_middle_of_long_content_stops_it_and_has_no_commit_point(fault_server):
    server = fault_server(Fault(Stage.BODY, Kind.PERMANENT), receive_buffer=4096)

    async def conversation():
        session = await Session.open(plain(server.port))
        transaction = await asked(session, LONG)
        assert not await session.send_content(Octets.of([LONG]))
        await session.done()
        assert not session.usable
        return transaction

    (outcome,) = run(conversation()).outcomes()
    assert outcome.status is Status.REJECTED
    assert outcome.reply.code // 100 == 5
    assert server.stages(Stage.DOT) == []


def test_waiting_for_what_does_not_come_ends_the_session(fault_server):
    """The reply to the end of data cannot be waited for while the content is still asked for."""
    server = fault_server()

    async def conversation():
        session = await Session.open(plain(server.port))
        session.begin(ENVELOPE, size=len(CONTENT), eight_bit=False)
        with pytest.raises(LocalProtocolError, match="ContentWanted came where nothing waits"):
            await session.done()
        assert not session.usable

    run(conversation())


def test_nothing_can_be_asked_of_a_dialogue_that_never_connected():
    async def conversation():
        dialogue = Dialogue(plain(25))
        assert not dialogue.is_open
        with pytest.raises(ConnectionLost, match=r"not connected to 127\.0\.0\.1:25"):
            dialogue.flush()

    run(conversation())
