"""The network as a session needs it: a TLS context, our own name, loopback, acknowledgements.

This module must never open anything: that is for module `opening`.

    local_name(("192.0.2.7", 51432))   "mail.example.com", or "[192.0.2.7]" on a machine without
                                       a full name

Tests: tests/session/test_network.py, tests/session/test_tls.py.
"""

from __future__ import annotations

import socket
import ssl

from mailbatch.errors import TLSError
from mailbatch.smtp.failures import reason_of
from mailbatch.smtp.server import Server

_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def tls_context(server: Server) -> ssl.SSLContext:
    """Return a context that verifies chain and host name, TLS 1.2 or later.

    Raises:
        TLSError: the `ca_file` of the server cannot be used.
    """
    ca_file = server.ca_file
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise TLSError(
                f"cannot read trust anchors from {ca_file}: {reason_of(error)}",
                hint=f"{server.key}.ca_file must be a PEM file of certificates",
            ) from error
    return context


def acknowledge(sock: socket.socket) -> None:
    """Acknowledge the bytes that were read at once, where the system can be told to (Linux).

    A server that writes the replies to one flight in two pieces holds the second back until the
    first is acknowledged (RFC 896), and our system delays the acknowledgement by 40 ms for a byte
    to send along (RFC 1122 4.2.3.2). Postfix does so where a flight is longer than 4 KiB, the size
    of Postfix's buffer.
    """
    if _QUICK_ACK is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


def local_name(sockname: object) -> str:
    """Return our name for EHLO: that of the machine if it is a full one, else an address literal.

    RFC 5321 4.1.1.1 and 4.1.4. The name is not looked up: a slow resolver must not delay a run.
    """
    name = socket.gethostname()
    if "." in name.strip(".") and name.isascii() and all(c.isalnum() or c in ".-" for c in name):
        return name
    host = str(sockname[0]).partition("%")[0] if isinstance(sockname, tuple) else "127.0.0.1"
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"
