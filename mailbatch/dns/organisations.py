"""The organisational domain of a domain: by the walk up the DNS, and by the public suffix list.

Receivers find whether two domains belong together in one of two ways: those of RFC 9989 walk up the
tree of DNS for DMARC records, those of RFC 7489 cut the name by a list of public suffixes. The two
differ where a record stands at a subdomain alone, and where a record has `psd=`. This module must
never judge a record's policy.

Tests: tests/dns/test_dmarc.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from functools import cache

from mailbatch.dns.answers import Ask, Records, Unanswered
from mailbatch.dns.dmarc_record import Policy, is_dmarc, read_policy
from mailbatch.dns.judgement import Gap
from mailbatch.frozen import frozen

_MOST_QUERIES = 8  # RFC 9989 4.10
_AFTER_A_LONG_NAME = 7  # labels


@frozen
class Place:
    """The name `_dmarc.DOMAIN`: all TXT records there, and the policy, if just one is of DMARC."""

    domain: str
    texts: tuple[str, ...] = ()
    policy: Policy | None = None
    gap: Gap | None = None

    @property
    def several(self) -> int:
        """The number of DMARC records; a receiver takes none of several (RFC 9989 4.10)."""
        return sum(map(is_dmarc, self.texts))


@frozen
class Walk:
    """The way up from a domain: the places that were asked, and the organisational domain."""

    domain: str
    places: tuple[Place, ...]
    organisation: str
    gaps: tuple[Gap, ...] = field(default=())

    def place_of(self, domain: str) -> Place | None:
        """Return the place of a domain with a policy, None for all other domains."""
        found = (one for one in self.places if one.domain == domain)
        return next((one for one in found if one.policy is not None), None)


def look_at(domain: str, ask: Ask) -> Place:
    """Return the place of a domain's DMARC record."""
    name = f"_dmarc.{domain}"
    answer = ask(name, "TXT")
    if isinstance(answer, Unanswered):
        return Place(domain, gap=Gap.of(name, "TXT", answer))
    texts = answer.values if isinstance(answer, Records) else ()
    records = [text for text in texts if is_dmarc(text)]
    return Place(domain, texts, read_policy(records[0]) if len(records) == 1 else None)


def walk(domain: str, ask: Ask) -> Walk:
    """Walk up from a domain, in ASCII, and find its organisational domain (RFC 9989 4.10).

    A walk with a gap has the organisational domain that follows without the record there.
    """
    places: list[Place] = []
    for name in _way_up(domain):
        place = look_at(name, ask)
        places.append(place)
        if place.policy is not None and place.policy.psd in {"y", "n"}:
            break
    gaps = tuple(place.gap for place in places if place.gap is not None)
    return Walk(domain, tuple(places), _organisation(domain, places), gaps)


def _way_up(domain: str) -> Iterator[str]:
    """Yield the names of the walk: at most eight, long names cut behind the first."""
    labels = domain.split(".")
    yield domain
    rest = labels[1:] if len(labels) < _MOST_QUERIES else labels[-_AFTER_A_LONG_NAME:]
    while rest:
        yield ".".join(rest)
        rest = rest[1:]


def _organisation(domain: str, places: list[Place]) -> str:
    """Return the organisational domain of a walk (RFC 9989 4.10.2)."""
    found = [place for place in places if place.policy is not None]
    for place in found:
        psd = place.policy.psd if place.policy is not None else "u"
        if psd == "n":
            return place.domain
        if psd == "y" and place.domain != domain:
            below = domain.removesuffix(f".{place.domain}")
            return f"{below.rpartition('.')[2]}.{place.domain}"
    return found[-1].domain if found else domain


@cache
def _suffixes() -> Callable[[str], str | None]:
    from publicsuffixlist import PublicSuffixList

    found: Callable[[str], str | None] = PublicSuffixList().privatesuffix
    return found


def listed_organisation(domain: str) -> str:
    """Return the organisational domain by the public suffix list (RFC 7489 3.2).

    >>> listed_organisation("news.example.co.uk"), listed_organisation("co.uk")
    ('example.co.uk', 'co.uk')
    """
    return _suffixes()(domain) or domain
