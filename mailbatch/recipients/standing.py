"""The standing of the recipients on a suppression list, as far as columns of the list tell it.

    standing = Standing.of(table, address=1)   # columns: id, Email, Unsubscribed from all email
    standing.doubt(("2", "bob@example.com", ""))
    "the column 'Unsubscribed from all email' says '', which may mean that this one did not leave"

An export of all contacts looks like a list of those who left. A column with a known title such as
`Status` is read by itself (`stays`). Any other column counts by the cells: answers (yes, no), times
and words such as `subscribed`. A title that leans tells which answer is in doubt. Without such a
title, answers that differ are in doubt, both: this module must never guess that a recipient left.

Tests: tests/recipients/test_suppress.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailbatch.frozen import frozen
from mailbatch.recipients.list_titles import Leaning, Word, leaning, standing_columns, stays, word
from mailbatch.recipients.records import Records

_SHOWN = 80
_ANSWERS = frozenset((Word.YES, Word.NO))
_STATES = frozenset((Word.GONE, Word.THERE))
_LEFT = frozenset((Word.YES, Word.TIME, Word.GONE))
_STAYED = frozenset((Word.NO, Word.GONE))
_CONTRARY = frozenset((Word.YES, Word.THERE))  # where another column tells of leaving


@frozen
class _Column:
    """A column that counts by the cells.

    `left` are the words that tell of leaving, `doubtful` those that leave a doubt.
    """

    place: int
    name: str
    leaning: Leaning
    left: frozenset[Word]
    doubtful: frozenset[Word]


@frozen
class Standing:
    """The columns of a list that tell whether a recipient left.

    `known` are those with a title of the table, each with the place; `others` count by the cells.
    """

    known: tuple[tuple[int, str], ...]
    others: tuple[_Column, ...]

    @classmethod
    def of(cls, table: Records, address: int) -> Standing:
        """Find the columns; the records are read once, unless a title of the table is there.

        `address` is the place of the addresses. Rows without an address count for nothing.

        Raises:
            RecipientError: a record breaks the table.
        """
        columns = table.columns
        known = tuple((columns.index(name), name) for name in standing_columns(columns))
        if known:
            return cls(known, ())
        leans = [leaning(name) for name in columns]  # once a column: a list may have many rows
        seen: dict[int, set[Word]] = {
            place: set()
            for place, kind in enumerate(leans)
            if place != address and kind is not Leaning.ASIDE
        }
        for _, cells in table if seen else ():
            if not cells[address].strip():
                continue
            for place, words in list(seen.items()):
                words.add(word(cells[place]))
                if Word.OTHER in words and leans[place] is Leaning.UNKNOWN:
                    del seen[place]  # a name, a number: most columns end here with the first row
            if not seen:
                break
        found = (
            _column(place, columns[place], leans[place], words) for place, words in seen.items()
        )
        return cls((), tuple(filter(None, found)))

    def doubt(self, cells: Sequence[str]) -> str | None:
        """Return the reason to doubt that the recipient of a row left; None without a doubt."""
        for place, name in self.known:
            if stays(name, cells[place]):
                return _doubt(name, cells[place])
        told = [(one, word(cells[one.place])) for one in self.others]
        staying = [(one, found) for one, found in told if one.leaning is Leaning.STAYED]
        left = any(found in one.left for one, found in told if one.leaning is not Leaning.STAYED)
        for one, found in staying if left else told:
            if found not in (_CONTRARY if left else one.doubtful):
                continue
            if one.leaning is not Leaning.UNKNOWN or found is Word.THERE:
                return _doubt(one.name, cells[one.place])
            if not staying:
                return _doubt(one.name, cells[one.place], " here, and otherwise elsewhere")
        return None


def _column(place: int, name: str, leans: Leaning, seen: Iterable[Word]) -> _Column | None:
    """Return a column that counts by the words in the cells; None for any other column."""
    words = frozenset(seen)
    told = words & (_ANSWERS | _STATES)
    if leans is Leaning.LEFT:
        if Word.OTHER in words and not told:
            return None  # texts alone: a campaign, a person
        return _Column(place, name, leans, _LEFT, frozenset(Word) - _LEFT)
    if not told or (Word.TIME in words and not words & _STATES):
        return None  # a time of subscribing, or texts
    if leans is Leaning.STAYED:
        return _Column(place, name, leans, _STAYED, frozenset(Word) - _STAYED)
    if words & _STATES:
        left, doubtful = frozenset((Word.GONE,)), frozenset((Word.THERE,))
        return _Column(place, name, leans, left, doubtful)
    return _Column(place, name, leans, frozenset(), words) if len(words) > 1 else None


def _doubt(name: str, cell: str, where: str = "") -> str:
    says = f"the column {name!r} says {cell.strip()[:_SHOWN]!r}{where}"
    return f"{says}, which may mean that this one did not leave"
