"""The SPF record of a domain: present once, well formed, within the limits of RFC 7208.

    >>> judge_spf("example.com", lambda name, kind: Records(("v=spf1 a -all",))).summary
    'v=spf1 a -all (1 of 10 look-ups)'

The tree of includes is counted as a whole: a verifier that meets a match earlier stops there and
never sees the limit, one that does not refuses the record. This module must never evaluate a record
for an address: the servers that send are the provider's, and the list of them is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mailbatch.checks.findings import Finding
from mailbatch.dns.answers import Absent, Ask, Kind, Records, Unanswered
from mailbatch.dns.judgement import Gap, Judgement, gap_findings, shown
from mailbatch.dns.spf_terms import SpfFault, Term, is_spf, read_record

_MOST_TERMS = 10  # RFC 7208 4.6.4, of the whole tree
_MOST_VOID = 2
_MOST_HOSTS = 10  # of one mx term
#: The types of addresses that a client may have; each has void look-ups of its own.
_CLIENTS: tuple[Kind, ...] = ("A", "AAAA")
_ENOUGH = 30  # terms of a tree; the record is refused long before


@dataclass(slots=True)
class _Tree:
    """The counts of a record with all that it includes; `void` are those from IPv4 and IPv6."""

    terms: int = 0
    void: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(_CLIENTS, 0))
    faults: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def look_up(
        self, name: str, kind: Kind, ask: Ask, *, clients: tuple[Kind, ...]
    ) -> tuple[str, ...]:
        """Return the records of a name; note a gap, and a void look-up of such clients."""
        answer = ask(name, kind)
        if isinstance(answer, Unanswered):
            self.gaps.append(Gap.of(name, kind, answer))
        elif isinstance(answer, Absent):
            for client in clients:
                self.void[client] += 1
        return answer.values if isinstance(answer, Records) else ()


def judge_spf(domain: str, ask: Ask) -> Judgement:
    """Judge the record of an envelope sender's domain, in ASCII."""
    answer = ask(domain, "TXT")
    if isinstance(answer, Unanswered):
        gaps = gap_findings([Gap.of(domain, "TXT", answer)])
        return Judgement("spf", domain, "not known", {"record": None, "known": False}, gaps)
    texts = answer.values if isinstance(answer, Records) else ()
    records = [text for text in texts if is_spf(text)]
    if not records:
        finding = Finding("MB507", _nothing(domain, texts, answer), domain)
        return Judgement("spf", domain, "no record", {"record": None, "known": True}, (finding,))
    tree = _Tree()
    terms = _visit(domain, ask, tree, ())
    if tree.terms > _MOST_TERMS:
        tree.limits.insert(0, f"{tree.terms} terms ask DNS, of at most {_MOST_TERMS}")
    void = max(tree.void.values())
    if void > _MOST_VOID:
        # A verifier asks for the type of the client's address alone.
        where = "" if tree.void["A"] == void else " where a message comes by IPv6"
        where = " where a message comes by IPv4" if tree.void["AAAA"] < void else where
        tree.limits.append(f"{void} look-ups find nothing, of at most {_MOST_VOID}{where}")
    findings = [Finding("MB508", f"{domain}: {fault}", domain) for fault in tree.faults]
    findings += [Finding("MB509", f"{domain}: {limit}", domain) for limit in tree.limits]
    findings += [Finding("MB510", f"{domain}: {remark}", domain) for remark in _remarks(terms)]
    count = f"{'at least ' if tree.gaps else ''}{tree.terms} of {_MOST_TERMS} look-ups"
    facts = {
        "record": shown(records[0], 1000),
        "known": not tree.gaps,
        "valid": not (tree.faults or tree.limits) if not tree.gaps else None,
        "lookups": tree.terms,
        "void_lookups": void,
    }
    summary = f"{shown(records[0])} ({count})"
    if len(records) > 1:
        summary = f"{len(records)} records, where one may be"
    return Judgement("spf", domain, summary, facts, (*findings, *gap_findings(tree.gaps)))


def _nothing(domain: str, texts: tuple[str, ...], answer: Records | Absent) -> str:
    if isinstance(answer, Absent) and not answer.name_exists:
        return f"{domain} does not exist in DNS"
    near = next((text for text in texts if "v=spf1" in text.lower()), None)
    if near is not None:
        return f"{domain}: {shown(near, 60)!r} does not begin with v=spf1 and a blank"
    return f"{domain} has no TXT record that begins with v=spf1"


def _visit(domain: str, ask: Ask, tree: _Tree, path: tuple[str, ...]) -> tuple[Term, ...]:
    """Count the record of a domain and all that it includes; return its terms."""
    called = "the record" if not path else f"the record of {domain}"
    if domain in path:
        tree.faults.append(f"{domain} includes itself")
        return ()
    answer = ask(domain, "TXT")
    if isinstance(answer, Unanswered):
        tree.gaps.append(Gap.of(domain, "TXT", answer))
        return ()
    texts = answer.values if isinstance(answer, Records) else ()
    records = [text for text in texts if is_spf(text)]
    if len(records) != 1:
        several = f"{domain} has {len(records)} SPF records, and one may be"
        missing = f"{domain} is included and has no SPF record"
        tree.faults.append(several if records else missing)
        return ()
    try:
        terms = read_record(records[0])
    except SpfFault as fault:
        tree.faults.append(f"{called}: {fault}")
        return ()
    for term in _reached(terms):
        if term.asks and tree.terms < _ENOUGH:
            tree.terms += 1
            _follow(term, domain, ask, tree, path)
    return terms


def _reached(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Return the terms that a verifier may come to: none behind `all`, which makes redirect void.

    A redirect stands for the end of the record, wherever it is written (RFC 7208 6.1).
    """
    last = next((place for place, term in enumerate(terms) if term.name == "all"), None)
    if last is not None:
        return tuple(term for term in terms[:last] if term.name != "redirect")
    return tuple(sorted(terms, key=lambda term: term.name == "redirect"))


def _follow(term: Term, domain: str, ask: Ask, tree: _Tree, path: tuple[str, ...]) -> None:
    """Ask for the records of a term; a domain with macros is another one for each message."""
    if not term.fixed or term.name == "ptr":
        return
    target = term.domain or domain
    if term.name in {"include", "redirect"}:
        _visit(target, ask, tree, (*path, domain))
    elif term.name == "mx":
        hosts = tree.look_up(target, "MX", ask, clients=_CLIENTS)
        if len(hosts) > _MOST_HOSTS:
            tree.limits.append(f"{term} has {len(hosts)} hosts, of at most {_MOST_HOSTS}")
    elif term.name == "exists":  # RFC 7208 5.7: type A, whatever the client's address
        tree.look_up(target, "A", ask, clients=_CLIENTS)
    else:
        for kind in _CLIENTS:  # RFC 7208 5: the type of the client's address
            tree.look_up(target, kind, ask, clients=(kind,))


def _remarks(terms: tuple[Term, ...]) -> list[str]:
    """Return the parts of a record that say other than their writer means."""
    found = []
    names = [term.name for term in terms if term.sign]
    last = next((term for term in terms if term.name == "all" and term.sign), None)
    redirect = any(term.name == "redirect" for term in terms)
    if last is not None and last.sign == "+":
        found.append("it ends with +all: every server on earth passes")
    if last is not None and names.index("all") < len(names) - 1:
        found.append(f"{names[-1]} behind {last.sign.strip('+')}all has no effect")
    if last is not None and redirect:
        found.append("redirect= beside all has no effect")
    if terms and last is None and not redirect:
        found.append("it has no all at its end: other servers are neither right nor wrong")
    found += [f"{term.name}= has no effect; a colon is meant" for term in terms if term.mistaken]
    if "ptr" in names:
        found.append("ptr should not be used (RFC 7208 5.5)")
    return found
