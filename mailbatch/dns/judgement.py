"""A judgement of the records of one domain: a line for people, facts for JSON, and findings.

    Judgement("mx", "example.com", "takes no mail", {...}, (Finding("MB519", ...),))

Tests: tests/dns/test_published.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from mailbatch.checks.findings import Finding
from mailbatch.dns.answers import Kind, Unanswered
from mailbatch.frozen import frozen


@frozen
class Judgement:
    """The result of one judge; `facts` has JSON values by name, `summary` the same in short."""

    about: str
    domain: str
    summary: str
    facts: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def line(self) -> str:
        """The line for people, such as `mx: example.com: mx1.example.com`."""
        return f"{self.about}: {self.domain}: {self.summary}"

    def as_object(self) -> dict[str, object]:
        """Return the facts for JSON, with the subject and the domain."""
        return {"about": self.about, "domain": self.domain, **self.facts}


@frozen
class Gap:
    """A question that DNS left open, with the reason."""

    name: str
    kind: Kind
    why: str

    @classmethod
    def of(cls, name: str, kind: Kind, answer: Unanswered) -> Gap:
        """Return the gap of a question without an answer."""
        return cls(name, kind, answer.why)


def gap_findings(gaps: Iterable[Gap]) -> tuple[Finding, ...]:
    """Return a finding for each question that DNS left open; those of one reason are one tally."""
    return tuple(
        Finding("MB506", f"{gap.kind} of {gap.name}: {gap.why}", gap.why)
        for gap in dict.fromkeys(gaps)
    )


def shown(text: str, most: int = 120) -> str:
    """Return a record on one line of printable ASCII, cut at `most` characters."""
    line = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
