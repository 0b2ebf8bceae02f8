"""The terms of an SPF record, by the grammar of RFC 7208.

    >>> [term.name for term in read_record("v=spf1 ip4:192.0.2.0/24 include:_spf.example.net -all")]
    ['ip4', 'include', 'all']

This module must never ask DNS, nor evaluate a record.

Tests: tests/dns/test_spf.py.
"""

from __future__ import annotations

import ipaddress
import re

from mailbatch.frozen import frozen

#: The mechanisms (5), and whether each needs, may have or must not have a domain.
_MECHANISMS = {
    "all": "none", "include": "must", "a": "may", "mx": "may", "ptr": "may", "ip4": "network",
    "ip6": "network", "exists": "must",
}  # fmt: skip
#: The terms that make a verifier ask DNS (4.6.4).
ASKING = frozenset(("include", "a", "mx", "ptr", "exists", "redirect"))
_MODIFIER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.-]*)=(?P<value>.*)", re.DOTALL)
_MECHANISM = re.compile(
    r"(?P<sign>[-+?~]?)(?P<name>[A-Za-z0-9]+)(?::(?P<value>[^/]*(?:/(?!/?\d+(?:/|\Z))[^/]*)*))?"
    r"(?P<four>/\d+)?(?P<six>//\d+)?",
)
_MACRO = re.compile(r"%\{[slodiphcrtvSLODIPHCRTV]\d*r?[-.+,/_=]*\}|%%|%_|%-")
_TOP_LABEL = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?")
_FOUR, _SIX = 32, 128  # bits of an address


class SpfFault(Exception):
    """A record that every verifier refuses, with permerror (RFC 7208 2.6.7)."""


@frozen
class Term:
    """A term of a record: a mechanism with its sign, or a modifier, without a sign.

    `domain` is the domain as written, in lower case; None: that of the record. `fixed` is false for
    a domain with macros, which is another one for each message.
    """

    name: str
    sign: str = ""
    domain: str | None = None

    @property
    def fixed(self) -> bool:
        """Whether the domain is the same for every message."""
        return self.domain is None or "%" not in self.domain

    @property
    def asks(self) -> bool:
        """Whether the term counts among the ten that may ask DNS (RFC 7208 4.6.4)."""
        return self.name in ASKING and (self.sign != "" or self.name == "redirect")

    @property
    def mistaken(self) -> bool:
        """Whether a mechanism is written with "=", as a modifier, which has no effect (6)."""
        return self.name in _MECHANISMS and self.sign == ""

    def __str__(self) -> str:
        equals = ":" if self.sign else "="
        return self.name if self.domain is None else f"{self.name}{equals}{self.domain}"


def is_spf(text: str) -> bool:
    """Tell whether a TXT record is one of SPF (RFC 7208 4.5); the version has no case.

    >>> is_spf("V=SPF1 -all"), is_spf("v=spf10 -all"), is_spf(" v=spf1 -all")
    (True, False, False)
    """
    return text[:7].lower() == "v=spf1 " or text.lower() == "v=spf1"


def read_record(text: str) -> tuple[Term, ...]:
    """Return the terms of a record, in order.

    Raises:
        SpfFault: a term breaks the grammar (RFC 7208 4.6.1), or a modifier stands twice (6).
    """
    terms = tuple(_read_term(word) for word in text.split(" ")[1:] if word)
    for name in ("redirect", "exp"):
        if sum(term.name == name for term in terms) > 1:
            raise SpfFault(f"the modifier {name}= stands twice")
    return terms


def _read_term(word: str) -> Term:
    modifier = _MODIFIER.fullmatch(word)
    if modifier is not None:
        name = modifier["name"].lower()
        if name not in {"redirect", "exp"}:
            if not _is_macro_string(modifier["value"]):
                raise SpfFault(f"{word!r} has a broken macro")
            return Term(name)
        return Term(name, domain=_domain(modifier["value"], word))
    found = _MECHANISM.fullmatch(word)
    name = found["name"].lower() if found is not None else ""
    kind = _MECHANISMS.get(name)
    if found is None or kind is None:
        raise SpfFault(f"{word!r} is no term of SPF")
    sign = found["sign"] or "+"
    if kind == "network":
        _check_network(word.partition(":")[2], name, word)
        return Term(name, sign)
    sized = found["four"] is not None or found["six"] is not None
    if (kind == "none" and (found["value"] is not None or sized)) or (
        sized and name not in {"a", "mx"}
    ):
        raise SpfFault(f"{word!r}: {name} takes nothing behind it")
    _check_size(found["four"], _FOUR, word)
    _check_size(found["six"], _SIX, word)
    if found["value"] is None:
        if kind == "must":
            raise SpfFault(f"{word!r} needs a domain")
        return Term(name, sign)
    return Term(name, sign, _domain(found["value"], word))


def _check_network(text: str, name: str, word: str) -> None:
    version = 4 if name == "ip4" else 6
    try:
        right = ipaddress.ip_network(text, strict=False).version == version
    except ValueError:
        right = False
    if not right or "%" in text or not re.fullmatch(r"[^/]+(?:/\d{1,3})?", text):
        raise SpfFault(f"{word!r} is no network of {name}")


def _check_size(text: str | None, most: int, word: str) -> None:
    if text is not None and int(text.strip("/")) > most:
        raise SpfFault(f"{word!r} has more than {most} bits")


def _domain(text: str, word: str) -> str:
    """Return a domain-spec in lower case (RFC 7208 7.1)."""
    end = re.search(r"%\{[^}]*\}\Z", text)
    top = text.rstrip(".").rpartition(".")[2]
    if (
        not _is_macro_string(text)
        or (end is None and "." not in text.rstrip("."))
        or (end is None and not _TOP_LABEL.fullmatch(top))
    ):
        raise SpfFault(f"{word!r} names no domain")
    return text.lower().rstrip(".")


def _is_macro_string(text: str) -> bool:
    rest = _MACRO.sub("", text)
    return "%" not in rest and all("!" <= letter <= "~" for letter in rest)
