"""The check of a group's rows: cells that differ, and that the letter has of the first row alone.

    letter.txt.j2:1: warning MB223: The letter has the first row of a group alone: child is 'Ben' on
    line 3, and the letter has 'Ann'

Only the columns are looked at that a template reads at top level
(`mailbatch.render.first_row`). This module must never read a template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailbatch.checks.findings import Finding, shortened
from mailbatch.envelope import Delivery
from mailbatch.errors import Location


class GroupChecks:
    """Looks at the rows of each group, in the columns that `readings` name with the places.

    `columns` are the columns of the table, `shared` those that rows of one group agree in, in a
    spelling of each row: the columns of the group, and the address.
    """

    def __init__(
        self,
        readings: Iterable[tuple[str, Location]],
        columns: Sequence[str],
        shared: Iterable[str],
    ) -> None:
        same = frozenset(shared)
        self._readings = [
            (columns.index(column), column, place)
            for column, place in readings
            if column not in same
        ]

    def findings(self, delivery: Delivery) -> Iterator[Finding]:
        """Yield a finding for each reading whose cell another row of the message has not."""
        first, *others = delivery.rows
        for index, column, place in self._readings if others else ():
            for row in others:
                if row.values[index] != first.values[index]:
                    left = f"{column} is {shortened(row.values[index])!r} on line {row.line}"
                    detail = f"{left}, and the letter has {shortened(first.values[index])!r}"
                    hint = _LOOP.format(column) if column.isidentifier() else None
                    yield Finding("MB223", detail, f"{place} {column}", place, hint)
                    break


_LOOP = (
    "Read all rows, {{% for row in rows %}}{{{{ row.{0} }}}}{{% endfor %}}, or give each row a "
    "letter of its own: add {0} to recipients.group_by."
)
