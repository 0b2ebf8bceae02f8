"""The checks of times of sending: days that are over, and the instants of a first plan.

    people.csv:3: warning MB154: A day of send_at is over: 2025-12-04 09:00 Europe/Zagreb

Rows are seen one after the other; what is kept grows with the different times, not with the rows.
This module must never read a clock, nor a ledger: the caller says when a plan would be made.

Tests: tests/checks/test_check_codes.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mailbatch.checks.findings import Finding
from mailbatch.envelope import Recipient
from mailbatch.errors import Location
from mailbatch.job.model import Job
from mailbatch.outcome import Status
from mailbatch.send_time import MINUTE, send_time
from mailbatch.times import iso_time

_PENDING = Status.PENDING.value
#: So many different times are looked at, and so many instants named.
_MOST, _NAMED = 100_000, 5


class SendTimeChecks:
    """Looks at the times of the rows of a job."""

    def __init__(self, job: Job) -> None:
        self._path = job.recipients.shown
        self._rows: Counter[str] = Counter()
        self._first: dict[str, int] = {}

    def row(self, recipient: Recipient) -> None:
        """See a row of the table."""
        said = recipient.send_at
        if said is None or recipient.status != _PENDING:
            return
        if said in self._rows or len(self._rows) < _MOST:
            self._rows[said] += 1
            self._first.setdefault(said, recipient.line)

    def findings(self, now: float) -> Iterator[tuple[Finding, int]]:
        """Yield the findings of a plan at `now` (seconds, epoch), each with the number of rows."""
        instants: Counter[int] = Counter()
        shown: dict[int, str] = {}
        for said, number in self._rows.items():
            time = send_time(said)
            at = time.first_at(now)
            instants[at] += number
            shown.setdefault(at, said)
            if at + MINUTE <= now:
                place = Location(self._path, self._first[said])
                yield Finding("MB154", said, said, place), number
        if instants:
            told = [
                f"{instants[at]:,} at {iso_time(at)} ({shown[at]})"
                for at in sorted(instants)[:_NAMED]
            ]
            others = len(instants) - len(told)
            more = f" and {others:,} later instants" if others else ""
            detail = f"{', '.join(told)}{more}"
            yield Finding("MB155", detail, location=Location(self._path)), instants.total()
