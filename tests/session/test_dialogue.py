"""A dialogue at the edges of its life: behind a failure, at a slow server, without a connection."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from mailbatch.errors import ConnectionLost, SessionTimeout
from mailbatch.octets import Octets
from mailbatch.smtp import events
from mailbatch.smtp.content import BLOCK_BYTES
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.server import Server, Timeouts
from mailbatch.smtp.session import ONE_WRITE_BYTES, Session
from tests.session.test_ends import CONTENT, ENVELOPE, LINE, asked, plain, run
from tests.support.faults import Fault, Kind, Stage

PATIENT = Timeouts(10.0, 10.0, 10.0, 10.0)
#: More than the socket of the test takes at once.
LONG = CONTENT + LINE * (3 * ONE_WRITE_BYTES // len(LINE))


async def connected(server):
    """Return a dialogue that has read the greeting."""
    _, dialogue = await asyncio.get_running_loop().create_connection(
        lambda: Dialogue(server), server.host, server.port
    )
    await dialogue.expect(events.Greeted)
    return dialogue


def test_bytes_behind_a_failure_are_not_read(fault_server):
    async def talk():
        dialogue = await connected(plain(fault_server().port))
        dialogue.abort()
        failure = dialogue.failure
        dialogue.data_received(b"421 4.3.2 closing\r\n")
        dialogue.eof_received()
        dialogue.connection_lost(None)
        return failure, dialogue

    failure, dialogue = run(talk())
    assert dialogue.failure is failure
    assert not dialogue.is_open
    assert "was ended" in str(failure)


def test_a_dialogue_without_a_connection_has_nothing_to_wait_for(fault_server):
    async def talk():
        dialogue = await connected(plain(fault_server().port))
        dialogue.abort()
        await dialogue.drain()
        with pytest.raises(ConnectionLost, match="was ended"):
            await dialogue.start_tls(ssl.create_default_context())
        with pytest.raises(ConnectionLost, match="not connected to"):
            Dialogue(plain(1)).connection  # noqa: B018 - the property raises

    run(talk())


def test_a_server_that_answers_ever_more_slowly_is_asked_no_more_in_vain(fault_server):
    """Refusals slow a server down: recipients beyond its room are for the next session."""
    faults = [Fault(Stage.RCPT, Kind.REPLY, recipient=n, text="452 4.5.3 too many") for n in (2, 3)]
    late = Fault(Stage.RCPT, Kind.DRIP, recipient=4, pace=0.6)
    server = fault_server(*faults, late)
    to = tuple(f"p{n}@example.net" for n in range(8))

    async def talk():
        session = await Session.open(plain(server.port))
        session.begin(type(ENVELOPE)(ENVELOPE.reverse_path, to), size=9, eight_bit=False)
        await session.content_wanted()

    with pytest.raises(ConnectionLost, match="takes no more recipients, slowly"):
        run(talk())


def test_content_waits_for_a_system_that_takes_no_more(fault_server):
    """Until the server has read what was written before, the session waits."""
    server = fault_server()

    async def talk():
        session = await Session.open(plain(server.port))
        session._dialogue._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 12)
        transaction = await asked(session, LONG)
        assert await session.send_content(Octets.of([LONG]))
        session.finish()
        await session.done()
        await session.quit()
        return transaction

    run(talk())
    assert [taken.size for taken in server.deliveries()] == [len(LONG)]


class SlowTransport(asyncio.Transport):
    """A transport that has so many bytes to hand over; each look finds the next number."""

    def __init__(self, sock, left):
        super().__init__(
            {"socket": sock, "peername": ("127.0.0.1", 25), "sockname": ("127.0.0.1", 9)}
        )
        self.left = list(left)
        self.aborted = False

    def get_write_buffer_size(self):
        """Return how many bytes the system has not taken; the last number stays."""
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def set_write_buffer_limits(self, high=None, low=None):
        """Tell of an empty buffer only."""

    def is_closing(self):
        return False

    def abort(self):
        self.aborted = True


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_each_block_that_the_system_takes_in_time_gives_the_next_one_as_long(taken):
    """Several blocks may wait for the system: a deadline that passes is that of one block."""
    sizes = [8 * BLOCK_BYTES - n * BLOCK_BYTES for n in range(taken + 1)]
    more = sizes[-1] - BLOCK_BYTES + 1  # not yet a block

    async def talk(sock):
        transport = SlowTransport(sock, [sizes[0], *sizes, more])
        server = Server(
            "127.0.0.1", 25, security="plaintext", timeouts=Timeouts(9.0, 0.01, 9.0, 9.0)
        )
        dialogue = Dialogue(server)
        dialogue.connection_made(transport)
        await dialogue.drain()
        return dialogue.failure, transport

    with socket.socket() as sock:
        failure, transport = asyncio.run(talk(sock))
    assert isinstance(failure, SessionTimeout)
    assert (transport.left, transport.aborted) == ([more], True)


class Unfinished(asyncio.SelectorEventLoop):
    """A loop whose TLS is ended by the server in the moment of its success: there is no transport.

    So it is where the connection is lost behind the last step of a handshake.
    """

    async def start_tls(self, *arguments, **settings):
        await super().start_tls(*arguments, **settings)


def test_tls_that_ends_in_the_moment_of_its_success_is_a_lost_connection(
    fault_server, certificates
):
    server = fault_server(security="starttls", tls_context=certificates.server_context())
    where = Server(
        "localhost", server.port, security="starttls", timeouts=PATIENT,
        ca_file=certificates.ca_file,
    )  # fmt: skip
    with pytest.raises(ConnectionLost, match="ended the TLS handshake"):
        run(Session.open(where), Unfinished)
