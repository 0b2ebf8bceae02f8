"""The faults of the address of a link or an image in a mail, as codes.

    >>> link_fault("www.example.com"), link_fault("http://localhost/"), image_fault("logo.png")
    ('MB203', 'MB204', 'MB207')

This module must never resolve a name or fetch an address.

Tests: tests/checks/test_check_codes.py, tests/checks/test_references.py.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+-]*):")
# RFC 3986 3.2: the authority between // and the path, without user and port.
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?(?P<host>\[[^\]/]*\]|[^/?#:@]*)", re.IGNORECASE)
_NOWHERE = frozenset(("javascript", "vbscript", "about", "data"))
_WEB = frozenset(("http", "https"))
#: Beginnings of marks that other findings tell: with a scheme before it a mark is dead as well.
_MARKS = ("*|", "{{", "%%", "%7B%7B", "%7b%7b", "${", "{!", "<%")
_PRIVATE = (".local", ".localhost", ".internal", ".lan", ".test", ".home.arpa")


@lru_cache(maxsize=256)
def link_fault(address: str) -> str | None:
    """Return the code of the fault of a link, None for a link without a fault."""
    scheme = _scheme(address)
    fault = None
    if address.startswith(_MARKS):
        fault = None
    elif address in {"", "#"} or scheme in _NOWHERE:
        fault = "MB205"
    elif address.startswith("#"):
        fault = None
    elif scheme == "localhost":  # `localhost:8000/page`
        fault = "MB204"
    elif scheme is None:
        fault = "MB203"
    elif scheme in _WEB:
        fault = _host_fault(address)
    return fault


def _scheme(address: str) -> str | None:
    """Return the scheme in lower case; a host with a port, as in `example.com:80/`, has none."""
    found = _SCHEME.match(address)
    return found[1].lower() if found is not None else None


def image_fault(address: str) -> str | None:
    """Return the code of the fault of an image's source, None for a source without a fault."""
    scheme = _scheme(address)
    if scheme in {"cid", "data"}:
        return "MB215" if scheme == "data" else None
    if scheme not in _WEB:
        return "MB207"
    return "MB204" if _host_fault(address) == "MB204" else None


def _host_fault(address: str) -> str | None:
    found = _HOST.match(address)
    return _fault_of(found["host"] if found is not None else "")


@lru_cache(maxsize=1024)
def _fault_of(host: str) -> str | None:
    if not host:
        return "MB203"
    try:
        number = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        private = "." not in host or host.lower().endswith(_PRIVATE)
    else:
        private = number.is_private or number.is_loopback or number.is_unspecified
    return "MB204" if private else None


def stem(address: str) -> str:
    """Return an address without query and fragment, which often differ from row to row.

    >>> stem("https://example.com/u?id=7#top")
    'https://example.com/u'
    """
    return re.split(r"[?#]", address, maxsplit=1)[0] or address
