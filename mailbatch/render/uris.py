"""URIs in header fields: printable ASCII (RFC 3986), whatever the templates gave.

Never repairs mistakes of kind: another scheme, no host, a control character.

Tests: tests/render/test_fields.py.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from mailbatch.host_names import a_labels
from mailbatch.render.addresses import wire_address
from mailbatch.render.field_text import FieldError, refuse_controls

# RFC 3986: reserved, unreserved and "%", which is taken to be an escape already.
_KEPT = ":/?#[]@!$&'()*+,;=-._~%"
_PLAIN = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]*)?"
)


def web_address(text: str) -> str:
    """Return an absolute http or https URL: A-labels in the host, the rest percent-encoded.

    Raises:
        FieldError: in a sentence that completes "callbacks.notify_url: ...".
    """
    if _PLAIN.fullmatch(text):
        return text
    refuse_controls(text)
    try:
        parts = urlsplit(text)
        host = parts.hostname
        port = parts.port
    except ValueError as error:
        raise FieldError(f"{text!r} is no URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise FieldError(f"{text!r} is no absolute http or https URL")
    return urlunsplit(_quoted(parts, _ascii_host(host), port))


def _quoted(parts: SplitResult, host: str, port: int | None) -> SplitResult:
    user = parts.netloc.rpartition("@")[0]
    return SplitResult(
        parts.scheme,
        (f"{quote(user, _KEPT)}@" if user else "")
        + host
        + (f":{port}" if port is not None else ""),
        quote(parts.path, _KEPT),
        quote(parts.query, _KEPT),
        quote(parts.fragment, _KEPT),
    )


def _ascii_host(host: str) -> str:
    if ":" in host:
        return f"[{host}]"
    if re.fullmatch(r"[A-Za-z0-9._-]+", host):
        return host
    if host.isascii():
        raise FieldError(f"{host!r} is no host name")
    try:
        return a_labels(host)
    except ValueError as error:
        raise FieldError(str(error)) from None


def mail_address(text: str) -> str:
    """Return a mailto URI (RFC 6068) for an address, which may have a `?subject=...`.

    Raises:
        FieldError: the address is none.
    """
    refuse_controls(text)
    address, mark, query = text.removeprefix("mailto:").partition("?")
    address = wire_address(address.strip())
    return f"mailto:{quote(address, '@!$*+/=-._~')}{mark}{quote(query, _KEPT)}"
