"""The page that stands for the gallery while its inputs are wrong.

Each error has its place, the line with a caret and the neighbours of the line, and the next step. A
failure that is no error of the inputs is a bug of mailbatch, and is named as one. This module must
never read a file: a place brings its lines, with secrets masked.

Tests: tests/preview/test_serving.py.
"""

from __future__ import annotations

from mailbatch.errors import InputError, InputErrors, MailbatchError
from mailbatch.look.markup import icon, mark, page, text

#: Characters of a line that are shown.
_WIDTH = 160


_BUG = (
    "This is a mistake of mailbatch, not of your files; the terminal has the traceback. "
    "The preview goes on when a file is saved."
)


def failure_page(failure: Exception) -> str:
    """Return the page with all errors; links and scripts lead from the root."""
    errors = failure.errors if isinstance(failure, InputErrors) else (failure,)
    items = "".join(_item(error) for error in errors)
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


def _item(error: Exception) -> str:
    if isinstance(error, MailbatchError):
        words, excerpt, hint = str(error), _excerpt(error), error.hint or ""
    else:
        words, excerpt, hint = f"{type(error).__name__}: {error}", "", _BUG
    return (
        f"<li>{mark('error')}<div><h2>{text(words)}</h2>{excerpt}"
        f'<p class="mend">{text(hint)}</p></div></li>'
    )


def _excerpt(error: MailbatchError) -> str:
    """Return the line of an error with a caret, between its neighbours."""
    location = error.location if isinstance(error, InputError) else None
    if location is None or location.source is None:
        return ""
    first = (location.line or 1) - len(location.before)
    lines = (*location.before, location.source, *location.after)
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
