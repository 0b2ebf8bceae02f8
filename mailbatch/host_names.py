"""The name of a host as the network knows it: ASCII, with A-labels for what people write in theirs.

IDNA 2008 (RFC 5891) with the mapping of UTS 46, non-transitional, as in addresses and as browsers
do it. Python's own codec `idna`, which sockets and TLS use for whatever is not ASCII, is IDNA 2003:
there `straße` is `strasse`, another domain, which somebody else may own. So no host beyond ASCII
may get as far as that.
"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=256)
def a_labels(host: str) -> str:
    """Return a host name in ASCII; what is ASCII already stays as it is, an IP address too.

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
