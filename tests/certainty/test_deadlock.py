"""Ten thousand RCPTs through small buffers: reading goes on while writing (RFC 2920 3.1)."""

import asyncio
import socket

import pytest

from mailbatch.envelope import Envelope
from mailbatch.octets import Octets
from mailbatch.outcome import Status
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.server import Server, Timeouts
from mailbatch.smtp.session import ONE_WRITE_BYTES, Session
from tests.support.faults import Stage

RECIPIENTS = 10_000
CONTENT = b"From: a@example.com\r\nTo: undisclosed-recipients:;\r\n\r\nHello\r\n"
TIMEOUTS = Timeouts(connect=10, command=60, data=60, end_of_data=60)


class SmallDialogue(Dialogue):
    """A dialogue whose socket sends and receives through buffers of 4 KiB."""

    def connection_made(self, transport):
        found = transport.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        super().connection_made(transport)


async def send(server, content):
    octets = Octets.of([content])
    session = await Session.over(SmallDialogue(server))
    paths = tuple(f"user{n}@example.net" for n in range(RECIPIENTS))
    transaction = session.begin(
        Envelope("a@example.com", paths), size=octets.size, eight_bit=False, content=octets
    )
    if await session.content_wanted():
        if await session.send_content(octets):
            session.finish()
        await session.done()
    await session.quit()
    return transaction.outcomes()


@pytest.mark.parametrize(
    ("security", "chunking"),
    [
        ("plaintext", False),
        ("starttls", False),
        ("tls", False),
        ("plaintext", True),
        ("tls", True),
    ],
)
def test_ten_thousand_recipients_through_4_kib(fault_server, certificates, security, chunking):
    """Every recipient has the outcome of its own reply, and nothing deadlocks.

    With CHUNKING the content is part of the one flight, and as large as it may be there.
    """
    refused = {"user77@example.net": "550 5.7.1 no"}
    server = fault_server(
        security=security,
        tls_context=certificates.server_context() if security != "plaintext" else None,
        chunking=chunking,
        recipients=RECIPIENTS,
        refused=refused,
        receive_buffer=4096,
        send_buffer=4096,
        read_size=1024,
    )
    where = Server(
        "localhost",
        server.port,
        security=security,
        auth="none",
        ca_file=certificates.ca_file,
        timeouts=TIMEOUTS,
    )
    content = CONTENT + b"x\r\n" * ((ONE_WRITE_BYTES - len(CONTENT)) // 3) if chunking else CONTENT
    outcomes = asyncio.run(send(where, content))
    assert len(outcomes) == RECIPIENTS
    wrong = {o.address: o.status for o in outcomes if o.status is not Status.ACCEPTED}
    assert wrong == {"user77@example.net": Status.REJECTED}
    (taken,) = server.deliveries()
    assert len(taken.recipients) == RECIPIENTS - 1
    (dot,) = server.stages(Stage.DOT)
    assert (dot["chunked"] is not None) is chunking
