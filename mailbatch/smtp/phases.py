"""The phases of a connection, and the signals that lead from one phase to the next.

All of this is data. A connection moves along this table only, and into `CLOSED` from everywhere:
by 421, the end of the stream, a protocol error, a refusal in the middle of content, or QUIT.
An intent that has no row in the current phase is a `LocalProtocolError`.

    READY  --BEGIN-->  TRANSACTION  --CONTENT_WANTED-->  CONTENT  --FINISH-->  END_OF_DATA
    READY  <--SETTLED--  TRANSACTION, FLIGHT or END_OF_DATA

Tests: tests/smtp/test_connection.py.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Phase(StrEnum):
    """The place of a connection in a conversation."""

    GREETING = "greeting"  # the greeting is owed
    GREETED = "greeted"  # EHLO has to be said: after the greeting and again after TLS
    HELLO = "hello"  # the reply to EHLO is owed
    READY = "ready"  # the next thing may be begun
    STARTTLS = "starttls"  # the reply to STARTTLS is owed
    HANDSHAKE = "handshake"  # the bytes on the wire belong to TLS
    AUTH = "auth"  # in an authentication exchange
    TRANSACTION = "transaction"  # MAIL, RCPT and DATA are queued or in flight
    HELD = "held"  # MAIL and RCPT wait for their content, to leave in one flight with it
    FLIGHT = "flight"  # MAIL, RCPT and BDAT are queued or in flight
    CONTENT = "content"  # the server reads content; it owes nothing
    END_OF_DATA = "end of data"  # the end of data is queued or in flight
    REFUSED = "refused"  # greeting or EHLO refused: only QUIT is left
    QUITTING = "quitting"  # QUIT is queued or in flight
    CLOSED = "closed"  # over, for good


class Signal(StrEnum):
    """A cause to move: an intent of the caller, or the meaning of a reply."""

    HELLO = "hello"
    START_TLS = "start_tls"
    TLS_STARTED = "tls_started"
    AUTHENTICATE = "authenticate"
    BEGIN = "begin"
    HOLD = "begin, held"
    CHUNK = "send_chunk"
    BODY = "send_body"
    FINISH = "finish_content"
    RESET = "reset"
    NOOP = "noop"
    QUIT = "quit"

    POSITIVE = "a positive reply"
    NEGATIVE = "a negative reply"
    CONTENT_WANTED = "354 for an accepted recipient"
    SETTLED = "a settled transaction"


TRANSITIONS: Mapping[Phase, Mapping[Signal, Phase]] = {
    Phase.GREETING: {
        Signal.POSITIVE: Phase.GREETED,
        Signal.NEGATIVE: Phase.REFUSED,
    },
    Phase.GREETED: {
        Signal.HELLO: Phase.HELLO,
        Signal.QUIT: Phase.QUITTING,
    },
    Phase.HELLO: {
        Signal.POSITIVE: Phase.READY,
        Signal.NEGATIVE: Phase.REFUSED,
    },
    Phase.READY: {
        Signal.START_TLS: Phase.STARTTLS,
        Signal.AUTHENTICATE: Phase.AUTH,
        Signal.BEGIN: Phase.TRANSACTION,
        Signal.HOLD: Phase.HELD,
        Signal.RESET: Phase.READY,
        Signal.NOOP: Phase.READY,
        Signal.QUIT: Phase.QUITTING,
    },
    Phase.STARTTLS: {
        Signal.POSITIVE: Phase.HANDSHAKE,
        Signal.NEGATIVE: Phase.READY,
    },
    Phase.HANDSHAKE: {
        Signal.TLS_STARTED: Phase.GREETED,
    },
    Phase.AUTH: {
        Signal.POSITIVE: Phase.READY,
        Signal.NEGATIVE: Phase.READY,
    },
    Phase.TRANSACTION: {
        Signal.CONTENT_WANTED: Phase.CONTENT,
        Signal.SETTLED: Phase.READY,
    },
    Phase.HELD: {
        Signal.CHUNK: Phase.FLIGHT,
    },
    Phase.FLIGHT: {
        Signal.SETTLED: Phase.READY,
    },
    Phase.CONTENT: {
        Signal.BODY: Phase.CONTENT,
        Signal.FINISH: Phase.END_OF_DATA,
    },
    Phase.END_OF_DATA: {
        Signal.SETTLED: Phase.READY,
    },
    Phase.REFUSED: {
        Signal.QUIT: Phase.QUITTING,
    },
    Phase.QUITTING: {},
    Phase.CLOSED: {},
}
