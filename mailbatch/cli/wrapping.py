"""Lines of a terminal: text broken between words, commands and quoted texts whole.

A word that is longer than a line has a line of its own: the terminal goes on with the word in the
next row, and a copy is the whole path or address. A command of mailbatch is such a word, too. The
first half of a command must never look like the whole one.

    >>> print(wrapped("not finished: run again with mailbatch run job.yaml --set a=1", 40))
    not finished: run again with
        mailbatch run job.yaml --set a=1

This module must never wrap what goes into a pipe or a file.
"""

from __future__ import annotations

import re

#: The columns by which the second line of a text stands further to the right.
HANGING = 4
#: In fewer columns a hanging indentation costs more than it tells.
_NARROW = 40
#: A command up to the punctuation behind it, the installation of an extra, a text in backticks or
#: double quotes, or a word.
_WHOLE = r"""
    mailbatch\ (?:reports\ )?[a-z]+
        (?: \ --?[\w-]+(?:\ (?!-)(?:'[^']*'|[^\s,;'])+)?
          | \ '[^']*'
          | \ [^\s,;]*[./=A-Z][^\s,;]*
        )*\S*
    | (?:uv\ )?\S*(?:pipx?|tool)\ install(?:\ --python\ \S+|\ --force)?\ '[^']*'
    | \S*`[^`\n]+`\S*
    | \S*"[^"\n]+"\S*
    | \S+
"""
_COMMAND = re.compile(_WHOLE, re.VERBOSE)
_PARTS = re.compile(rf"([ ]*)({_WHOLE})", re.VERBOSE)
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def wrapped(text: str, width: int, *, hanging: int = HANGING) -> str:
    """Break each line of a text between its words, so that it fits into `width` columns.

    A line that goes on is indented by `hanging` columns. A line that fits stays as it is, and so do
    the spaces at the beginning of each line.
    """
    if width < _NARROW:
        hanging = min(hanging, 2)
    return "\n".join(_line(line, width, hanging) for line in text.split("\n"))


def cells(text: str) -> int:
    r"""Return how many columns a text takes; colours take none.

    >>> cells("日本"), cells("\x1b[1mbold\x1b[0m")
    (4, 4)
    """
    text = _ESCAPE.sub("", text)
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _line(line: str, width: int, hanging: int) -> str:
    if cells(line) <= width:
        return line
    body = line.lstrip(" ")
    lead = " " * (len(line) - len(body))
    if body.startswith("mailbatch ") and _COMMAND.fullmatch(body):
        return line  # a command on a line of its own, to be copied
    lines, now = [], lead
    for gap, word in _PARTS.findall(body):
        if now.strip() and cells(now) + len(gap) + cells(word) > width:
            lines.append(now)
            now = " " * hanging + word
        else:
            now += gap + word
    return "\n".join([*lines, now])
