r"""Conversations as text, replayed against the state machine: the format and its runner.

A conversation is a file of lines; what it shows is also its name. Blank lines and lines that start
with `#` are left out. Every other line is one of these:

    -- INTENT ...      what the caller does (below)
    S: text            the server sends this line and CRLF
    S\ text            the server sends this and no line end; escapes as in Python: \r \n \x00
    S\*N text          ... N times
    C: text            `data_to_send` returns this line and CRLF; lines in a row are one call
    E: event           the next event: its name and what it says; an exception likewise
    O: outcome         the next outcome of the transaction that was done last, in order
    = FACT value       `phase`, `owed`, `deadline`, `capabilities` or `chunking` is this now

Intents are the methods of `Connection` by name:

    -- connect [pipelining=off] [local_name=NAME]   (a new connection; the default needs no line)
    -- ready [KEYWORD; KEYWORD ...]                 (greeting and EHLO with these keywords, done)
    -- hello | start_tls | tls_started | finish_content | reset | noop | quit | receive_eof
    -- authenticate MECHANISM USERNAME PASSWORD
    -- begin FROM TO[,TO ...] [size=N] [at_once=N] [eight_bit] [smtputf8] [held] [dsn=ID:WORD,...]
                                                 (FROM may be <>)
    -- send_content TEXT | send_body TEXT | send_chunk TEXT        (escapes as in Python)
    -- connection_lost REASON
    -- unsent                                       (what the engine wants to send stays there)

Nothing may happen that is not written down: an event, an outcome or a byte too much is a failure.
The server's lines in a row are one stream of bytes that `cut` divides as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mailbatch.envelope import Dsn, Envelope
from mailbatch.errors import SessionError
from mailbatch.outcome import Outcome
from mailbatch.sasl import MECHANISMS
from mailbatch.smtp import events
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.commands import FACTS
from mailbatch.smtp.connection import Connection

FOLDER = Path(__file__).parent.parent / "conversations"

KINDS = {
    "-": "intent",
    "S": "server",
    "C": "client",
    "E": "event",
    "O": "outcome",
    "=": "fact",
}

#: Divides a stream of bytes into the pieces in which it arrives.
Cut = Callable[[bytes], Iterable[bytes]]


@dataclass(frozen=True)
class Step:
    """One line, or lines of the same kind in a row: where it starts, its kind, its content."""

    line: int
    kind: str
    text: str = ""
    data: bytes = b""


def whole(data: bytes) -> list[bytes]:
    """Let everything arrive at once."""
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    """Let every byte arrive by itself."""
    return [data[index : index + 1] for index in range(len(data))]


def in_two(position: int) -> Cut:
    """Let every stream arrive in two pieces, cut at this position."""
    return lambda data: [data[:position], data[position:]]


def unescape(text: str) -> bytes:
    """Read the escapes of a bytes literal."""
    return text.encode("utf-8").decode("unicode_escape").encode("latin-1")


def read(path: Path) -> list[Step]:
    """Read a conversation."""
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        kind, _, text = line.partition(" ")
        data = b""
        if kind in {"S:", "C:"}:
            data = text.encode() + b"\r\n"
        elif kind.startswith("S\\"):
            data = unescape(text) * int(kind[3:] or 1)
        elif kind not in {"--", "E:", "O:", "="}:
            raise ValueError(f"{path.name}:{number}: {line!r} is no line of a conversation")
        if data and steps and steps[-1].kind == kind[0]:
            last = steps.pop()
            steps.append(Step(last.line, last.kind, data=last.data + data))
        else:
            steps.append(Step(number, kind[0], text, data))
    return steps


def longest_stream(steps: list[Step]) -> int:
    """Return the length of the longest stream that the server sends in one go."""
    return max((len(step.data) for step in steps if step.kind == "S"), default=0)


def show_event(event: events.Event | SessionError) -> str:
    """Write an event, or an exception, as conversations do."""
    name = type(event).__name__
    if isinstance(event, SessionError):
        return f"{name} {event}"
    if isinstance(event, events.HelloDone):
        return f"{name} {show_capabilities(event.capabilities)}".strip()
    if isinstance(event, events.Closed):
        return f"{name} {event.reason or ''}".strip()
    return f"{name} {getattr(event, 'reply', '')}".strip()


def show_capabilities(capabilities: Capabilities) -> str:
    """Write what the server can do, in the order of the class."""
    words = [
        name
        for name in (
            "pipelining",
            "starttls",
            "eight_bit_mime",
            "smtputf8",
            "chunking",
            "dsn",
            "enhanced_status_codes",
        )
        if getattr(capabilities, name)
    ]
    if capabilities.size is not None:
        words.append(f"size={capabilities.size}")
    if capabilities.auth:
        words.append(f"auth={','.join(capabilities.auth)}")
    return " ".join(words)


def show_outcome(outcome: Outcome) -> str:
    """Write an outcome as conversations do."""
    text = f"{outcome.address} {outcome.status}"
    if not outcome.counted:
        text += " uncounted"
    if outcome.reply is not None:
        text += f": {outcome.reply}"
    return text + (f" -- {outcome.reason}" if outcome.reason else "")


class Replay:
    """One run of a conversation."""

    def __init__(self, name: str, steps: list[Step], cut: Cut) -> None:
        self.name = name
        self.steps = steps
        self.cut = cut
        self.connection = Connection(local_name="client.example")
        self.events: list[str] = []
        self.outcomes: list[str] = []
        self.begun = 0
        self.done = 0
        self.held_back = False

    def run(self) -> None:
        """Replay it; AssertionError names the line where it went another way."""
        line = 0
        for step in self.steps:
            line = step.line
            if step.kind not in "EO=":
                self._nothing_more(line)
            getattr(self, f"_step_{KINDS[step.kind]}")(step)
        self._nothing_more(line)
        self._check(line, b"", self.connection.data_to_send(), "bytes that nobody wrote down")
        if self.connection.state.transaction is None:
            self._check(line, self.begun, self.done, "transactions done")

    def _check(self, line: int, expected: object, actual: object, what: str) -> None:
        assert expected == actual, f"{self.name}:{line}: {what}: {actual!r} instead of {expected!r}"

    def _nothing_more(self, line: int) -> None:
        self._check(line, [], self.events, "events that nobody wrote down")
        self._check(line, [], self.outcomes, "outcomes that nobody wrote down")

    def _step_server(self, step: Step) -> None:
        if not self.held_back:
            left = self.connection.data_to_send()
            self._check(step.line, b"", left, "bytes that nobody wrote down")
        self.held_back = False
        for piece in self.cut(step.data):
            self.connection.receive_data(piece)
        self._collect()

    def _step_client(self, step: Step) -> None:
        self._check(step.line, step.data, self.connection.data_to_send(), "bytes to the server")

    def _step_event(self, step: Step) -> None:
        self._check(step.line, step.text, self.events.pop(0) if self.events else None, "event")

    def _step_outcome(self, step: Step) -> None:
        self._check(
            step.line, step.text, self.outcomes.pop(0) if self.outcomes else None, "outcome"
        )

    def _step_fact(self, step: Step) -> None:
        name, _, expected = step.text.partition(" ")
        state = self.connection.state
        owed = state.owed
        facts = {
            "phase": state.phase,
            "owed": owed or "",
            "deadline": FACTS[owed].deadline if owed else "",
            "capabilities": show_capabilities(state.capabilities),
            "chunking": "on" if state.chunking else state.bdat.trust.failure or "off",
        }
        self._check(step.line, expected, str(facts[name]), name)

    def _step_intent(self, step: Step) -> None:
        name, _, rest = step.text.partition(" ")
        intent = getattr(self, f"_intent_{name}", None)
        try:
            if intent is not None:
                intent(rest)
            elif rest:
                getattr(self.connection, name)(rest)
            else:
                getattr(self.connection, name)()
        except SessionError as error:
            self.events.append(show_event(error))
        if name in {"receive_eof", "connection_lost"}:
            self._collect()

    def _collect(self) -> None:
        try:
            while (event := self.connection.next_event()) is not None:
                self.events.append(show_event(event))
                if isinstance(event, events.TransactionDone):
                    self.done += 1
                    outcomes = event.transaction.outcomes()
                    paths = event.transaction.envelope.forward_paths
                    assert paths == tuple(outcome.address for outcome in outcomes)
                    self.outcomes = [show_outcome(outcome) for outcome in outcomes]
        except SessionError as error:
            self.events.append(show_event(error))

    def _intent_connect(self, rest: str) -> None:
        options = dict(word.split("=") for word in rest.split())
        self.connection = Connection(
            local_name=options.get("local_name", "client.example"),
            pipelining=options.get("pipelining") != "off",
        )

    def _intent_ready(self, rest: str) -> None:
        connection = self.connection
        connection.receive_data(b"220 ready\r\n")
        assert isinstance(connection.next_event(), events.Greeted)
        connection.hello()
        assert connection.data_to_send() == b"EHLO client.example\r\n"
        keywords = ["server.example", *filter(None, rest.split("; "))]
        lines = [f"250-{keyword}\r\n" for keyword in keywords[:-1]] + [f"250 {keywords[-1]}\r\n"]
        connection.receive_data("".join(lines).encode())
        assert isinstance(connection.next_event(), events.HelloDone)

    def _intent_authenticate(self, rest: str) -> None:
        name, username, password = rest.split()
        self.connection.authenticate(MECHANISMS[name](username, password))

    def _intent_begin(self, rest: str) -> None:
        sender, recipients, *options = rest.split()
        numbers = dict(word.split("=") for word in options if "=" in word)
        envelope_id, _, words = numbers.pop("dsn", "").partition(":")
        given = {name: int(value) for name, value in numbers.items()}
        envelope = Envelope(
            "" if sender == "<>" else sender,
            tuple(unescape(word).decode() for word in recipients.split(",")),
            smtputf8="smtputf8" in options,
            dsn=Dsn(envelope_id, tuple(words.split(","))) if envelope_id else None,
        )
        self.connection.begin(
            envelope,
            size=given.get("size"),
            eight_bit="eight_bit" in options,
            held="held" in options,
            at_once=given.get("at_once"),
        )
        self.begun += 1

    def _intent_send_content(self, rest: str) -> None:
        self.connection.send_content(unescape(rest))

    def _intent_send_body(self, rest: str) -> None:
        self.connection.send_body(unescape(rest))

    def _intent_send_chunk(self, rest: str) -> None:
        self.connection.send_chunk(unescape(rest))

    def _intent_unsent(self, _rest: str) -> None:
        self.held_back = True
