r"""The place in a template of an offset in the text that the template gave.

    >>> str(place_in("<mjml>\n<p>{{ name }}</p>\n", "letter.mjml", "<mjml>\n<p>Ann</p>\n", 7))
    'letter.mjml:2:1'

Jinja keeps no way back from a rendered text to its template, so lines are compared. A line is known
where it stands in both as often, or where one line of the template alone can have given the line.
Else the file is all that is known: a wrong line would cost more time than none.
"""

from __future__ import annotations

import re

from mailbatch.errors import Location

_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
#: The least number of letters that a line of a template must share with its line of the text.
_LEAST = 3


def place_in(template: str, name: str, text: str, at: int) -> Location:
    """Return the place in the template `name`, its file alone where no line is certain.

    The column is known where no value stands before.
    """
    lines = _lines(text)
    index = text.count("\n", 0, at)
    column = at - text.rfind("\n", 0, at)
    written = _lines(template)
    number, known = _line(written, lines, index)
    if number is None:
        return Location(name)
    return Location.in_text(name, template, number, column if column <= known else None)


def _lines(text: str) -> list[str]:
    return [line.rstrip("\r") for line in text.split("\n")]


def _line(written: list[str], lines: list[str], index: int) -> tuple[int | None, int]:
    """Return the number of the template's line, and how many columns are those of the text."""
    line = lines[index]
    if not line.strip():
        return None, 0
    same = [number for number, one in enumerate(written, 1) if one == line]
    if len(same) == 1:
        return same[0], len(line) + 1
    if same:
        if len(same) != lines.count(line):
            return None, 0
        return same[lines[:index].count(line)], len(line) + 1
    found = [number for number, one in enumerate(written, 1) if _gives(one, line)]
    if len(found) != 1:
        return None, 0
    first = _CODE.search(written[found[0] - 1])
    return found[0], first.start() + 1 if first is not None else 0


def _gives(template: str, line: str) -> bool:
    """Tell whether a line with code can have given a line of the text."""
    first, *others = _CODE.split(template)
    if not others or len("".join((first, *others)).strip()) < _LEAST:
        return False
    last = others.pop()
    end = len(line) - len(last)
    if not (line.startswith(first) and line.endswith(last) and len(first) <= end):
        return False
    at = len(first)
    for piece in others:
        found = line.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
