"""The failures of a session in words: the cause, and a hint for the next step.

Each function returns an exception or a text and raises nothing. Best effort, for people: the words
of a server choose a hint and nothing else.

    SSLCertVerificationError of an expired certificate  ->  TLSError
        the certificate of smtp.example.com:587 does not hold: certificate has expired
        whoever runs the server has to renew it, unless the clock of this machine is wrong; ...

Tests: tests/session/test_auth.py, tests/session/test_tls.py, tests/session/test_network.py.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from mailbatch.errors import (
    AuthenticationDeferred,
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    LocalProtocolError,
    ServiceUnavailable,
    SessionError,
    TLSError,
    UnknownHost,
)
from mailbatch.outcome import Reply
from mailbatch.smtp import events
from mailbatch.smtp.server import Server

#: What failed behind the 220 to STARTTLS, and behind TLS from the first byte.
_STARTTLS_TAKEN, _TLS_TAKEN = "took STARTTLS", "answers in TLS"
#: OpenSSL's words for bytes that are no TLS; since 3.2 there is another one.
_NO_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "PACKET_LENGTH_TOO_LONG",
        "BAD_RECORD_TYPE",
        "HTTP_REQUEST",
    }
)
_TOO_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"})
_AUTHORITY = "if its authority is your own, name that in {key}.ca_file"
_OTHER_NAME = "write a name into {key}.host that stands in the certificate"
#: By OpenSSL's number of a fault (X509_V_ERR_...); all other faults are the authority's.
_CERTIFICATE_HINTS = {
    9: "it is not valid yet: is the clock of this machine right?",
    10: "whoever runs the server has to renew it, unless the clock of this machine is wrong",
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}
_NO_SUCH_HOST = frozenset(
    getattr(socket, name)
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
    if hasattr(socket, name)
)

# -- before the first reply ------------------------------------------------------------------------


def unreached(server: Server) -> str:
    """Return the hint where a server is not reached.

    >>> unreached(Server("mail.example.com", 587, key="server.fallback"))
    'check server.fallback.host, server.fallback.port and the network'
    """
    return f"check {server.key}.host, {server.key}.port and the network"


def starttls_taken(server: Server) -> str:
    """Return the hint for every failure behind the 220 to STARTTLS."""
    return f"{_spoken(server, _STARTTLS_TAKEN)}: its own TLS fails"


def _spoken(server: Server, done: str) -> str:
    return f"the server {done}, so {server.key}.port and {server.key}.security are right"


def tls_error(server: Server, error: ssl.SSLError) -> TLSError:
    """Return a failed handshake as a `TLSError` with a hint."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = _CERTIFICATE_HINTS.get(error.verify_code, _AUTHORITY).format(key=server.key)
        return TLSError(
            f"the certificate of {server.address} does not hold: {error.verify_message}",
            hint=f"{hint}; checking cannot be turned off",
        )
    reason = error.reason or ""
    if reason in _TOO_OLD:
        hint = "the server speaks TLS before 1.2 only, which is not secure any more (RFC 8996)"
    elif server.security == "starttls":
        hint = starttls_taken(server)
    elif reason in _NO_TLS:
        hint = "the server speaks in clear text there: try security: starttls (its port is 587)"
    else:
        hint = f"{_spoken(server, _TLS_TAKEN)}: its own TLS fails"
    return TLSError(f"no TLS with {server.address}: {reason_of(error)}", hint=hint)


def connect_error(server: Server, error: OSError) -> ConnectError:
    """Return a failed connection as a `ConnectError` with a hint.

    A name that certainly does not exist is an `UnknownHost`; a resolver that has no answer now
    (`EAI_AGAIN`, RFC 3493 6.1) is not.
    """
    text = f"cannot connect to {server.address}: {reason_of(error)}"
    if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_HOST:
        return UnknownHost(text, hint=f"is {server.key}.host spelled right?")
    if server.security == "tls" and isinstance(error, ConnectionError):
        security = f"is {server.key}.security right for the port?"
        return ConnectError(text, hint=f"{unreached(server)}; {security}")
    return ConnectError(text, hint=unreached(server))


def silence_hint(server: Server) -> str:
    """Return the hint for a server that took the connection and never greeted.

    On a port for TLS the server waits for the client to speak first, and the client for the
    greeting.
    """
    if server.security == "tls":
        return f"{_spoken(server, _TLS_TAKEN)}: the server is ill or busy"
    return (
        "on a port for TLS a server says nothing first: if it is one (465), write security: tls; "
        "else the server is ill or busy"
    )


def starttls_hint(reply: Reply) -> str:
    """Return the hint for a refused STARTTLS (RFC 3207 4): 454 is for now, 5yz for good."""
    if reply.transient:
        return "its TLS does not work at the moment: run again later, or tell those who run it"
    return "the server does no STARTTLS on this port: try security: tls with port 465"


def reason_of(error: BaseException) -> str:
    """Return the system's words for an error, without the number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


# -- an event that ends a session ------------------------------------------------------------------


def failure_of(event: events.Event, server: Server, redact: Callable[[str], str]) -> SessionError:
    """Return the failure that an unwelcome event means.

    `redact` takes secrets out of a text that quotes the server.
    """
    where = server.address
    match event:
        case events.AuthenticationRefused(reply, why) if reply.permanent:
            said = redact(f"{reply} (the token's status: {why})" if why else str(reply))
            return AuthenticationError(
                f"{where} refused the authentication: {said}",
                hint=refusal_hint(reply.text, server.key),
                reply=reply,
            )
        case events.AuthenticationRefused(reply):
            return AuthenticationDeferred(
                f"{where} ended the session: {redact(str(reply))}", reply=reply
            )
        case events.TLSRefused(reply):
            text = f"{where} refused STARTTLS: {reply}"
            return TLSError(text, hint=starttls_hint(reply))
        case (
            events.GreetingRefused(reply)
            | events.HelloRefused(reply)
            | events.ServiceClosing(reply)
        ):
            return ServiceUnavailable(
                f"{where} ended the session: {redact(str(reply))}", reply=reply
            )
        case events.Closed(reason):
            return ConnectionLost(f"{where}: {reason or 'the connection was closed'}")
    return LocalProtocolError(f"{type(event).__name__} came where nothing waits for it")


# -- a refused authentication, by the words of the server ------------------------------------------

_CREDENTIALS = "check {key}.username, {key}.password and {key}.auth"
_NO_PASSWORDS = "the server takes no passwords any more: use auth: xoauth2 with an access token"
_NOT_ALLOWED = "an administrator has to allow SMTP AUTH for this mailbox or organisation"


class Said(NamedTuple):
    """Words of a refusal in lower case, the hint for them, and a reply with these words."""

    words: str
    hint: str
    reply: str


#: Microsoft: "Troubleshoot SMTP AUTH", and Exchange Team Blog of January 2026 on the end of basic
#: authentication, as quoted by administrators.
SAID = (
    Said(
        "basic authentication is not supported",
        _NO_PASSWORDS,
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
    ),
    Said(
        "basic authentication is disabled",
        _NO_PASSWORDS,
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
    ),
    Said(
        "smtpclientauthentication is disabled",
        _NOT_ALLOWED,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
        "Tenant.",
    ),
    Said(
        "security defaults policy",
        _NOT_ALLOWED,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security "
        "defaults policy.",
    ),
)


def refusal_hint(text: str, key: str) -> str:
    """Return the hint for a refused authentication, by the text of the reply.

    A text that is not in `SAID` has a hint about the credentials at `key`, the server's place in
    the job:

        >>> refusal_hint("Basic authentication is disabled.", "server")
        'the server takes no passwords any more: use auth: xoauth2 with an access token'
        >>> refusal_hint("Try again.", "server.fallback").split(",")[0]
        'check server.fallback.username'
    """
    lowered = text.lower()
    credentials = _CREDENTIALS.format(key=key)
    return next((said.hint for said in SAID if said.words in lowered), credentials)
