"""The HTTP of the check of links: an address asked for by HEAD, then GET, or posted to once.

    Web().look("https://example.com/news")    # Reached("https://example.com/news", 200, ...)

Redirects are followed by hand, five at most. Every host is looked up here and the address looked at
before a connection is made to just that address, so that no name and no redirect leads into a
private network. At most 64 KiB of a content are read, and nothing of the content is kept. This
module must never send a cookie or a password, or try again.

Tests: tests/links/test_reaching.py.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from enum import Enum
from urllib.parse import quote, urljoin, urlsplit

from mailbatch.checks.unsubscribing import may_unsubscribe
from mailbatch.frozen import frozen
from mailbatch.host_names import a_labels

_MOST_REDIRECTS = 5
_MOST_BYTES = 64 * 1024
_SECONDS = 10.0
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_ERROR = 400  # the first status that is one (RFC 9110 15.5)
_PORTS = {"http": 80, "https": 443}
_SAFE = "%/:=&?~+!$,;'@()*[]"
#: Networks whose last 32 bits are the IPv4 address that is meant (RFC 4291, 6052, 8215).
_TRANSLATED = [ipaddress.IPv6Network(one) for one in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")]
_ONE_CLICK = b"List-Unsubscribe=One-Click"  # RFC 8058 3.1


class Reason(Enum):
    """The reason why an address gave no answer, in words."""

    SCHEME = "its scheme is neither http nor https"
    PLAIN = "its scheme is not https"
    PRIVATE = "it leads into a private network"
    NO_HOST = "the name of its host was not found"
    NO_CONNECTION = "its server cannot be reached"
    SILENT = "its server did not answer in time"
    CERTIFICATE = "its certificate does not hold"
    BROKEN = "its server does not speak HTTP"
    REDIRECTS = f"it leads on more than {_MOST_REDIRECTS} times"
    LEAVES = "it leads to an address that may unsubscribe"


@frozen
class Reached:
    """The end of a way: the last status (RFC 9110 15) and media type, or the reason without one.

    `hops` are the addresses that redirects led to.
    """

    url: str
    status: int | None = None
    media_type: str = ""
    hops: tuple[str, ...] = ()
    reason: Reason | None = None


@frozen
class _Answer:
    status: int
    location: str | None
    media_type: str


class _NoAnswer(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Web:
    """The web, as far as it may be asked: public addresses, and those in `allowed`.

    `trust` is the context for TLS, by default that of the system; `seconds` are for one request,
    from the look-up of the host to the last byte that is read.
    """

    def __init__(
        self,
        *,
        allowed: frozenset[str] = frozenset(),
        trust: ssl.SSLContext | None = None,
        seconds: float = _SECONDS,
    ) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._trust = trust or ssl.create_default_context()

    def look(self, url: str, leaves: Callable[[str], bool] = may_unsubscribe) -> Reached:
        """Ask for an address by HEAD, by GET where HEAD is answered with an error.

        A redirect is not followed to an address that may unsubscribe, by `leaves`.
        """
        hops: list[str] = []
        at = url
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                if hops and leaves(at):
                    return Reached(url, hops=tuple(hops), reason=Reason.LEAVES)
                answer = self._request("HEAD", at)
                if answer.status >= _ERROR:
                    answer = self._request("GET", at)
                if answer.status not in _REDIRECTS or answer.location is None:
                    return Reached(url, answer.status, answer.media_type, tuple(hops))
                at = _led(at, answer.location)
                hops.append(at)
        except _NoAnswer as none:
            return Reached(url, hops=tuple(hops), reason=none.reason)
        return Reached(url, hops=tuple(hops), reason=Reason.REDIRECTS)

    def unsubscribe(self, url: str) -> Reached:
        """Post to an address as a mail program does for one click (RFC 8058 3.2).

        A redirect is not followed; `hops` names the address that it leads to.
        """
        if urlsplit(url).scheme.lower() != "https" and not self._allowed:
            return Reached(url, reason=Reason.PLAIN)
        try:
            answer = self._request("POST", url, _ONE_CLICK)
        except _NoAnswer as none:
            return Reached(url, reason=none.reason)
        try:
            hops = () if answer.location is None else (_led(url, answer.location),)
        except _NoAnswer as none:
            return Reached(url, answer.status, reason=none.reason)
        return Reached(url, answer.status, answer.media_type, hops)

    def _request(self, method: str, url: str, body: bytes | None = None) -> _Answer:
        try:
            parts = urlsplit(url)
            host, port = a_labels(parts.hostname or ""), parts.port
        except ValueError:
            raise _NoAnswer(Reason.NO_HOST) from None
        if parts.scheme.lower() not in _PORTS:
            raise _NoAnswer(Reason.SCHEME)
        port = port or _PORTS[parts.scheme.lower()]
        target = quote(parts.path or "/", _SAFE)
        if parts.query:
            target += f"?{quote(parts.query, _SAFE)}"
        name = f"[{host}]" if ":" in host else host
        headers = {
            "Host": name if port == _PORTS[parts.scheme.lower()] else f"{name}:{port}",
            "User-Agent": "mailbatch (check of links)",
            "Accept": "*/*",
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            with closing(self._connect(host, port, secure=parts.scheme.lower() == "https")) as sock:
                return _exchange(sock, host, port, method, target, body, headers, self._seconds)
        except ssl.SSLCertVerificationError:
            raise _NoAnswer(Reason.CERTIFICATE) from None
        except TimeoutError:
            raise _NoAnswer(Reason.SILENT) from None
        except OSError:
            raise _NoAnswer(Reason.NO_CONNECTION) from None

    def _connect(self, host: str, port: int, *, secure: bool) -> socket.socket:
        """Connect to an address of a host that may be asked."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise _NoAnswer(Reason.NO_HOST) from None
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not all(one in self._allowed or _is_public(one) for one in addresses):
            raise _NoAnswer(Reason.PRIVATE)
        sock = self._first(addresses, port)
        if not secure:
            return sock
        # The time for a request has to hold for the handshake, too.
        return self._trust.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)

    def _first(self, addresses: list[str], port: int) -> socket.socket:
        """Connect to the first address that takes a connection, within the time for a request."""
        until = time.monotonic() + self._seconds
        for address in addresses[:-1]:
            left = until - time.monotonic()
            with suppress(OSError):
                return socket.create_connection((address, port), timeout=max(left / 2, 0.01))
        left = max(until - time.monotonic(), 0.01)
        return socket.create_connection((addresses[-1], port), timeout=left)


def _led(url: str, location: str) -> str:
    """Return the address that a redirect leads to; octets may be UTF-8, as browsers take Location.

    Raises:
        _NoAnswer: the redirect leads to no address.
    """
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()
    try:
        return urljoin(url, location)
    except ValueError:
        raise _NoAnswer(Reason.BROKEN) from None


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    meant: ipaddress.IPv4Address | ipaddress.IPv6Address = found
    if isinstance(found, ipaddress.IPv6Address):
        meant = found.ipv4_mapped or found.sixtofour or found
        if any(found in one for one in _TRANSLATED):
            meant = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return meant.is_global and not meant.is_multicast


def _exchange(
    sock: socket.socket,
    host: str,
    port: int,
    method: str,
    target: str,
    body: bytes | None,
    headers: dict[str, str],
    seconds: float,
) -> _Answer:
    """Send one request over a connection, with TLS begun, and read the answer, within the time."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError):  # the exchange may have come to its end just now
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS: nothing waits

    connection = http.client.HTTPConnection(host, port)
    connection.sock = sock
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        connection.request(method, target, body, headers)
        with connection.getresponse() as response:
            if method == "GET":
                response.read(_MOST_BYTES)
            media_type = response.headers.get_content_type()
            return _Answer(response.status, response.headers.get("Location"), media_type)
    except (http.client.HTTPException, OSError) as failure:
        if late.is_set():
            raise TimeoutError from None
        if isinstance(failure, OSError):
            raise
        raise _NoAnswer(Reason.BROKEN) from None
    finally:
        timer.cancel()
