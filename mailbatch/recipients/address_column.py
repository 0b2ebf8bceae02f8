"""The columns that may have the addresses, of a table without the column that the job names.

    Email Address,First Name            -> Email Address, by the title
    mother email,father email,name      -> mother email, father email, by the cells

Titles are those of suppression lists (`list_titles.py`). Such a column is offered in an error, and
never mailed by itself: the job says which column has the addresses.

Tests: tests/recipients/test_plan.py.
"""

from __future__ import annotations

from itertools import islice

from mailbatch.errors import RecipientError
from mailbatch.recipients.address import is_address
from mailbatch.recipients.list_titles import address_columns
from mailbatch.recipients.records import Records

#: The records that are looked at.
_LOOKED_AT = 20


def likely_address_columns(table: Records) -> list[str]:
    """Return the columns with a usual title and addresses below, or else all with addresses.

    A title alone counts where the first records of the table have no address at all.
    """
    titled = address_columns(table.columns)
    holding = _with_addresses(table)
    return [name for name in titled if name in holding] or holding or titled


def _with_addresses(table: Records) -> list[str]:
    """Return the columns whose first cells are addresses, or blank."""
    try:
        records = [cells for _, cells in islice(table, _LOOKED_AT)]
    except RecipientError:  # the table is broken further down, which is told when it is read
        return []
    found = []
    for index, name in enumerate(table.columns):
        texts = [text for cells in records if (text := cells[index].strip())]
        if texts and all(map(is_address, texts)) and not is_address(name):
            found.append(name)
    return found
