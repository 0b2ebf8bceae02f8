"""Faults as values: at which stage of the dialogue which thing goes wrong, and how often.

    Fault(Stage.DOT, Kind.RST)                         the reply to the first end of data is a reset
    Fault(Stage.RCPT, Kind.TRANSIENT, recipient=3)     the third RCPT of a transaction gets 451
    Fault(Stage.MAIL, Kind.REPLY, text="550 no", times=0)   always

A fault is used up after `times` uses, so that whoever comes back meets a healthy server.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Stage(StrEnum):
    """Where in the dialogue: what the client is owed an answer to."""

    CONNECT = "connect"  # before anything is written
    BANNER = "banner"
    EHLO = "ehlo"  # the first EHLO of a connection
    STARTTLS = "starttls"  # the reply to the command
    TLS = "tls"  # the handshake
    EHLO2 = "ehlo2"  # the EHLO after it
    AUTH = "auth"  # a 334 challenge
    AUTH_FINAL = "auth-final"  # the 235
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the 354
    BODY = "body"  # while content is coming
    CHUNK = "chunk"  # while the octets of a BDAT are coming
    DOT = "dot"  # the reply to the end of data, or to BDAT
    HALF = "half"  # half of that reply is written already
    IDLE = "idle"  # behind that reply, with no command given
    RSET = "rset"
    QUIT = "quit"


class Kind(StrEnum):
    """What goes wrong."""

    RST = "rst"  # the connection is reset
    FIN = "fin"  # the server's side is closed, without a reply
    STALL = "stall"  # neither a reply nor a read any more
    DRIP = "drip"  # the right reply, one byte every `pace` seconds (0.2)
    SHUTDOWN = "421"  # 421, then FIN
    TRANSIENT = "4xx"
    PERMANENT = "5xx"
    GARBAGE = "garbage"  # a line that is no reply
    WRONG_CLASS = "wrong-class"  # a well-formed reply that this command cannot have
    OVERSIZE = "oversize"  # one line of 100,000 bytes
    ENDLESS = "endless"  # a reply of several lines without a last one
    EARLY = "early"  # the right reply, before the command: in one write with the reply before it
    DUPLICATE = "duplicate"  # the right reply, twice
    SPLIT = "split"  # the right reply in writes of one byte: nothing is wrong
    REPLY = "reply"  # `text` instead of the right reply


#: After these the server says no more on the connection.
FINAL_KINDS = frozenset({Kind.RST, Kind.FIN, Kind.STALL, Kind.SHUTDOWN, Kind.ENDLESS})

#: These have no reply at all.
SILENT_KINDS = frozenset({Kind.RST, Kind.FIN, Kind.STALL})

_REFUSALS = {Kind.SHUTDOWN, Kind.TRANSIENT, Kind.PERMANENT}
_REPLIES = _REFUSALS | {Kind.GARBAGE, Kind.OVERSIZE, Kind.ENDLESS}
_EVERY = frozenset(Kind) - {Kind.REPLY}

_APPLICABLE: dict[Stage, Collection[Kind]] = {
    Stage.CONNECT: SILENT_KINDS,
    Stage.BANNER: _EVERY - {Kind.EARLY},
    # No reply comes before this one in TLS, and what comes with the handshake is Stage.TLS.
    Stage.EHLO2: _EVERY - {Kind.EARLY},
    Stage.TLS: SILENT_KINDS | _REPLIES | {Kind.DRIP, Kind.EARLY, Kind.SPLIT},
    Stage.BODY: SILENT_KINDS | _REPLIES | {Kind.WRONG_CLASS, Kind.EARLY},
    Stage.CHUNK: SILENT_KINDS | {Kind.SHUTDOWN},
    Stage.HALF: SILENT_KINDS | {Kind.OVERSIZE, Kind.DRIP, Kind.SPLIT},
    Stage.IDLE: {Kind.RST, Kind.FIN, Kind.EARLY} | _REPLIES,
}


def applicable(stage: Stage, kind: Kind) -> bool:
    """Whether that fault can happen at that stage; `Kind.REPLY` is no fault of its own."""
    return kind in _APPLICABLE.get(stage, _EVERY)


def matrix(*, chunking: bool = False) -> list[tuple[Stage, Kind]]:
    """Every applicable pair of a dialogue with DATA, stage by stage; `chunking`: with BDAT."""
    absent = {Stage.DATA, Stage.BODY} if chunking else {Stage.CHUNK}
    return [
        (stage, kind)
        for stage in Stage
        for kind in Kind
        if stage not in absent and applicable(stage, kind)
    ]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    `connection` is the n-th of the server, `transaction` the n-th MAIL of the server, `recipient`
    the n-th RCPT of its transaction or its address; all from 1, None matches any. `times` 0 is
    always. `text` (without line end) replaces the kind's own reply. `at` counts bytes of content,
    for BODY and CHUNK. `pace` is in seconds between bytes. `taken` says whether the server keeps
    the message all the same; None is what the kind suggests: refused by 4xx, 5xx and 421, kept
    otherwise.
    """

    stage: Stage
    kind: Kind
    connection: int | None = None
    transaction: int | None = None
    recipient: int | str | None = None
    times: int = 1
    text: str | None = None
    at: int = 1
    pace: float | None = None
    taken: bool | None = None

    def __post_init__(self) -> None:
        if self.kind is Kind.REPLY:
            if self.text is None:
                raise ValueError("a reply needs its text")
        elif not applicable(self.stage, self.kind):
            raise ValueError(f"{self.kind} cannot happen at {self.stage}")

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Build a fault from `to_json`'s mapping."""
        return cls(**{**fields, "stage": Stage(fields["stage"]), "kind": Kind(fields["kind"])})

    def to_json(self) -> dict[str, Any]:
        """The fields that are not None."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class FaultPlan:
    """The faults that are left, shared by all connections of a server."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int]] = [(fault, fault.times) for fault in faults]

    def left(self) -> list[Fault]:
        """The faults that have not been used up; those for always never are."""
        with self._lock:
            return [fault for fault, _ in self._left]

    def take(
        self,
        stages: Collection[Stage],
        *,
        connection: int,
        transaction: int,
        recipient: tuple[int, str] | None = None,
        early: bool = False,
    ) -> Fault | None:
        """Use the first fault for one of these stages here; `early` asks for that kind alone."""
        with self._lock:
            for number, (fault, times) in enumerate(self._left):
                if (
                    fault.stage in stages
                    and (fault.kind is Kind.EARLY and fault.stage not in _UNASKED) is early
                    and fault.connection in {None, connection}
                    and fault.transaction in {None, transaction}
                    and (fault.recipient is None or fault.recipient in (recipient or ()))
                ):
                    if times == 1:
                        del self._left[number]
                    elif times:
                        self._left[number] = (fault, times - 1)
                    return fault
        return None


#: Stages at which an early reply belongs to no command that is still to come.
_UNASKED = frozenset({Stage.BODY, Stage.IDLE})

_WRONG = {
    Stage.BANNER: "354 go ahead",
    Stage.AUTH: "250 2.0.0 OK",
    Stage.AUTH_FINAL: "354 go ahead",
    Stage.DATA: "250 2.0.0 OK",
    Stage.DOT: "354 go ahead",
    Stage.BODY: "354 go ahead",
    Stage.QUIT: "354 go ahead",
}


def wrong_bytes(fault: Fault, right: bytes) -> bytes:
    """What a fault has the server write instead of the right reply, line ends included."""
    texts = {
        Kind.SHUTDOWN: "421 4.3.2 Service shutting down",
        Kind.TRANSIENT: "451 4.3.0 Try again later",
        Kind.PERMANENT: "554 5.3.0 Refused",
        Kind.WRONG_CLASS: _WRONG.get(fault.stage, "354 go ahead"),
        Kind.OVERSIZE: "250 " + "x" * 100_000,
    }
    if fault.text is not None:
        return fault.text.encode("utf-8") + b"\r\n"
    if fault.kind in texts:
        return texts[fault.kind].encode() + b"\r\n"
    if fault.kind is Kind.GARBAGE:
        return b"\x00\x01 this is no reply \xff\r\n"
    if fault.kind is Kind.DUPLICATE:
        return right + right
    return right
