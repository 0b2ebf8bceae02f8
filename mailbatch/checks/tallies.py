"""Findings counted over all messages and rows: a mailing of a million has a report of a page.

    >>> tallies = Tallies()
    >>> tallies.add(Finding("MB206", 'src="hero.png"', subject="hero.png"), 500)
    >>> [(tally.code, tally.subject, tally.count) for tally in tallies.result()]
    [('MB206', 'hero.png', 500)]

The subjects that are told apart and the details that are kept are bounded.

Tests: tests/checks/test_check_codes.py, tests/checks/test_report.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailbatch.checks.codes import Severity, severity_of
from mailbatch.checks.findings import Finding, Tally

#: The subjects of a code that are told apart; all others are counted as one.
MOST_SUBJECTS = 20
#: The details that a tally keeps.
MOST_EXAMPLES = 3
_ORDER = {severity: number for number, severity in enumerate(Severity)}
_OTHERS = "\x00others"


class _Counted:
    __slots__ = ("count", "examples", "finding", "where")

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        self.count = 0
        self.examples: dict[str, None] = {}
        self.where: str | None = None


class Tallies:
    """Counts findings by code and subject."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], _Counted] = {}
        self._subjects: dict[str, int] = {}

    def add(self, finding: Finding, count: int = 1) -> None:
        """Count a finding, `count` times."""
        key = (finding.code, finding.subject)
        counted = self._counted.get(key)
        if counted is None:
            if self._subjects.get(finding.code, 0) >= MOST_SUBJECTS:
                key = (finding.code, _OTHERS)
                counted = self._counted.get(key)
            if counted is None:
                counted = self._counted[key] = _Counted(finding)
                self._subjects[finding.code] = self._subjects.get(finding.code, 0) + 1
        counted.count += count
        if len(counted.examples) < MOST_EXAMPLES:
            counted.examples[finding.detail] = None

    def add_all(self, findings: Iterable[Finding]) -> None:
        """Count findings, one by one."""
        for finding in findings:
            self.add(finding)

    def result(self) -> tuple[Tally, ...]:
        """Return the tallies: errors first, then by code, the most frequent of a code first."""
        tallies = [
            Tally(
                code=counted.finding.code,
                subject="" if subject == _OTHERS else subject,
                count=counted.count,
                examples=tuple(counted.examples),
                location=counted.finding.location,
                hint=counted.finding.hint,
            )
            for (_, subject), counted in self._counted.items()
        ]
        return tuple(sorted(tallies, key=lambda t: (_ORDER[severity_of(t.code)], t.code, -t.count)))
