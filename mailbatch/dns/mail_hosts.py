"""The hosts that take the mail of a domain, where bounces go.

    mx: bounces.example.com: mx1.example.com, mx2.example.com

Source: RFC 5321 5.1, RFC 7505 (null MX). This module must never connect to a host.

Tests: tests/dns/test_published.py.
"""

from __future__ import annotations

from mailbatch.checks.findings import Finding
from mailbatch.dns.answers import Absent, Ask, Records, Unanswered
from mailbatch.dns.judgement import Gap, Judgement, gap_findings

_MOST_HOSTS = 5  # whose addresses are asked for


def judge_mail_hosts(domain: str, ask: Ask) -> Judgement:
    """Judge whether mail to a domain, in ASCII, has a host to go to."""
    answer = ask(domain, "MX")
    if isinstance(answer, Unanswered):
        open_ = gap_findings([Gap.of(domain, "MX", answer)])
        return Judgement("mx", domain, "not known", {"hosts": None}, open_)
    hosts = answer.values if isinstance(answer, Records) else ()
    facts: dict[str, object] = {"hosts": list(hosts)}
    if isinstance(answer, Absent) and not answer.name_exists:
        return _bad(domain, "does not exist in DNS", facts)
    if hosts == ("",):
        return _bad(domain, "takes no mail: it has a null MX", facts)
    found, gaps = _with_address([host for host in hosts if host] or [domain], ask)
    if found is None and not gaps:
        none = "none of its mail hosts has an address" if hosts else "has no MX and no address"
        return _bad(domain, none, facts)
    shown = ", ".join(hosts[:3]) + (", …" if len(hosts) > 3 else "")  # noqa: PLR2004 - shown
    findings = list(gap_findings(gaps)) if found is None else []
    if not hosts and found is not None:
        detail = f"{domain} has no MX, only an address: a web server may answer there"
        findings.append(Finding("MB519", detail, domain))
    summary = shown or ("its own address, without MX" if found is not None else "not known")
    return Judgement("mx", domain, summary, facts, tuple(findings))


def _with_address(hosts: list[str], ask: Ask) -> tuple[str | None, list[Gap]]:
    """Return the first host with an address, and the questions that were left open before."""
    gaps: list[Gap] = []
    for host in hosts[:_MOST_HOSTS]:
        four = ask(host, "A")
        six = Absent(name_exists=True) if isinstance(four, Records) else ask(host, "AAAA")
        if isinstance(four, Records) or isinstance(six, Records):
            return host, gaps
        if isinstance(four, Unanswered):
            gaps.append(Gap.of(host, "A", four))
        if isinstance(six, Unanswered):
            gaps.append(Gap.of(host, "AAAA", six))
    return None, gaps


def _bad(domain: str, why: str, facts: dict[str, object]) -> Judgement:
    finding = Finding("MB519", f"{domain} {why}", domain)
    return Judgement("mx", domain, why, facts, (finding,))
