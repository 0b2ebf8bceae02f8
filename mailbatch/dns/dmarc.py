"""The DMARC policy for a From domain, and whether SPF and DKIM count for that domain.

    dmarc: news.example.com: p=reject at example.com, SPF and DKIM aligned

Both ways to an organisational domain are gone, since receivers go either: where the two end in
different answers, the sender is told. A message passes where one of SPF and DKIM passes for a
domain that is *aligned* with From (RFC 9989 4.4). This module must never say that a message passes:
whether SPF and the signature are right at a receiver is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailbatch.checks.findings import Finding
from mailbatch.dns.answers import Ask
from mailbatch.dns.dmarc_record import is_nearly_dmarc
from mailbatch.dns.judgement import Judgement, gap_findings, shown
from mailbatch.dns.organisations import Place, Walk, listed_organisation, look_at, walk
from mailbatch.frozen import frozen


@frozen
class _View:
    """The answers of one kind of receiver: the place of the policy, and which ways are aligned.

    `ways` maps `spf` and `dkim` to true or false; a way that is not known is missing.
    """

    place: Place | None
    ways: dict[str, bool]

    @property
    def aligned(self) -> list[str]:
        return [way.upper() for way, right in self.ways.items() if right]

    def policy_of(self, domain: str) -> str:
        if self.place is None or self.place.policy is None:
            return "no policy"
        own = self.place.domain == domain
        return f"p={self.place.policy.own if own else self.place.policy.below}"


def judge_dmarc(
    domain: str, ask: Ask, *, envelope: Sequence[str], signing: str | None
) -> Judgement:
    """Judge the policy of a From domain; all domains are in ASCII.

    `envelope` are the domains of the envelope sender, of which one counts at a time: all have to be
    aligned. `signing` is d= of the job's own signatures, None without.
    """
    walks = {one: walk(one, ask) for one in dict.fromkeys((domain, *envelope, signing)) if one}
    tree = _by_walk(walks, domain, envelope, signing)
    listed = _by_list(walks[domain], ask, envelope, signing)
    gaps = [gap for one in walks.values() for gap in one.gaps]
    if listed.place is not None and listed.place.gap is not None:
        gaps.append(listed.place.gap)
    certain = not gaps
    findings = [*_record_findings(domain, walks[domain], tree, certain=certain)]
    if certain:
        findings += _alignment(domain, tree, envelope, signing)
        findings += _differences(domain, tree, listed)
    where = f" at {tree.place.domain}" if tree.place and tree.place.domain != domain else ""
    aligned = " and ".join(tree.aligned) or ("neither SPF nor DKIM" if signing else "SPF not")
    summary = f"{tree.policy_of(domain)}{where}, {aligned} aligned"
    if not certain:
        summary = f"{tree.policy_of(domain)}{where}" if tree.place else "not known"
    facts = {
        "known": certain,
        "record": shown(tree.place.policy.text, 1000) if tree.place and tree.place.policy else None,
        "at": tree.place.domain if tree.place else None,
        "policy": tree.policy_of(domain).removeprefix("p=") if tree.place else None,
        "organisation": walks[domain].organisation if certain else None,
        "organisation_by_list": listed_organisation(domain),
        "aligned": tree.ways if certain else None,
    }
    return Judgement("dmarc", domain, summary, facts, (*findings, *gap_findings(gaps)))


def _by_walk(
    walks: dict[str, Walk], domain: str, envelope: Sequence[str], signing: str | None
) -> _View:
    """Return the view of a receiver of RFC 9989: own record, organisation's, that of a suffix."""
    own = walks[domain]
    suffix = next((one for one in own.places if one.policy and one.policy.psd == "y"), None)
    place = own.place_of(domain) or own.place_of(own.organisation) or suffix
    organisations = {name: walked.organisation for name, walked in walks.items()}
    return _View(place, _ways(place, domain, envelope, signing, organisations))


def _by_list(own: Walk, ask: Ask, envelope: Sequence[str], signing: str | None) -> _View:
    """Return the view of a receiver of RFC 7489: own record, else that of the registered domain."""
    names = [own.domain, *envelope, *([signing] if signing else [])]
    organisations = {name: listed_organisation(name) for name in names}
    above = look_at(organisations[own.domain], ask)
    place = own.place_of(own.domain) or (above if above.policy or above.gap else None)
    return _View(place, _ways(place, own.domain, envelope, signing, organisations))


def _ways(
    place: Place | None,
    domain: str,
    envelope: Sequence[str],
    signing: str | None,
    organisations: dict[str, str],
) -> dict[str, bool]:
    strict = place.policy.strict if place is not None and place.policy is not None else frozenset()

    def is_aligned(other: str, way: str) -> bool:
        if way in strict:
            return other == domain
        return other == domain or organisations[other] == organisations[domain]

    ways = {"spf": all(is_aligned(one, "spf") for one in envelope)}
    if signing is not None:
        ways["dkim"] = is_aligned(signing, "dkim")
    return ways


def _record_findings(domain: str, own: Walk, tree: _View, *, certain: bool) -> Iterator[Finding]:
    """Yield the findings about the records themselves, on the way up and where the policy is."""
    for place in own.places:
        name = f"_dmarc.{place.domain}"
        if place.several > 1:
            detail = f"{name} has {place.several} DMARC records: receivers take none of them"
            yield Finding("MB516", detail, name)
        for text in filter(is_nearly_dmarc, place.texts):
            yield Finding("MB516", f"{name}: {shown(text, 40)!r} is not v=DMARC1", name)
    if tree.place is not None and tree.place.policy is not None:
        name = f"_dmarc.{tree.place.domain}"
        for remark in tree.place.policy.remarks:
            yield Finding("MB516", f"{name}: {remark}", name)
        if len(tree.place.texts) > 1:
            detail = f"{name}: another TXT record stands beside it, which some take amiss"
            yield Finding("MB516", detail, name)
    elif certain:
        yield Finding("MB515", f"neither {domain} nor a domain above has one", domain)


def _alignment(
    domain: str, tree: _View, envelope: Sequence[str], signing: str | None
) -> Iterator[Finding]:
    if any(tree.ways.values()):
        return
    said = [f"the envelope sender's {' and '.join(envelope)}"] if envelope else []
    said += [f"d={signing} of the signature"] if signing is not None else []
    strict = sorted(tree.place.policy.strict) if tree.place and tree.place.policy else []
    why = f" ({', '.join(f'a{way}=s' for way in strict)})" if strict else ""
    verb = "is" if len(said) == 1 else "are"
    neither = "not" if len(said) == 1 else "both not"
    detail = f"{' and '.join(said)} {verb} {neither} aligned with From's {domain}{why}"
    yield Finding("MB517", detail, domain)


def _differences(domain: str, tree: _View, listed: _View) -> Iterator[Finding]:
    """Yield where the walk and the list end in different answers."""
    one, other = tree.policy_of(domain), listed.policy_of(domain)
    if one != other:
        yield Finding("MB518", f"{domain}: {one} by the walk, {other} by the list", domain)
    for way in tree.ways:
        if tree.ways[way] != listed.ways[way]:
            which = ("the walk", "the list") if tree.ways[way] else ("the list", "the walk")
            detail = f"{way.upper()} is aligned with {domain} by {which[0]}, and not by {which[1]}"
            yield Finding("MB518", detail, domain)
