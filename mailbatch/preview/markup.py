"""HTML for the gallery: escaping, data as scripts, icons, and the frame that every page has.

Whatever comes from a job, a table, a template or a message passes through `text` (HTML) or `script`
(JavaScript) on its way into a file; nothing else here writes the user's data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from mailbatch.preview.icons import ICONS

#: What a gallery page itself may run: only the gallery's own files. Mail frames inherit it.
POLICY = "script-src 'self' file:; object-src 'none'; base-uri 'none'; form-action 'none'"

_CODE = re.compile(r"`([^`]+)`")
_SIGNS = {"error": "!", "warning": "!", "info": "i"}
_KILOBYTE = 1024
_WHOLE_KILOBYTES = 10 * _KILOBYTE


def text(value: object) -> str:
    """Return a value as HTML text, also fit for a quoted attribute."""
    return escape(str(value))


def prose(sentence: str) -> str:
    """Return a sentence with `code` in it as HTML."""
    return _CODE.sub(r"<code>\1</code>", text(sentence))


def script(function: str, *arguments: Any) -> str:
    """Return a JavaScript file that calls `function` with JSON values.

    Safe for any text: nothing beyond ASCII and no `<`, so neither an end tag nor a comment can
    begin in it.
    """
    given = ",".join(
        json.dumps(a, separators=(",", ":")).replace("<", "\\u003c") for a in arguments
    )
    return f"{function}({given});\n"


def icon(name: str) -> str:
    """Return the use of an icon that `page` defines."""
    return f'<svg aria-hidden="true"><use href="#i-{name}"/></svg>'


def mark(severity: str) -> str:
    """Return the round sign of a severity."""
    sign = _SIGNS[severity]
    return f'<span class="mark {severity}" role="img" aria-label="{severity}">{sign}</span>'


def size(number: int) -> str:
    """Return a number of bytes for people."""
    if number < _KILOBYTE:
        return f"{number} B"
    kilobytes = number / _KILOBYTE
    if kilobytes < _KILOBYTE:
        return f"{kilobytes:.1f} KB" if number < _WHOLE_KILOBYTES else f"{kilobytes:.0f} KB"
    return f"{kilobytes / _KILOBYTE:.1f} MB"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 message`, `1,200 messages`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def segments(label: str, name: str, choices: Iterable[tuple[str, str, str]], *, shy: bool) -> str:
    """Return a group of toggle buttons, each of (value, icon, label).

    `shy` ones hide their labels on phones.
    """
    hidden = ' class="only-wide"' if shy else ""
    buttons = "".join(
        f'<button type="button" data-{name}="{value}" aria-pressed="false" title="{shown}">'
        f"{icon(sign)}<span{hidden}>{shown}</span></button>"
        for value, sign, shown in choices
    )
    return f'<div class="segments" role="group" aria-label="{label}">{buttons}</div>'


def page(
    *,
    title: str,
    base: str,
    bar: str,
    main: str,
    keys: Iterable[tuple[str, str]],
    icons: Iterable[str],
    scripts: Iterable[str],
) -> str:
    """Return a whole page. `base` leads to the gallery's folder; `keys` are what the help names.

    All arguments but `title` and `keys` are HTML, `scripts` paths from `base`.
    """
    used = dict.fromkeys(("brand", "sun", "moon", "help", *icons))
    symbols = "".join(f'<symbol id="i-{n}" viewBox="0 0 24 24">{ICONS[n]}</symbol>' for n in used)
    sources = "".join(f'<script src="{base}{path}"></script>\n' for path in scripts)
    helped = "".join(f"<dt>{_keyboard(key)}</dt><dd>{text(what)}</dd>" for key, what in keys)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{text(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{base}assets/gallery.css">
{sources}</head>
<body>
<svg hidden>{symbols}</svg>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar"><div class="wide">{bar}
<button class="icon" id="theme" type="button" aria-label="Dark theme"
aria-pressed="false">{icon("moon")}</button>
<button class="icon" id="help" type="button" aria-label="Keyboard help">{icon("help")}</button>
</div></header>
{main}
<dialog id="help-text" aria-labelledby="help-title"><h2 id="help-title">Keyboard</h2>
<dl>{helped}</dl>
<form method="dialog"><button class="button">Close</button></form></dialog>
</body>
</html>
"""


def _keyboard(keys: str) -> str:
    return " ".join(f"<kbd>{text(key)}</kbd>" for key in keys.split())
