"""The equation of a run: each row of the table has one status, and no row has none.

    rows of the table + rows that left it = accepted + rejected + ... + skipped
    accepted = delivered + bounced + ... + not known yet        # where there are reports

The left side is counted where the table is read, the right side where the ledger keeps its figures,
and both are held against the rows of the ledger, one by one; the provider's side is counted where
the results are written. This module must never mend a row, nor read a store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from mailbatch.balance import of_accepted, of_rows
from mailbatch.envelope import Recipient
from mailbatch.frozen import frozen
from mailbatch.ledger.ports import OpenLedger
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from mailbatch.reports.report import Event

#: The rows that are named one by one.
_MOST_NAMED = 5


@frozen
class Equation:
    """The rows of the table, the rows that left it, and the rows by status; `faults` in words.

    `reported` are the accepted rows by the event that stands, None among the keys for those without
    a report; the whole is None where no report of the edition is known.

    >>> counts = {Status.ACCEPTED: 2, Status.WITHDRAWN: 1}
    >>> print(Equation(2, 1, counts))
    2 rows + 1 that left the table = 2 accepted + 1 withdrawn
    """

    rows: int
    left: int
    counts: Mapping[Status, int]
    faults: tuple[str, ...] = ()
    reported: Mapping[Event | None, int] | None = None

    @property
    def balanced(self) -> bool:
        """Whether both sides are the same, row by row."""
        return not self.faults

    def __str__(self) -> str:
        said = of_rows(self.rows, self.left, self.counts)
        if self.reported is None:
            return said
        return f"{said}; {of_accepted(self.counts[Status.ACCEPTED], self.reported)}"


def equation_of(
    ledger: OpenLedger,
    rows: int,
    table: Iterable[Recipient],
    reported: Mapping[Event | None, int] | None = None,
) -> Equation:
    """Return the equation of an edition; `rows` were read, `table` is read again for the faults.

    `reported` is that of `Equation`. While other workers write the ledger, nothing that is counted
    at two moments is compared.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    before = ledger.writers()
    counts = ledger.standing.counts()
    found, lines = ledger.standing.found_rows()
    if before or ledger.writers():
        # Workers go on behind a run that was told to stop: only one look is of one instant.
        counts, reported = found, None
    faults = [
        f"{found[status]:,} rows are {status.replace('_', ' ')}, and {counts[status]:,} are counted"
        for status in Status
        if found[status] != counts[status]
    ]
    if lines != rows:
        faults += _differing(ledger, table)
    if reported is not None and sum(reported.values()) != counts[Status.ACCEPTED]:
        faults.append(
            f"{sum(reported.values()):,} accepted rows are in the results, and "
            f"{counts[Status.ACCEPTED]:,} are counted"
        )
    return Equation(rows, sum(found.values()) - lines, counts, tuple(faults), reported)


def _differing(ledger: OpenLedger, table: Iterable[Recipient]) -> list[str]:
    """Name the rows that are in the table or in the ledger alone."""
    known = Counter(line for line, _, _ in ledger.standing.planned_rows() if line is not None)
    read = Counter(row.line for row in table)
    return [
        f"row {', '.join(map(str, islice(sorted(lines), _MOST_NAMED)))} {words}"
        for lines, words in (
            (read - known, "has no status in the ledger"),
            (known - read, "is not in the table"),
        )
        if lines
    ]
