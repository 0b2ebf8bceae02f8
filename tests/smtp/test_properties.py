"""What holds for every server: garbage, lies, cuts anywhere, and a random one with a journal."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.envelope import Envelope
from mailbatch.errors import RemoteProtocolError
from mailbatch.outcome import Status
from mailbatch.smtp import events
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.phases import Phase
from tests.smtp.conversation import show_event
from tests.smtp.test_connection import connection_in

QUICK = settings(deadline=None, max_examples=100)

CODES = st.sampled_from(
    [220, 221, 235, 250, 250, 250, 251, 334, 354, 354, 421, 450, 451, 452, 500, 503, 535, 550, 552]
)
LINES = st.builds(
    lambda code, mark, text, end: f"{code}{mark}{text}{end}".encode(),
    CODES,
    st.sampled_from([" ", " ", " ", "-", ""]),
    st.sampled_from(["ok", "4.5.3 too many recipients", "PIPELINING", "AUTH PLAIN", "\0", ""]),
    st.sampled_from(["\r\n", "\r\n", "\n"]),
)
STREAMS = st.lists(st.one_of(LINES, LINES, LINES, st.binary(max_size=6)), max_size=12)


def drain(connection):
    """The events as text, and the protocol error if there is one."""
    found = []
    try:
        while (event := connection.next_event()) is not None:
            found.append(show_event(event))
            if isinstance(event, events.TransactionDone):
                found.extend(map(str, event.transaction.outcomes()))
    except RemoteProtocolError as error:
        found.append(show_event(error))
    return found


def fed(phase, pieces):
    """A connection in this phase that got these pieces, with everything that came of it."""
    connection = connection_in(phase)
    sent = [connection.data_to_send()]
    for piece in pieces:
        connection.receive_data(piece)
    found = drain(connection)
    sent.append(connection.data_to_send())
    connection.receive_eof()
    return connection, sent, found + drain(connection)


@given(phase=st.sampled_from(list(Phase)), stream=STREAMS, data=st.data())
@QUICK
def test_any_bytes_in_any_phase(phase, stream, data):
    """Whatever the server sends, there are events or a RemoteProtocolError and nothing else.

    And cut in any other way it is the same: bytes, events, outcomes, phase.
    """
    whole = b"".join(stream)
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[i:j] for i, j in zip([0, *places], [*places, len(whole)], strict=True)]
    expected, sent, found = fed(phase, [whole])
    assert expected.state.phase is Phase.CLOSED
    assert found.count("TransactionDone") == (
        phase in {Phase.TRANSACTION, Phase.HELD, Phase.FLIGHT, Phase.CONTENT, Phase.END_OF_DATA}
    )
    for cut in (pieces, [whole[i : i + 1] for i in range(len(whole))]):
        connection, other_sent, other_found = fed(phase, cut)
        assert (other_sent, other_found) == (sent, found)
        assert connection.state.replies == expected.state.replies


class Server:
    """A server that answers at random, reads with its own eyes, and keeps a journal.

    `draw` gives the code for each command. It knows what it took and from whom; the engine's
    outcomes are compared with that.
    """

    def __init__(self, draw, *, pipelining, chunking=False):
        self.draw = draw
        self.pipelining = pipelining
        self.chunking = chunking
        self.inbox = b""
        self.reading = False
        self.gone = False
        self.replies = 0
        self.commands = 0
        self.sender = False
        self.accepted = []
        self.taken = []
        self.doubtful = set()

    def take(self, data):
        """Read what came; return the answers."""
        answers = []
        self.inbox += data
        while b"\r\n" in self.inbox and not self.gone:
            line, _, self.inbox = self.inbox.partition(b"\r\n")
            if line.startswith(b"BDAT") and not self.reading:
                size, last = line[5:].split()
                assert last == b"LAST"
                chunk, self.inbox = self.inbox[: int(size)], self.inbox[int(size) :]
                assert chunk == CONTENT
                assert self.inbox == b"", "bytes behind a BDAT"
                self.commands += 1
                answers.append(self.bdat())
                continue
            if self.reading and line != b".":
                continue
            if not self.pipelining or self.reading or line == b"DATA":
                assert self.inbox == b"", "bytes behind a command that ends its group"
            self.commands += 1
            answers.append(self.answer(line))
        return b"".join(answer for answer in answers if answer)

    def answer(self, line):
        """Decide, note, and answer one command."""
        if self.reading:
            return self.final()
        if line.startswith(b"EHLO"):
            keywords = b"250-PIPELINING\r\n" if self.pipelining else b""
            keywords += b"250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n" if self.chunking else b""
            return self.say(b"250-server.example\r\n" + keywords + b"250 8BITMIME\r\n")
        kind = line[:4]
        code = self.draw({b"DATA": "data", b"RSET": "rset"}.get(kind, "command"))
        if code == "gone":
            self.gone = True
            if b"BDAT " in self.inbox:
                self.doubtful = self.unrefused(line)
            return b""
        if kind == b"MAIL":
            assert not self.sender, "MAIL in an open transaction"
            self.sender, self.accepted = code[0] == "2", []
        elif kind == b"RCPT" and code[0] == "2":
            if not self.sender:
                code = "503"
            else:
                self.accepted.append(line[9:-1].decode())
        elif kind == b"DATA":
            if not self.sender:
                code = "503"
            self.reading = code == "354"
        elif kind == b"RSET":
            self.sender = False
        return self.say(f"{code} said to {kind.decode()}\r\n".encode())

    def unrefused(self, line):
        """Those of a flight whom a client cannot rule out that hears nothing more."""
        if line.startswith(b"RCPT") and not self.sender:
            return set()
        coming = re.findall(rb"RCPT TO:<(.*?)>", line + b"\r\n" + self.inbox)
        before = [] if line.startswith(b"MAIL") else self.accepted
        return {*before, *(path.decode() for path in coming)}

    def bdat(self):
        """Answer a whole content by its octets."""
        code = self.draw("bdat")
        accepted = self.accepted if self.sender else []
        if code == "gone":
            self.gone = True
            self.doubtful = set(accepted)
            return b""
        if code[0] == "2" and not self.sender:
            code = "503"
        if code[0] == "2":
            self.taken.extend(accepted)
            self.sender = False
        # Refused, it stays open until RSET.
        return self.say(f"{code} said to BDAT\r\n".encode())

    def final(self):
        """Answer the end of data; whoever is accepted and taken has the message."""
        code = self.draw("final")
        accepted, self.accepted, self.reading, self.sender = self.accepted, [], False, False
        if code == "gone":
            self.gone = True
            self.doubtful = set(accepted)
            return b""
        if code[0] == "2":
            self.taken.extend(accepted)
        return self.say(f"{code} said to the end of data\r\n".encode())

    def say(self, answer):
        """Send a reply, and go after a 421."""
        self.replies += 1
        self.gone = answer.startswith(b"421")
        return answer


CONTENT = b"Subject: x\r\n\r\n.\r\nRSET\r\n"
ANSWERS = {
    "bdat": st.sampled_from(["250"] * 8 + ["451", "502", "503", "554", "421", "gone"]),
    "command": st.sampled_from(
        ["250"] * 12 + ["251", "450", "452", "503", "550", "552", "421", "gone"]
    ),
    "data": st.sampled_from(["354"] * 8 + ["451", "503", "554", "421", "gone"]),
    "final": st.sampled_from(["250"] * 8 + ["451", "554", "421", "gone"]),
    "rset": st.sampled_from(["250"] * 8 + ["421", "gone"]),
}


def converse(connection, server, data):
    """Turn until nothing moves any more; the bytes of the server arrive in random pieces."""
    found = []
    while True:
        sent = connection.data_to_send()
        answers = server.take(sent) if sent else b""
        while answers:
            size = data.draw(st.sampled_from([1, 7, 1000]))
            connection.receive_data(answers[:size])
            answers = answers[size:]
        if server.gone:
            connection.receive_eof()
        while (event := connection.next_event()) is not None:
            found.append(event)
            if isinstance(event, events.ContentWanted):
                connection.send_content(CONTENT)
        if not sent and not connection.data_to_send():
            return found


@given(
    pipelining=st.booleans(),
    chunking=st.booleans(),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    data=st.data(),
)
@QUICK
def test_random_server(pipelining, chunking, sizes, data):
    """Against any server every recipient has one outcome, and it is the truth.

    Every command has its one reply; accepted are exactly those whose message the server took;
    in doubt only those whose end of data it did not answer.
    """
    server = Server(lambda kind: data.draw(ANSWERS[kind]), pipelining=pipelining, chunking=chunking)
    connection = Connection(local_name="client.example")
    connection.receive_data(b"220 hi\r\n")
    assert isinstance(connection.next_event(), events.Greeted)
    connection.hello()
    (hello,) = converse(connection, server, data)
    assert isinstance(hello, events.HelloDone)
    accepted, doubtful, done = [], [], 0
    for number, size in enumerate(sizes):
        if connection.state.phase is Phase.CLOSED:
            break
        paths = tuple(f"t{number}r{index}@example.org" for index in range(size))
        held = connection.state.chunking
        transaction = connection.begin(Envelope("a@example.com", paths), held=held)
        if held:
            connection.send_chunk(CONTENT)
        found = converse(connection, server, data)
        settled = [e.transaction for e in found if isinstance(e, events.TransactionDone)]
        assert settled == [transaction]
        outcomes = transaction.outcomes()
        assert tuple(outcome.address for outcome in outcomes) == paths
        accepted += [o.address for o in outcomes if o.status is Status.ACCEPTED]
        doubtful += [o.address for o in outcomes if o.status is Status.IN_DOUBT]
        done += 1
    assert accepted == server.taken
    assert set(doubtful) == server.doubtful
    # One reply is the greeting's. A server that is gone leaves what it did not answer.
    assert connection.state.replies == server.replies + 1
    if connection.state.phase is not Phase.CLOSED:
        assert connection.state.replies == server.commands + 1
        assert connection.state.owed is None
        assert done == len(sizes)


def test_the_random_server_notices():
    """The journal's own checks can fail: a byte behind DATA is noticed."""
    server = Server(lambda _kind: "250", pipelining=True)
    assert server.take(b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\n") != b""
    noticed = False
    try:
        server.take(b"DATA\r\nx")
    except AssertionError:
        noticed = True
    assert noticed
    assert Verb.DATA.in_reply_to == "in reply to DATA"
