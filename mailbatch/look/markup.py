"""HTML of the pages: escaping, data as scripts, icons, and the frame that every page has.

    >>> text('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'

Every text of a job, a table, a message or a server passes through `text` (HTML) or `script`
(JavaScript) on the way into a file; no other function here writes the user's data.

Tests: tests/preview/test_gallery.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

#: A page may run the files beside it and nothing else. The frames of mails inherit the policy.
POLICY = "script-src 'self' file:; object-src 'none'; base-uri 'none'; form-action 'none'"

#: Lines in a square of 24, drawn for these pages.
_ICONS = {
    "brand": (
        '<path d="M3 8.5 12 14l9-5.5M4.5 5h15A1.5 1.5 0 0 1 21 6.5v11a1.5 1.5 0 0 1-1.5 '
        '1.5h-15A1.5 1.5 0 0 1 3 17.5v-11A1.5 1.5 0 0 1 4.5 5z"/>'
    ),
    "sun": (
        '<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4'
        ' 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4 1.4M6.7 17.3l-1.4 1.4"/>'
    ),
    "moon": '<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z"/>',
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="m20 20-4.2-4.2"/>',
    "help": (
        '<circle cx="12" cy="12" r="9"/><path d="M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1 '
        '1-1.1 1.8m0 3v.1"/>'
    ),
    "back": '<path d="M15 5l-7 7 7 7"/>',
    "next": '<path d="m9 5 7 7-7 7"/>',
    "phone": '<rect x="7" y="2.5" width="10" height="19" rx="2.2"/><path d="M11 18.5h2"/>',
    "tablet": '<rect x="4" y="2.5" width="16" height="19" rx="2.2"/><path d="M11 18.5h2"/>',
    "desktop": (
        '<rect x="2.5" y="4" width="19" height="13" rx="1.8"/><path d="M8.5 20.5h7M12 17v3.5"/>'
    ),
    "contrast": (
        '<circle cx="12" cy="12" r="9"/><path d="M12 3v18a9 9 0 0 0 0-18z" fill="currentColor"/>'
    ),
    "image": (
        '<rect x="3" y="4" width="18" height="16" rx="2"/><circle cx="8.5" cy="9.5" '
        'r="1.6"/><path d="m4 18 5.5-5.5 4 4 2.5-2.5 4 4"/>'
    ),
    "file": '<path d="M6 2.5h8l5 5v14H6a1 1 0 0 1-1-1v-17a1 1 0 0 1 1-1zM14 2.5v5h5"/>',
    "save": '<path d="M12 3.5v12m0 0 4.5-4.5M12 15.5 7.5 11M4 20.5h16"/>',
    "copy": (
        '<rect x="8" y="8" width="12.5" height="12.5" rx="2"/><path d="M16 8V5.5a2 2 0 0 '
        '0-2-2H5.5a2 2 0 0 0-2 2V14a2 2 0 0 0 2 2H8"/>'
    ),
    "ok": '<path d="m5 12.5 4.5 4.5L19.5 7"/>',
    "wall": (
        '<rect x="3.5" y="3.5" width="7" height="7" rx="1.2"/><rect x="13.5" y="3.5" '
        'width="7" height="7" rx="1.2"/><rect x="3.5" y="13.5" width="7" height="7" '
        'rx="1.2"/><rect x="13.5" y="13.5" width="7" height="7" rx="1.2"/>'
    ),
    "list": '<path d="M4 6h16M4 12h16M4 18h16"/>',
}

_CODE = re.compile(r"`([^`]+)`")
_SIGNS = {"error": "!", "warning": "!", "info": "i"}
_KILOBYTE = 1024
_WHOLE_KILOBYTES = 10 * _KILOBYTE


def text(value: object) -> str:
    """Return a value as HTML text, also fit for a quoted attribute."""
    return escape(str(value))


def prose(sentence: str) -> str:
    """Return a sentence with words in backticks as HTML.

    >>> prose("Write `message.text`.")
    'Write <code>message.text</code>.'
    """
    return _CODE.sub(r"<code>\1</code>", text(sentence))


def script(function: str, *arguments: Any) -> str:
    r"""Return a JavaScript file that calls `function` with JSON values.

    Safe for any text: the file is ASCII without `<`, so neither an end tag nor a comment can begin.

    >>> script("call", "<b>")
    'call("\\u003cb>");\n'
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
    """Return a number of bytes for people.

    >>> size(900), size(1536), size(204_800)
    ('900 B', '1.5 KB', '200 KB')
    """
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

    The labels of a `shy` group are hidden on phones.
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
    styles: Iterable[str],
    scripts: Iterable[str],
    policy: str = POLICY,
) -> str:
    """Return a whole page.

    `base` is the relative path to the folder of all pages, `styles` and `scripts` are paths from
    there, behind the style and the script of every page. `keys` are the keys of the keyboard with
    their meanings, for the help. `policy` is the Content-Security-Policy. `title` and `keys` are
    text, `bar` and `main` HTML.
    """
    used = dict.fromkeys(("brand", "sun", "moon", "help", *icons))
    symbols = "".join(f'<symbol id="i-{n}" viewBox="0 0 24 24">{_ICONS[n]}</symbol>' for n in used)
    links = "".join(
        f'<link rel="stylesheet" href="{base}{path}">\n' for path in ("assets/look.css", *styles)
    )
    sources = "".join(
        f'<script src="{base}{path}"></script>\n' for path in ("assets/look.js", *scripts)
    )
    helped = "".join(f"<dt>{_keyboard(key)}</dt><dd>{text(what)}</dd>" for key, what in keys)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{text(title)}</title>
<link rel="icon" href="data:,">
{links}{sources}</head>
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
