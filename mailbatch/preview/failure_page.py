"""The page that stands for the gallery while its inputs are wrong.

Each error has its place, the line with a caret and the neighbours of the line, and the next step. A
failure that is no error of the inputs is a bug of mailbatch, and is named as one. This module must
never show a line that the file no longer has.

Tests: tests/preview/test_serving.py.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from pathlib import Path

from mailbatch.errors import InputError, InputErrors, Location, MailbatchError
from mailbatch.look.markup import icon, mark, page, text

#: The number of lines that are shown before and behind the line of an error.
NEIGHBOURS = 2
#: Characters of a line that are shown.
_WIDTH = 160


_BUG = (
    "This is a mistake of mailbatch, not of your files; the terminal has the traceback. "
    "The preview goes on when a file is saved."
)


def failure_page(failure: Exception, base: Path = Path()) -> str:
    """Return the page with all errors; links and scripts lead from the root.

    `base` is the folder from which errors name files, where no such path leads from here.
    """
    errors = failure.errors if isinstance(failure, InputErrors) else (failure,)
    items = "".join(_item(error, base) for error in errors)
    main = f"""<main id="main" tabindex="-1" class="wide"><div class="hero">
<h1>The preview cannot be made</h1>
<p class="sub">Mend this: the page then shows the letters by itself.</p></div>
<div class="sheet findings"><ul>{items}</ul></div></main>"""
    return page(
        title="The preview cannot be made",
        base="/",
        bar=f'<span class="brand">{icon("brand")}<span>mailbatch preview</span></span>'
        '<span class="space"></span>',
        main=main,
        keys=(("?", "This help"),),
        icons=(),
        styles=("assets/gallery.css",),
        scripts=("assets/common.js",),
    )


def _item(error: Exception, base: Path) -> str:
    if isinstance(error, MailbatchError):
        words, excerpt, hint = str(error), _excerpt(error, base), error.hint or ""
    else:
        words, excerpt, hint = f"{type(error).__name__}: {error}", "", _BUG
    return (
        f"<li>{mark('error')}<div><h2>{text(words)}</h2>{excerpt}"
        f'<p class="mend">{text(hint)}</p></div></li>'
    )


def _excerpt(error: MailbatchError, base: Path) -> str:
    """Return the line of an error with a caret, between its neighbours."""
    location = error.location if isinstance(error, InputError) else None
    if location is None or location.source is None:
        return ""
    first, lines = _lines(location, location.source, base)
    digits = len(str(first + len(lines)))
    shown = []
    for number, line in enumerate(lines, first):
        there = number == (location.line or 1)
        sign = "&gt;" if there else " "
        written = text(line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…")
        shown.append(f"{sign} {number:>{digits}} | {written}")
        if there and location.column is not None and location.column <= _WIDTH:
            before = line[: location.column - 1]
            pad = "".join(one if one == "\t" else " " for one in before)
            shown.append(f"  {'':>{digits}} | {pad}^")
    return f'<pre class="mono excerpt">{chr(10).join(shown)}</pre>'


def _lines(location: Location, source: str, base: Path) -> tuple[int, list[str]]:
    """Return the number of the first line to show, and the lines; alone where the file differs."""
    line = location.line or 1
    first = max(1, line - NEIGHBOURS)
    for path in (base / location.path, Path(location.path)):
        lines = _read(path, first, line + NEIGHBOURS)
        if line - first < len(lines) and lines[line - first].strip() == source.strip():
            return first, [*lines[: line - first], source, *lines[line - first + 1 :]]
    return line, [source]


def _read(path: Path, first: int, last: int) -> list[str]:
    """Read some lines of a file, as far as there are any."""
    with suppress(OSError):
        if path.is_file():  # a pipe would wait for a writer
            with path.open(encoding="utf-8", errors="replace") as file:
                return [one.rstrip("\n") for one in islice(file, first - 1, last)]
    return []
