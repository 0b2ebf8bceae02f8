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

from typing import TYPE_CHECKING, TypeAlias

from mailbatch.frozen import frozen

if TYPE_CHECKING:
    from mailbatch.outcome import Reply
    from mailbatch.smtp.capabilities import Capabilities
    from mailbatch.smtp.transaction import Transaction


@frozen
class Greeted:
    """The server is ready: say `hello`."""

    reply: Reply


@frozen
class GreetingRefused:
    """The server does not want to talk: only `quit` is left."""

    reply: Reply


@frozen
class HelloDone:
    """EHLO was answered: these are the capabilities of the server."""

    capabilities: Capabilities


@frozen
class HelloRefused:
    """EHLO was refused; there is no fall-back to HELO, and only `quit` is left."""

    reply: Reply


@frozen
class TLSReady:
    """The server waits for the TLS handshake: do the handshake, then call `tls_started`."""


@frozen
class TLSRefused:
    """STARTTLS was refused; the connection is still in plain text."""

    reply: Reply


@frozen
class Authenticated:
    """The server has accepted the credentials."""

    reply: Reply


@frozen
class AuthenticationRefused:
    """The server does not accept the credentials, or the exchange was cancelled.

    `explained` is the status of a token in the last challenge, such as `401`; empty without one.
    """

    reply: Reply
    explained: str = ""


@frozen
class ContentWanted:
    """354 and at least one recipient accepted: send the content of this transaction."""

    transaction: Transaction


@frozen
class TransactionDone:
    """The transaction is settled; every begun transaction has exactly one of these."""

    transaction: Transaction


@frozen
class ResetDone:
    """The `reset` was answered."""

    reply: Reply


@frozen
class NoopDone:
    """The `noop` was answered, by any reply: the session is alive."""

    reply: Reply


@frozen
class ServiceClosing:
    """A 421: the server ends the session (RFC 5321 3.8). `Closed` follows."""

    reply: Reply


@frozen
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
