"""The surprises of a recipient table that are no mistakes: hidden rows, formats, empty lists.

    Remarks(hidden=frozenset({3}), formats=(FormatRemark("price", 2, "# ?/?", Doubt.NOT_KNOWN),))

Values only: the reader of the table makes them, the checks report them.

Tests: tests/recipients/test_workbook.py, tests/checks/test_check_codes.py.
"""

from __future__ import annotations

from enum import Enum, auto

from mailbatch.frozen import frozen


class Doubt(Enum):
    """The reason that a number may be written otherwise than a spreadsheet shows the number."""

    NOT_KNOWN = auto()  # the format has no text here: the number is written without it
    BY_COMPUTER = auto()  # a computer in another language shows other separators or names


@frozen
class FormatRemark:
    """A format code in a column, and the first line of the table that has the format."""

    column: str
    line: int
    code: str
    doubt: Doubt


@frozen
class Remarks:
    """The surprises of a table, known before the records are read.

    `hidden` are the lines of records that people do not see and that are left out. `empty_lists`
    are the suppression lists of the job without an entry.
    """

    hidden: frozenset[int] = frozenset()
    formats: tuple[FormatRemark, ...] = ()
    empty_lists: tuple[str, ...] = ()


#: The remarks on a table that hides nothing.
NO_REMARKS = Remarks()
