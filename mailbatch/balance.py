"""The balance of an edition in words: each row has one status, each accepted row one report.

>>> of_rows(2, 1, {Status.ACCEPTED: 2, Status.WITHDRAWN: 1})
'2 rows + 1 that left the table = 2 accepted + 1 withdrawn'
>>> of_accepted(3, {"delivered": 2, None: 1})
'3 accepted = 2 delivered + 1 not known yet'

This module must never count, nor judge whether both sides are the same.

Tests: tests/delivery/test_equation.py, tests/cli/test_equation_line.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from mailbatch.outcome import Status

E = TypeVar("E", bound=str)


def of_rows(rows: int, left: int, counts: Mapping[Status, int]) -> str:
    """Return the rows of a table, and those that left it, as the sum of all statuses."""
    table = f"{rows:,} row{'' if rows == 1 else 's'}"
    if left:
        table += f" + {left:,} that left the table"
    parts = [f"{n:,} {status.replace('_', ' ')}" for status, n in counts.items() if n]
    return f"{table} = {' + '.join(parts) or '0'}"


def of_accepted(accepted: int, reported: Mapping[E | None, int]) -> str:
    """Return the accepted rows as the sum of the events that stand, the most frequent first.

    None among the keys is for rows without a report.
    """
    known = sorted(((n, event) for event, n in reported.items() if event and n), key=_frequency)
    parts = [f"{n:,} {event}" for n, event in known]
    if reported.get(None):
        parts.append(f"{reported[None]:,} not known yet")
    return f"{accepted:,} accepted = {' + '.join(parts) or '0'}"


def _frequency(part: tuple[int, str]) -> tuple[int, str]:
    return -part[0], part[1]
