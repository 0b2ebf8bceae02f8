"""The state machine: its table, what the caller may want when, transcripts, and size."""

import re
import time

import pytest

from mailbatch.envelope import Envelope
from mailbatch.errors import (
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    ServiceUnavailable,
)
from mailbatch.outcome import Reply, Status
from mailbatch.sasl import Login, Plain
from mailbatch.smtp import events
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.content import stuff
from mailbatch.smtp.phases import TRANSITIONS, Phase, Signal

ENVELOPE = Envelope("a@example.com", ("b@example.org",))
NEEDED = (b"PIPELINING", b"CHUNKING", b"ENHANCEDSTATUSCODES")
KEYWORDS = (
    b"250-server.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n"
    b"250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"
)


def all_events(connection):
    """Everything that has happened."""
    found = []
    while (event := connection.next_event()) is not None:
        found.append(event)
    return found


def answer(connection, data):
    """Hand over what may leave, take this answer, return the events."""
    connection.data_to_send()
    connection.receive_data(data)
    return all_events(connection)


def connection_in(phase, **options):
    """A connection that has come to this phase."""
    connection = Connection(local_name="client.example", **options)

    def ready():
        answer(connection, b"220 hi\r\n")
        connection.hello()
        answer(connection, KEYWORDS)

    def content():
        ready()
        connection.begin(ENVELOPE)
        answer(connection, b"250 ok\r\n250 ok\r\n354 go\r\n")

    def then(steps, *intents):
        steps()
        for intent in intents:
            intent()

    ways = {
        Phase.GREETING: lambda: None,
        Phase.GREETED: lambda: answer(connection, b"220 hi\r\n"),
        Phase.HELLO: lambda: then(ways[Phase.GREETED], connection.hello),
        Phase.READY: ready,
        Phase.STARTTLS: lambda: then(ready, connection.start_tls),
        Phase.HANDSHAKE: lambda: then(
            ready, connection.start_tls, lambda: answer(connection, b"220 go\r\n")
        ),
        Phase.AUTH: lambda: then(ready, lambda: connection.authenticate(Plain("u", "secret"))),
        Phase.TRANSACTION: lambda: then(ready, lambda: connection.begin(ENVELOPE)),
        Phase.HELD: lambda: then(ready, lambda: connection.begin(ENVELOPE, held=True)),
        Phase.FLIGHT: lambda: then(
            ways[Phase.HELD], lambda: connection.send_chunk(b"x\r\n"), connection.data_to_send
        ),
        Phase.CONTENT: content,
        Phase.END_OF_DATA: lambda: then(content, connection.finish_content),
        Phase.REFUSED: lambda: answer(connection, b"554 no\r\n"),
        Phase.QUITTING: lambda: then(ready, connection.quit),
        Phase.CLOSED: lambda: then(ready, connection.receive_eof),
    }
    ways[phase]()
    assert connection.state.phase is phase
    return connection


INTENTS = {
    Signal.HELLO: Connection.hello,
    Signal.START_TLS: Connection.start_tls,
    Signal.TLS_STARTED: Connection.tls_started,
    Signal.AUTHENTICATE: lambda connection: connection.authenticate(Plain("u", "secret")),
    Signal.BEGIN: lambda connection: connection.begin(ENVELOPE),
    Signal.HOLD: lambda connection: connection.begin(ENVELOPE, held=True),
    Signal.CHUNK: lambda connection: connection.send_chunk(b"x\r\n"),
    Signal.BODY: lambda connection: connection.send_body(b"x\r\n"),
    Signal.FINISH: Connection.finish_content,
    Signal.RESET: Connection.reset,
    Signal.NOOP: Connection.noop,
    Signal.QUIT: Connection.quit,
}


@pytest.mark.parametrize("signal", INTENTS)
@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CLOSED])
def test_intents_follow_the_table(phase, signal):
    """An intent leads where the table says, or is refused and changes nothing."""
    connection = connection_in(phase)
    before = connection.state.owed
    target = TRANSITIONS[phase].get(signal)
    if target is None:
        with pytest.raises(LocalProtocolError, match=f"{signal} is not possible in the phase"):
            INTENTS[signal](connection)
        assert (connection.state.phase, connection.state.owed) == (phase, before)
    else:
        INTENTS[signal](connection)
        assert connection.state.phase is target


def test_every_phase_can_be_reached_and_left():
    """The table has a row for each phase, and no phase but CLOSED is reached by nothing."""
    assert set(TRANSITIONS) == set(Phase)
    reached = {target for row in TRANSITIONS.values() for target in row.values()}
    assert set(Phase) - reached == {Phase.GREETING, Phase.CLOSED}
    assert {phase for phase, row in TRANSITIONS.items() if not row} == {
        Phase.QUITTING,
        Phase.CLOSED,
    }


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CLOSED])
def test_every_phase_ends_once(phase):
    """However it ends, the end is said once, and nothing leaves or is read any more."""
    connection = connection_in(phase)
    all_events(connection)
    open_transactions = int(connection.state.transaction is not None)
    connection.connection_lost("gone")
    connection.connection_lost("gone again")
    connection.receive_eof()
    connection.receive_data(b"250 ok\r\n\x00")
    found = all_events(connection)
    assert [type(event) for event in found] == [events.TransactionDone] * open_transactions + [
        events.Closed
    ]
    assert found[-1] == events.Closed("gone")
    assert (connection.data_to_send(), connection.state.owed, connection.state.transaction) == (
        b"",
        None,
        None,
    )


def say_quit(connection):
    """Say QUIT and get its reply."""
    connection.quit()
    answer(connection, b"221 bye\r\n")


@pytest.mark.parametrize(
    ("ending", "failure"),
    [
        (Connection.receive_eof, ConnectionLost),
        (lambda connection: connection.receive_data(b"421 bye\r\n"), ServiceUnavailable),
        (lambda connection: connection.receive_data(b"250 what\r\n"), RemoteProtocolError),
        (say_quit, LocalProtocolError),
    ],
)
def test_a_closed_connection_says_why(ending, failure):
    """Intents then raise what ended the connection; only after our own QUIT it is our mistake."""
    connection = connection_in(Phase.READY)
    ending(connection)
    for intent in INTENTS.values():
        with pytest.raises(failure) as raised:
            intent(connection)
        assert type(raised.value) is failure


def test_a_protocol_error_is_raised_behind_the_events_before_it_and_for_ever():
    """Events come first, then the error, at every call."""
    connection = connection_in(Phase.READY)
    connection.begin(ENVELOPE)
    connection.data_to_send()
    connection.receive_data(b"250 ok\r\ngarbage\r\n250 ok\r\n")
    assert isinstance(connection.next_event(), events.TransactionDone)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="garbage"):
            connection.next_event()


def test_nothing_leaves_twice():
    """What was handed over is gone from the queue."""
    connection = connection_in(Phase.READY)
    connection.begin(ENVELOPE)
    assert connection.data_to_send() != b""
    assert connection.data_to_send() == b""


def test_refused_begin_leaves_nothing_behind():
    """After a refused `begin` the connection is as before."""
    connection = connection_in(Phase.READY)
    with pytest.raises(LocalProtocolError):
        connection.begin(Envelope("a@example.com", ("b@example.org", "c@example.org\r\n")))
    assert (connection.state.phase, connection.state.transaction) == (Phase.READY, None)
    assert connection.data_to_send() == b""


def test_replies_are_counted():
    """`replies` grows with each complete reply and with nothing else: deadlines are per reply."""
    connection = connection_in(Phase.READY)
    before = connection.state.replies
    connection.begin(ENVELOPE)
    connection.data_to_send()
    connection.receive_data(b"250-o\r\n250 ok\r\n25")
    assert connection.state.replies == before + 1
    connection.receive_data(b"0 ok\r\n")
    assert connection.state.replies == before + 2
    assert connection.state.owed is Verb.DATA


def test_end_of_data_is_handed_over_exactly_when_it_is():
    """The body leaves, then the end of data; only the second call makes it a doubt."""
    connection = connection_in(Phase.CONTENT)
    transaction = connection.state.transaction
    connection.send_body(b"x\r\n")
    assert connection.data_to_send() == b"x\r\n"
    assert transaction.handed_over
    assert not transaction.end_of_data_handed_over
    connection.finish_content()
    assert not transaction.end_of_data_handed_over
    assert connection.data_to_send() == b".\r\n"
    assert transaction.end_of_data_handed_over
    connection.connection_lost("gone")
    assert [outcome.status for outcome in transaction.outcomes()] == [Status.IN_DOUBT]


def test_blocks_of_a_content_are_handed_over_as_they_are():
    """No block is copied, and they are handed over all at once."""
    connection = connection_in(Phase.CONTENT)
    blocks = [b"x" * 900 + b"\r\n", b"y" * 900 + b"\r\n"]
    for block in blocks:
        connection.send_body(block)
    handed = connection.pieces_to_send()
    assert [piece is block for piece, block in zip(handed, blocks, strict=True)] == [True, True]
    assert connection.pieces_to_send() == []
    assert not connection.state.open_transaction().end_of_data_handed_over


def test_a_flight_is_handed_over_as_a_whole():
    """Nothing leaves before the content is there; then the end of data leaves with all the rest."""
    connection = connection_in(Phase.HELD)
    transaction = connection.state.transaction
    assert connection.data_to_send() == b""
    assert not transaction.handed_over
    connection.send_chunk(b"Subject: x\r\n\r\n.\r\n.x")
    assert not transaction.end_of_data_handed_over
    assert connection.data_to_send() == (
        b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nBDAT 21 LAST\r\n"
        b"Subject: x\r\n\r\n.\r\n.x\r\n"
    )
    assert transaction.end_of_data_handed_over
    assert connection.state.owed is Verb.MAIL


@pytest.mark.parametrize("missing", [b"PIPELINING", b"CHUNKING", b"ENHANCEDSTATUSCODES"])
def test_no_flight_without_all_three(missing):
    """BDAT is used where its reply can be told from the others, and after no failure."""
    connection = connection_in(Phase.HELLO)
    keywords = [b"250-%s\r\n" % word for word in NEEDED if word != missing]
    answer(connection, b"250-server.example\r\n" + b"".join(keywords) + b"250 SIZE\r\n")
    assert not connection.state.chunking
    with pytest.raises(LocalProtocolError, match="not on offer"):
        connection.begin(ENVELOPE, held=True)
    connection.begin(ENVELOPE)
    assert connection.data_to_send() != b""


@pytest.mark.parametrize(
    ("answers", "failed"),
    [
        (b"250 ok\r\n250 ok\r\n250 ok\r\n", None),
        (b"250 ok\r\n250 ok\r\n554 no\r\n", None),
        (b"250 ok\r\n550 no\r\n503 what?\r\n", None),
        (b"250 ok\r\n250 ok\r\n502 what?\r\n", "announces CHUNKING and said '502 what\\?'"),
        (b"250 ok\r\n250 ok\r\n503 what?\r\n", "announces CHUNKING and said '503 what\\?'"),
        (b"250 ok\r\n250 ok\r\n354 go\r\n", "said 354 in reply to BDAT"),
        (b"250 ok\r\n250 ok\r\n250 2.1.5 ok\r\n", "'250 2.1.5 ok' in reply to BDAT"),
        (b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n", "owed no reply"),
    ],
)
def test_what_makes_chunking_fail(answers, failed):
    """A refused content does not; a refused command and every broken rule behind BDAT do."""
    connection = connection_in(Phase.FLIGHT)
    connection.receive_data(answers)
    connection.data_to_send()
    if failed is None:
        assert connection.state.bdat.trust.failure is None
    else:
        assert re.search(failed, connection.state.bdat.trust.failure)
        assert not connection.state.chunking


@pytest.mark.parametrize("worked", [False, True])
@pytest.mark.parametrize("answers", [b"", b"250 ok\r\n250 ok\r\n"])
def test_a_session_lost_behind_its_first_bdat_makes_chunking_fail(answers, worked):
    """What hangs or closes at every BDAT must not leave somebody in doubt each time."""
    connection = connection_in(Phase.FLIGHT)
    if worked:
        answer(connection, b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 taken\r\n")
        connection.begin(ENVELOPE, held=True)
        connection.send_chunk(b"x\r\n")
        connection.data_to_send()
    connection.receive_data(answers)
    transaction = connection.state.transaction
    connection.connection_lost("reset by peer")
    assert [o.status for o in transaction.outcomes()] == [Status.IN_DOUBT]
    failure = connection.state.bdat.trust.failure
    if worked:
        assert failure is None
    else:
        assert "no BDAT has worked with the server: reset by peer" in failure


def test_a_shutdown_behind_bdat_says_nothing_of_chunking():
    connection = connection_in(Phase.FLIGHT)
    connection.receive_data(b"421 going down\r\n")
    assert connection.state.bdat.trust.failure is None


def test_a_server_that_takes_the_content_for_commands_is_found_out():
    """Answers to its lines come in place of that to RSET: the session ends, nothing followed."""
    connection = connection_in(Phase.FLIGHT)
    connection.receive_data(b"250 ok\r\n550 no\r\n503 nobody\r\n")
    transaction = connection.begin(ENVELOPE, held=True)
    connection.send_chunk(b"x\r\n")
    assert connection.data_to_send() == b"RSET\r\n"
    connection.receive_data(b"500 what?\r\n")
    assert connection.state.phase is Phase.CLOSED
    assert "refused RSET: 500 what?" in connection.state.bdat.trust.failure
    assert [(o.status, o.counted) for o in transaction.outcomes()] == [(Status.PENDING, False)]


def test_a_refused_bdat_is_cleared_before_the_next_flight():
    """RFC 3030 2: RSET, and nothing behind it before its reply."""
    connection = connection_in(Phase.FLIGHT)
    connection.receive_data(b"250 ok\r\n550 no\r\n554 5.5.1 nobody\r\n")
    connection.begin(ENVELOPE, held=True)
    connection.send_chunk(b"x\r\n")
    assert connection.data_to_send() == b"RSET\r\n"
    transaction = connection.state.transaction
    assert not transaction.handed_over
    connection.receive_data(b"250 ok\r\n")
    assert connection.data_to_send().endswith(b"BDAT 3 LAST\r\nx\r\n")
    connection.receive_data(b"250 ok\r\n250 ok\r\n250 2.0.0 queued\r\n")
    assert [outcome.status for outcome in transaction.outcomes()] == [Status.ACCEPTED]


def test_body_in_parts():
    """Parts cut anywhere come to the same bytes as the whole."""
    content = b"Subject: x\r\n\r\n" + b".a line\r\n" * 50
    stuffed = stuff(content)
    parts = connection_in(Phase.CONTENT)
    sent = b""
    for start in range(0, len(stuffed), 7):
        parts.send_body(stuffed[start : start + 7])
        sent += parts.data_to_send() if start % 2 else b""
    parts.finish_content()
    sent += parts.data_to_send()
    whole = connection_in(Phase.CONTENT)
    whole.send_content(content)
    assert sent == whole.data_to_send() == stuffed + b".\r\n"


def test_empty_content():
    """A content without a line is legal: the end of data alone (RFC 5321 4.1.1.4)."""
    connection = connection_in(Phase.CONTENT)
    connection.send_content(b"")
    assert connection.data_to_send() == b".\r\n"


def test_transcript():
    """Every line of both sides in its order, content as its size, no secret at all."""
    lines = []
    connection = Connection(
        local_name="client.example", transcript=lambda side, line: lines.append((side, line))
    )
    answer(connection, b"220 hi\x1b[2J\r\n")
    connection.hello()
    answer(connection, KEYWORDS)
    connection.start_tls()
    answer(connection, b"220 go\r\n")
    connection.tls_started()
    connection.hello()
    answer(connection, KEYWORDS)
    connection.authenticate(Login("App", "correct-horse"))
    answer(connection, b"334 VXNlcm5hbWU6\r\n")
    answer(connection, b"334 UGFzc3dvcmQ6\r\n")
    answer(connection, b"535 no: Y29ycmVjdC1ob3JzZQ== correct-horse\r\n")
    connection.authenticate(Plain("App", "correct-horse"))
    answer(connection, b"235 ok\r\n")
    connection.begin(ENVELOPE, size=7)
    answer(connection, b"250 ok\r\n250 ok\r\n354 go\r\n")
    connection.send_content(b"secret\r\n")
    connection.data_to_send()
    connection.receive_data(b"250 queued\r\nrubbish\xff\r\n")
    text = [f"{side}: {line.decode()}" for side, line in lines]
    assert text[:4] == ["S: 220 hi\\x1b[2J", "C: EHLO client.example", "S: 250-server.example",
                        "S: 250-PIPELINING"]  # fmt: skip
    assert text[text.index("C: AUTH LOGIN") :] == [
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "C: ***",
        "S: 334 UGFzc3dvcmQ6",
        "C: ***",
        "S: 535 no: *** ***",
        "C: AUTH PLAIN ***",
        "S: 235 ok",
        "C: MAIL FROM:<a@example.com>",
        "C: RCPT TO:<b@example.org>",
        "C: DATA",
        "S: 250 ok",
        "S: 250 ok",
        "S: 354 go",
        "C: <8 bytes of content>",
        "C: .",
        "S: 250 queued",
        "S: rubbish\\xff",
    ]


def test_transcript_of_a_body_in_parts():
    """Each part is one line, the end of data another."""
    lines = []
    connection = connection_in(
        Phase.CONTENT, transcript=lambda side, line: lines.append((side, line))
    )
    lines.clear()
    connection.send_body(b"one\r\n")
    connection.send_body(b"two\r\n")
    connection.finish_content()
    assert connection.data_to_send() == b"one\r\ntwo\r\n.\r\n"
    assert lines == [("C", b"<5 bytes of content>"), ("C", b"<5 bytes of content>"), ("C", b".")]


def test_transcript_of_a_flight():
    """The commands are lines, the content is its size."""
    lines = []
    connection = connection_in(Phase.HELD, transcript=lambda side, line: lines.append((side, line)))
    lines.clear()
    connection.send_chunk(b"secret\r\n")
    connection.data_to_send()
    assert [line for _, line in lines] == [
        b"MAIL FROM:<a@example.com>",
        b"RCPT TO:<b@example.org>",
        b"BDAT 8 LAST",
        b"<8 bytes of content>",
    ]


def test_no_secret_in_what_the_connection_shows():
    """Neither the connection nor its events hold the credentials where one could see them."""
    connection = connection_in(Phase.AUTH)
    assert "secret" not in repr(vars(connection))
    (event,) = answer(connection, b"535 5.7.8 bad secret AHUAc2VjcmV0\r\n")
    assert event == events.AuthenticationRefused(Reply(535, ("bad *** ***",), "5.7.8"))


def test_ten_thousand_recipients():
    """The engine is not quadratic: ten times the recipients take about ten times as long."""

    def seconds(count):
        connection = connection_in(Phase.READY)
        paths = tuple(f"user{number}@example.org" for number in range(count))
        replies = b"250 ok\r\n" + b"250 2.1.5 ok\r\n" * count + b"354 go\r\n"
        start = time.process_time()
        transaction = connection.begin(Envelope("a@example.com", paths))
        data = connection.data_to_send()
        for position in range(0, len(replies), 1000):
            connection.receive_data(replies[position : position + 1000])
        connection.send_content(b"x\r\n")
        connection.data_to_send()
        connection.receive_data(b"250 queued\r\n")
        outcomes = transaction.outcomes()
        took = time.process_time() - start
        assert data.count(b"\r\n") == count + 2
        assert tuple(outcome.address for outcome in outcomes) == paths
        assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
        return took

    assert min(seconds(20_000) for _ in range(3)) < 40 * min(seconds(2_000) for _ in range(3))


def test_indices_of_many_replies():
    """Each of a thousand recipients gets its own reply."""
    connection = connection_in(Phase.READY)
    paths = tuple(f"user{number}@example.org" for number in range(1000))
    transaction = connection.begin(Envelope("a@example.com", paths))
    connection.data_to_send()
    replies = [f"{550 if number % 3 else 250} r{number}\r\n" for number in range(1000)]
    connection.receive_data(b"250 ok\r\n" + "".join(replies).encode() + b"354 go\r\n")
    connection.send_content(b"x\r\n")
    connection.data_to_send()
    connection.receive_data(b"250 queued\r\n")
    for number, outcome in enumerate(transaction.outcomes()):
        assert outcome.reply.text == (f"r{number}" if number % 3 else "queued")
