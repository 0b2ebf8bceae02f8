"""A refusal: the answer of a reader to bytes, or to a part of them, that make no report.

Readers never raise for the mistakes of others. One body may give both: of two thousand reports the
one that is no report is refused with a place, and the others stand.

Tests: tests/reports/test_hostile.py.
"""

from __future__ import annotations

from enum import StrEnum

from mailbatch.frozen import frozen
from mailbatch.reports.report import Report


class Cause(StrEnum):
    """The cause of a refusal."""

    UNREADABLE = "unreadable"  # not in a form that a reader knows
    NO_REPORT = "no report"  # understood, and it says nothing of a recipient: a vacation reply
    NOT_GENUINE = "not genuine"  # the proof of its origin is missing or wrong


@frozen
class Refusal:
    """A part of a body that makes no report.

    `place` is a path of JSON members (`results[3].status`), a line and column, the name of a mail's
    field or part; empty for the whole body. `reason` is a text for people.
    """

    place: str
    reason: str
    cause: Cause = Cause.UNREADABLE

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


#: The answer of every reader; never empty.
Reading = tuple[Report | Refusal, ...]
