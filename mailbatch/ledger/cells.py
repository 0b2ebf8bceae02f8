r"""The cells of a row as one text of the ledger: packed, or as a JSON list where they cannot be.

    >>> packed(("ann@example.com", "Ann", "pro"), "ann@example.com")
    '\x1e\x1fAnn\x1fpro'
    >>> packed(('say "hello"',), "ann@example.com")
    '["say \\"hello\\""]'

Packed cells stand apart by U+001F (unit separator), and U+001E stands for the address of the row:
a third less than the JSON list of most rows, and the address is stored once. A list has a quote,
packed cells have none. Both can be read by SQL alone (`UNPACKED`). This module must never pack a
text that is not printable, nor read cells with another address than that of their own row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import repeat

from mailbatch.plain_rows import APART

_APART, _ADDRESS = APART, "\x1e"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode
#: The cells as a JSON list, in SQL, to be formatted with the names of the columns.
UNPACKED = (
    "CASE WHEN instr({cells}, '\"') THEN {cells} ELSE"
    " '[\"' || replace(replace({cells}, char(31), '\",\"'), char(30), {address}) || '\"]' END"
)


def pack(rows: Sequence[Sequence[str]], addresses: Sequence[str]) -> list[str]:
    """Return the text of the cells of each row, whose addresses are `addresses`."""
    joined = list(map(_APART.join, rows))
    if _is_plain("".join(joined), sum(map(len, rows)) - len(rows)):
        if all(addresses) and _APART not in "".join(addresses):
            return list(map(str.replace, joined, addresses, repeat(_ADDRESS)))
        return list(map(_without, joined, addresses))
    return list(map(packed, rows, addresses))


def pack_plain(joined: Sequence[str], addresses: Sequence[str]) -> list[str]:
    """Return the text of the cells of plain rows (`PlainRows`), which are joined already."""
    return list(map(str.replace, joined, addresses, repeat(_ADDRESS)))


def packed(cells: Sequence[str], address: str) -> str:
    """Return the text of the cells of a row with this address."""
    joined = _APART.join(cells)
    return _without(joined, address) if _is_plain(joined, len(cells) - 1) else _encode(list(cells))


def unpacked(text: str, address: str) -> tuple[str, ...]:
    r"""Return the cells of a row with this address.

    >>> unpacked("\x1e\x1fAnn", "ann@example.com")
    ('ann@example.com', 'Ann')
    """
    if '"' in text:
        return tuple(_decode(text)[0])
    return tuple(text.replace(_ADDRESS, address).split(_APART))


def repacked(text: str, address: str) -> str:
    """Return the text of cells that stood as a JSON list: for the migration of a ledger."""
    return packed(_decode(text)[0], address)


def _is_plain(joined: str, gaps: int) -> bool:
    """Say whether joined cells, apart from the `gaps` between, need no escapes in JSON."""
    return (
        '"' not in joined
        and "\\" not in joined
        and joined.count(_APART) == gaps
        and joined.replace(_APART, "").isprintable()
    )


def _without(joined: str, address: str) -> str:
    """Return joined cells without the address of their row.

    The address of an invalid row may be any text; one with a separator would span two cells.
    """
    return joined.replace(address, _ADDRESS) if address and _APART not in address else joined
