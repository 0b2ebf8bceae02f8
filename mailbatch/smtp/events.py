"""Events: the steps of a server as values, returned by `Connection.next_event`.

Each is said once, in the order of the steps. `Closed` is the last of a connection, unless the
connection ends in a `RemoteProtocolError`.

    S: 250 2.1.0 ok
    S: 250 2.1.5 ok
    S: 354 go ahead        ->  ContentWanted(transaction)
    S: 250 2.0.0 queued    ->  TransactionDone(transaction)

Tests: tests/smtp/test_conversations.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from mailbatch.outcome import Reply
    from mailbatch.smtp.capabilities import Capabilities
    from mailbatch.smtp.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Greeted:
    """The server is ready: say `hello`."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class GreetingRefused:
    """The server does not want to talk: only `quit` is left."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class HelloDone:
    """EHLO was answered: these are the capabilities of the server."""

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class HelloRefused:
    """EHLO was refused; there is no fall-back to HELO, and only `quit` is left."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class TLSReady:
    """The server waits for the TLS handshake: do the handshake, then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class TLSRefused:
    """STARTTLS was refused; the connection is still in plain text."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The server has accepted the credentials."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class AuthenticationRefused:
    """The server does not accept the credentials, or the exchange was cancelled.

    `explained` is the status of a token in the last challenge, such as `401`; empty without one.
    """

    reply: Reply
    explained: str = ""


@dataclass(frozen=True, slots=True)
class ContentWanted:
    """354 and at least one recipient accepted: send the content of this transaction."""

    transaction: Transaction


@dataclass(frozen=True, slots=True)
class TransactionDone:
    """The transaction is settled; every begun transaction has exactly one of these."""

    transaction: Transaction


@dataclass(frozen=True, slots=True)
class ResetDone:
    """The `reset` was answered."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class NoopDone:
    """The `noop` was answered, by any reply: the session is alive."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ServiceClosing:
    """A 421: the server ends the session (RFC 5321 3.8). `Closed` follows."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Closed:
    """The conversation is over; `reason` is None after a `quit`."""

    reason: str | None = None


Event: TypeAlias = (
    Greeted
    | GreetingRefused
    | HelloDone
    | HelloRefused
    | TLSReady
    | TLSRefused
    | Authenticated
    | AuthenticationRefused
    | ContentWanted
    | TransactionDone
    | ResetDone
    | NoopDone
    | ServiceClosing
    | Closed
)

#: Events that ask for something to be done; void once the connection has closed.
INVITATIONS = (
    Greeted,
    HelloDone,
    TLSReady,
    TLSRefused,
    Authenticated,
    ContentWanted,
    ResetDone,
    NoopDone,
)
