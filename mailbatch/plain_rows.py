r"""Rows of a table that no rule has to look at one by one, many together.

    >>> rows = PlainRows(2, ["ann@example.com"], ["ann@example.com\x1fAnn"])
    >>> [(row.line, row.address, row.values) for row in rows.recipients()]
    [(2, 'ann@example.com', ('ann@example.com', 'Ann'))]

A million rows pass from a file into a ledger as texts that are never cut into cells. Values only:
this module must never judge a row.

Tests: tests/recipients/test_plain_lines.py, tests/ledger/test_plan.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, repeat
from typing import NamedTuple, Protocol, runtime_checkable

from mailbatch.envelope import Recipient

#: Between two cells (unit separator): no cell of a plain row has the character.
APART = "\x1f"
#: The fields of a row behind its group: pending, and no more.
_DEFAULTS = tuple(Recipient._field_defaults.values())[1:]


class PlainRows(NamedTuple):
    r"""Rows of neighbouring lines, each of which asks for a message.

    `first` is the line of the first row. `addresses` are on the wire as they stand, and are the
    keys of their rows in any capitals. `cells` are those of each row, joined by U+001F, the address
    among them: printable, without `"` and `\`, and without white space at the ends of a cell.
    `groups` are the values of `group_by` of each row, None where every row has a message alone.
    """

    first: int
    addresses: list[str]
    cells: list[str]
    groups: list[tuple[str, ...]] | None = None

    def recipients(self) -> Iterator[Recipient]:
        """Return the rows one by one."""
        values = map(tuple, map(str.split, self.cells, repeat(APART)))
        groups = repeat(None) if self.groups is None else self.groups
        rows = zip(count(self.first), self.addresses, values, groups, *map(repeat, _DEFAULTS))
        return map(tuple.__new__, repeat(Recipient), rows)


@runtime_checkable
class InBlocks(Protocol):
    """The rows of a table that can be read in blocks; each reading begins anew."""

    def blocks(self) -> Iterator[PlainRows | Sequence[Recipient]]:
        """Read the rows of the table in their order, in blocks that are never empty."""
