"""A DMARC record: its tags with the defaults of RFC 9989, and parts that receivers read otherwise.

    >>> read_policy("v=DMARC1; p=reject; adkim=s").strict
    frozenset({'dkim'})

This module must never ask DNS, nor decide which record counts for a domain.

Tests: tests/dns/test_dmarc.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailbatch.dns.tags import TagList, read_tags
from mailbatch.frozen import frozen

# RFC 9989 4.8: the name of the tag has no case, its value has.
_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_NEARLY = re.compile(r"\s*v\s*=\s*dmarc1", re.IGNORECASE)
_POLICIES = frozenset(("none", "quarantine", "reject"))


@frozen
class Policy:
    """A DMARC record.

    `own` is the policy for the domain itself, `below` for its subdomains. `psd` is `y`, `n` or `u`.
    `strict` holds `dkim` or `spf`, where these have to name the very domain of From. `remarks` are
    the parts that receivers read differently.
    """

    text: str
    own: str
    below: str
    psd: str
    strict: frozenset[str]
    remarks: tuple[str, ...]


def is_dmarc(text: str) -> bool:
    """Tell whether a TXT record is one of DMARC.

    >>> is_dmarc("v = DMARC1 ; p=none"), is_dmarc("v=dmarc1; p=none"), is_dmarc("v=DMARC12")
    (True, False, False)
    """
    return _VERSION.match(text) is not None


def is_nearly_dmarc(text: str) -> bool:
    """Tell whether a TXT record is meant as one of DMARC, and none to a careful reader."""
    return not is_dmarc(text) and _NEARLY.match(text) is not None


def read_policy(text: str) -> Policy:
    """Return the policy of a record; a value that is none counts as its default (RFC 9989 4.7)."""
    tags = read_tags(text)
    given = {name.lower(): value for name, value in tags.values.items()}
    own = given.get("p", "none").lower()
    own = own if own in _POLICIES else "none"
    below = given.get("sp", own).lower()
    strict = {way for way in ("dkim", "spf") if given.get(f"a{way}", "r").lower() == "s"}
    return Policy(
        text=text,
        own=own,
        below=below if below in _POLICIES else own,
        psd=given.get("psd", "u").lower(),
        strict=frozenset(strict),
        remarks=tuple(_remarks(tags, given)),
    )


def _remarks(tags: TagList, given: dict[str, str]) -> Iterator[str]:
    yield from tags.faults
    if "p" not in given:
        yield "it has no p=: older receivers refuse such a record; write p=none"
    for name in ("p", "sp", "np"):
        if name in given and given[name].lower() not in _POLICIES:
            yield f"{name}={given[name]} is no policy"
    for name in ("adkim", "aspf"):
        if given.get(name, "r").lower() not in {"r", "s"}:
            yield f"{name}={given[name]} is neither r nor s"
    if "pct" in given:
        yield "pct= is no part of DMARC any more (RFC 9989); some receivers still apply it"
    if given.get("t", "n").lower() == "y":
        yield "t=y asks for a test, which older receivers do not know: they apply p="
