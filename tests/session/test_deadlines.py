"""A server that stalls or drips at any stage is left within its deadline and a second."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass

import pytest
import uvloop

from mailbatch.envelope import Envelope
from mailbatch.errors import SessionError
from mailbatch.octets import Octets
from mailbatch.outcome import Outcome
from mailbatch.smtp.server import Server, Timeouts
from mailbatch.smtp.session import Session
from tests.support.faults import Fault, Kind, Stage

#: Long enough for a healthy reply on a busy machine.
DEADLINE = 1.0
LATE = DEADLINE + 1.0
SOON = Timeouts(DEADLINE, DEADLINE, DEADLINE, DEADLINE)
#: Reading the machine's trust anchors holds up all conversations of a loop, before they connect.
PATIENT_TO_CONNECT = Timeouts(10.0, DEADLINE, DEADLINE, DEADLINE)
#: So these get the time that others need for that, too.
CONNECT = 4.0
SOON_TO_CONNECT = Timeouts(CONNECT, DEADLINE, DEADLINE, DEADLINE)
CONNECTING = {Stage.BANNER, Stage.TLS}
#: What becomes of a conversation: the failure, the words in it, the recipient's status.
ENDS = {
    Stage.BANNER: ("SessionTimeout", "did not greet within 4 s", None),
    Stage.EHLO: ("SessionTimeout", "did not answer in time in reply to EHLO", None),
    Stage.STARTTLS: ("SessionTimeout", "did not answer in time in reply to STARTTLS", None),
    Stage.TLS: ("ConnectError", "no TLS handshake with", None),
    Stage.EHLO2: ("SessionTimeout", "did not answer in time in reply to EHLO", None),
    Stage.AUTH: ("SessionTimeout", "did not answer in time in reply to AUTH", None),
    Stage.AUTH_FINAL: ("SessionTimeout", "did not answer in time in reply to AUTH", None),
    Stage.MAIL: ("SessionTimeout", "did not answer in time in reply to MAIL FROM", "pending"),
    Stage.RCPT: ("SessionTimeout", "did not answer in time in reply to RCPT TO", "pending"),
    Stage.DATA: ("SessionTimeout", "did not answer in time in reply to DATA", "pending"),
    Stage.DOT: ("SessionTimeout", "did not answer in time in reply to end of data", "in_doubt"),
    # What was settled before is not touched by a late farewell.
    Stage.RSET: (None, "", "deferred"),
    Stage.QUIT: (None, "", "accepted"),
}
ENCRYPTED = {Stage.STARTTLS, Stage.TLS, Stage.EHLO2}


@dataclass
class Talk:
    """One conversation: when its last wait began, how it ended."""

    since: float = 0.0
    seconds: float = 0.0
    error: SessionError | None = None
    outcome: Outcome | None = None

    async def hold(self, server: Server, content: bytes = b"A: b\r\n\r\nc") -> None:
        """Open a session, send one message, quit; keep what came of it."""
        attempt = None
        self.since = time.monotonic()
        try:
            session = await Session.open(server)
            self.since = time.monotonic()
            envelope = Envelope("news@example.com", ("ann@example.net",))
            attempt = session.begin(envelope, size=len(content), eight_bit=False)
            if await session.content_wanted():
                self.since = time.monotonic()
                if await session.send_content(Octets.of([content])):
                    session.finish()
                await session.done()
            self.since = time.monotonic()
            await session.quit()
        except SessionError as error:
            self.error = error
        self.seconds = time.monotonic() - self.since
        if attempt is not None:
            (self.outcome,) = attempt.outcomes()

    def end(self, words: str) -> tuple[str | None, str, str | None]:
        """Return how it ended, in the form of `ENDS`."""
        found = words if words in str(self.error or "") else str(self.error)
        kind = type(self.error).__name__ if self.error is not None else None
        return kind, found, str(self.outcome.status) if self.outcome is not None else None


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.DRIP])
def test_a_silent_or_dripping_server_is_left_at_the_deadline(fault_server, certificates, kind):
    """At every stage; all at once, because nearly all of it is waiting."""
    talks = {stage: Talk() for stage in ENDS}
    servers = {}
    for stage in ENDS:
        faults = [Fault(stage, kind, pace=0.25)]
        if stage is Stage.RSET:  # it is only said behind a refused DATA
            faults.append(Fault(Stage.DATA, Kind.TRANSIENT))
        encrypted = stage in ENCRYPTED
        servers[stage] = fault_server(
            *faults,
            security="starttls" if encrypted else "plaintext",
            tls_context=certificates.server_context() if encrypted else None,
            mechanisms=["LOGIN"] if stage is Stage.AUTH else ["PLAIN"],
        )

    async def all_at_once() -> None:
        async with asyncio.TaskGroup() as group:
            for stage, server in servers.items():
                where = Server(
                    "localhost",
                    server.port,
                    security="starttls" if stage in ENCRYPTED else "plaintext",
                    username="App",
                    password="secret",
                    ca_file=certificates.ca_file,
                    timeouts=SOON_TO_CONNECT if stage in CONNECTING else PATIENT_TO_CONNECT,
                )
                group.create_task(talks[stage].hold(where))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(all_at_once())
    assert {stage: talk.end(ENDS[stage][1]) for stage, talk in talks.items()} == ENDS
    assert [stage for stage, server in servers.items() if server.faults_left] == []
    # Opening has several replies with a deadline each, of which only one was late.
    late = {stage: CONNECT + LATE if stage in CONNECTING else LATE for stage in ENDS}
    assert {s: talk.seconds for s, talk in talks.items() if talk.seconds > late[s]} == {}


@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_server_that_reads_no_content_is_left_at_the_deadline(fault_server, loop):
    """Writing has a deadline, too: a block of content that nobody takes is not in doubt."""
    server = fault_server(Fault(Stage.BODY, Kind.STALL), receive_buffer=4096)
    where = Server("127.0.0.1", server.port, security="plaintext", auth="none", timeouts=SOON)
    content = b"A: b\r\n\r\n" + (b"0123456789" * 9 + b"\r\n") * 100_000
    talk = Talk()
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(talk.hold(where, content))
    assert talk.end("did not answer") == ("SessionTimeout", "did not answer", "pending")
    assert talk.seconds < LATE


def test_slow_replies_each_within_its_deadline_are_no_failure(fault_server):
    """The deadline is that of a reply, not of a conversation."""
    deadline = 2 * DEADLINE
    # Four replies of 25 to 60 bytes: each takes less than half of it, together they take more.
    pace = deadline / 125
    server = fault_server(
        *(Fault(s, Kind.DRIP, pace=pace) for s in (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT))
    )
    patient = Timeouts(deadline, deadline, deadline, deadline)
    where = Server("127.0.0.1", server.port, security="plaintext", auth="none", timeouts=patient)
    talk = Talk()
    begun = time.monotonic()
    asyncio.run(talk.hold(where))
    assert talk.end("") == (None, "", "accepted")
    assert time.monotonic() - begun > deadline


def test_nobody_at_the_address_is_noticed_at_the_deadline():
    """A listener whose queue is full answers nobody who knocks."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        knocking = [socket.socket() for _ in range(4)]
        for sock in knocking:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        where = Server("127.0.0.1", port, security="plaintext", auth="none", timeouts=SOON)
        talk = Talk()
        asyncio.run(talk.hold(where))
        for sock in knocking:
            sock.close()
    assert talk.end("did not answer within 1 s") == (
        "ConnectError", "did not answer within 1 s", None,
    )  # fmt: skip
    assert talk.seconds < LATE
