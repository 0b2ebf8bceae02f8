"""What `Connection.next_event` returns: what the server did, as values.

Each is said once, in the order in which it happened. `Closed` is the last of a connection,
unless it ends in a `RemoteProtocolError`.
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
    """The server does not want to talk: nothing but `quit` is left."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class HelloDone:
    """EHLO was answered: this is what the server can do."""

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class HelloRefused:
    """EHLO was refused; there is no fall-back to HELO. Nothing but `quit` is left."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class TLSReady:
    """The server waits for the TLS handshake: do it, then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class TLSRefused:
    """STARTTLS was refused; the connection is still in plain text."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The server knows who we are."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class AuthenticationRefused:
    """The server does not accept the credentials, or the exchange was cancelled.

    `explained` is what its challenge says of a token, such as `401`; empty without one.
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
    """The `noop` was answered, in whatever way: the session is alive."""

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
