"""The forms in which spreadsheets protect a text from being taken for a number or a formula.

A CSV has no types, so programs write `="01234"`, and `'+49 170` for a text that begins like a
formula (OWASP, CSV injection). Such signs come from a program: the text between is meant. Only a
CSV has such signs; in JSON lines and workbooks a text is a text.

Tests: tests/recipients/test_field_tables.py, tests/recipients/test_table.py.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
# An apostrophe before a sign, a number that begins with 0, TAB or CR: no word of people has that.
_APOSTROPHE = re.compile(r"'(?=[=+\-@\t\r]|0[\d ./-]*\Z)")
_FIRST = frozenset("='")


def bare_text(cell: str) -> str:
    """Return the text that a cell of a CSV protects; other cells unchanged.

    >>> bare_text('="01234"'), bare_text("'+49 170"), bare_text("O'Neil")
    ('01234', '+49 170', "O'Neil")
    """
    if cell[:1] not in _FIRST:
        return cell
    formula = _FORMULA.fullmatch(cell.rstrip())
    if formula is not None:
        return formula[1].replace('""', '"')
    return cell[1:] if _APOSTROPHE.match(cell) else cell


def has_signs(text: str) -> bool:
    """Tell whether a text has a character with which a spreadsheet protects a cell, anywhere."""
    return any(sign in text for sign in _FIRST)


def bare_texts(cells: list[str]) -> list[str]:
    """Return the texts of a record, each as `bare_text` gives it."""
    for cell in cells:
        if cell[:1] in _FIRST:
            return [bare_text(cell) for cell in cells]
    return cells
