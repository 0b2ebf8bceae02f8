"""The name of a host as the network knows names: ASCII, with A-labels for all other letters.

IDNA 2008 (RFC 5891) with the mapping of UTS 46, non-transitional, as in addresses and in browsers.
Sockets and TLS hand a name beyond ASCII to Python's codec `idna`, which is IDNA 2003: there
`straße` is `strasse`, a domain that may have another owner. So no name beyond ASCII may reach a
socket.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=256)
def a_labels(host: str) -> str:
    """Return a host name in ASCII; a name in ASCII or an IP address is returned unchanged.

        >>> a_labels("smtp.straße.example")
        'smtp.xn--strae-oqa.example'

    Raises:
        ValueError: IDNA has no such name.
    """
    if host.isascii():
        return host
    import idna  # comes with email-validator

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{host!r} is no host name: {error}") from None


def is_loopback(address: str) -> bool:
    """Tell whether a text is a numeric address of this machine alone; no name is looked up.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
