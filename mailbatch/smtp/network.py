"""What a session must know of the network before it talks: TLS, names, addresses, error texts.

Beside session.py, opening.py and dialogue.py the only module of the room that knows sockets and TLS
by name; it opens nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from pathlib import Path

from mailbatch.errors import ConnectError, TLSError, UnknownHost
from mailbatch.smtp.server import Server

#: What may be wrong where nobody is reached.
UNREACHED = "check server.host, server.port and the network"
#: What is known once STARTTLS was answered by 220.
STARTTLS_TAKEN = (
    "the server took STARTTLS, so server.port and server.security are right: its own TLS fails"
)
_TLS_TAKEN = (
    "the server answers in TLS, so server.port and server.security are right: its own TLS fails"
)
#: What OpenSSL calls bytes that are no TLS; since 3.2 it has another word for it.
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
_AUTHORITY = "if its authority is your own, name that in server.ca_file"
_OTHER_NAME = "write a name into server.host that stands in the certificate"
#: By OpenSSL's number of what does not hold (X509_V_ERR_...); all others are the authority's.
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
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies chain and host name, TLS 1.2 or later.

    Raises `TLSError` where `ca_file` cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise TLSError(
                f"cannot read trust anchors from {ca_file}: {reason_of(error)}",
                hint="server.ca_file must be a PEM file of certificates",
            ) from error
    return context


def tls_error(server: Server, error: ssl.SSLError) -> TLSError:
    """Return a failed handshake in words that say what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TLSError(
            f"the certificate of {server.address} does not hold: {error.verify_message}",
            hint=f"{_CERTIFICATE_HINTS.get(error.verify_code, _AUTHORITY)}; "
            "checking cannot be turned off",
        )
    reason = error.reason or ""
    if reason in _TOO_OLD:
        hint = "the server speaks TLS before 1.2 only, which is not secure any more (RFC 8996)"
    elif server.security == "starttls":
        hint = STARTTLS_TAKEN
    elif reason in _NO_TLS:
        hint = "the server speaks in clear text there: try security: starttls (its port is 587)"
    else:
        hint = _TLS_TAKEN
    return TLSError(f"no TLS with {server.address}: {reason_of(error)}", hint=hint)


def connect_error(server: Server, error: OSError) -> ConnectError:
    """Return a failed connection in words that say what to do.

    What the resolver is sure of is an `UnknownHost`; that it cannot tell now is not
    (`EAI_AGAIN`, RFC 3493 6.1).
    """
    text = f"cannot connect to {server.address}: {reason_of(error)}"
    if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_HOST:
        return UnknownHost(text, hint="is server.host spelled right?")
    if server.security == "tls" and isinstance(error, ConnectionError):
        return ConnectError(text, hint=f"{UNREACHED}; is server.security right for the port?")
    return ConnectError(text, hint=UNREACHED)


def silence_hint(server: Server) -> str:
    """Return what to do about a server that took the connection and never greeted.

    On a port for TLS it waits for the client to speak first, and the client for the greeting.
    """
    if server.security == "tls":
        return "TLS stands, so server.port and server.security are right: the server is ill or busy"
    return (
        "on a port for TLS a server says nothing first: if it is one (465), write security: tls; "
        "else the server is ill or busy"
    )


def starttls_hint(code: int) -> str:
    """Return what to do about a refused STARTTLS (RFC 3207 4): 454 is for now, 5yz for good."""
    if code // 100 == 4:  # noqa: PLR2004 - 4yz
        return "its TLS does not work at the moment: run again later, or tell those who run it"
    return "the server does no STARTTLS on this port: try security: tls with port 465"


def reason_of(error: BaseException) -> str:
    """Return what the system says of an error, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def acknowledge(sock: socket.socket) -> None:
    """Acknowledge what was read at once, where the system can be told to (Linux).

    A server that writes the replies to one flight in two pieces holds the second back until the
    first is acknowledged (RFC 896), and our system waits 40 ms for something to send along
    (RFC 1122 4.2.3.2). Postfix does so where a flight is longer than its buffer of 4 KiB.
    """
    if _QUICK_ACK is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


def is_loopback(host: str) -> bool:
    """Say whether a numeric address is this machine's own."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def local_name(sockname: object) -> str:
    """Return what we call ourselves in EHLO: our name if it is a full one, else an address literal.

    RFC 5321 4.1.1.1 and 4.1.4. The name is not looked up: a slow resolver must not delay a run.
    """
    name = socket.gethostname()
    if "." in name.strip(".") and name.isascii() and all(c.isalnum() or c in ".-" for c in name):
        return name
    host = str(sockname[0]).partition("%")[0] if isinstance(sockname, tuple) else "127.0.0.1"
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"
