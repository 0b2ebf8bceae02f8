"""The preheader: the hidden first text of an HTML part, and the text that lists of messages show.

    >>> with_preheader("<body><p>Dear Ann</p></body>", "Tea & more")[:6]
    '<body>'
    >>> shown_first(with_preheader("<body><p>Dear Ann</p></body>", "Tea & more"))
    'Tea & more'

A list of messages shows sender, subject and the first text of the body, hidden or not. Blanks that
no list shows and none folds stand behind a preheader and keep the rest of the body out. The text is
hidden by `display`, as in the ready-made templates: a size of one pixel or the colour of the ground
is what content filters take for hidden words. Nothing here renders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape

_HIDDEN = "display:none;max-height:0;overflow:hidden;opacity:0;mso-hide:all"
#: A joiner, a joiner without width, two blanks that no list folds and a soft hyphen, 40 times: 200
#: characters, where the longest preview of a webmail shows about 140. As characters: SpamAssassin
#: 4.0 counts each letter of a character reference as text, and a short letter with an image got
#: HTML_IMAGE_ONLY_24 (2.8 points) for them in place of HTML_IMAGE_ONLY_12 (1.4).
_BLANKS = "\u034f\u200c\u00a0\u2007\u00ad" * 40
#: The tag behind which the text stands: the first that is there counts.
_PLACES = tuple(
    re.compile(rf"<!--.*?(?:-->|\Z)|(?P<place>{tag})", re.IGNORECASE | re.DOTALL)
    for tag in (
        r"""<body\b(?:[^>"']|"[^"]*"|'[^']*')*+>""",
        r"</head\s*>",
        r"<html\b[^>]*>",
        r"<!doctype\b[^>]*>",
    )
)
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<silent>style|script|title|head)\b.*?(?:</(?P=silent)\s*>|\Z)"
    # A sign that begins no tag is text. A tag without an end reaches to that of the HTML, so that
    # no character is looked at again from the next tag on.
    r"|</?(?P<name>[a-z][a-z0-9]*)[^>]*(?:>|\Z)|<[a-z/!?][^>]*(?:>|\Z)|(?P<text><?[^<]+|<)",
    re.IGNORECASE | re.DOTALL,
)
_INSIDE_A_LINE = frozenset(
    ("a", "abbr", "b", "big", "code", "em", "font", "i", "s", "small", "span", "strong", "u")
)
_UNSEEN = re.compile("[\u00a0\u00ad\u034f\u200b-\u200f\u2007\u2060\ufeff]+")
_BLANK = re.compile("[ \t\r\n\f]+")
#: The characters that a list of messages reads at most.
LONGEST_SHOWN = 140


def with_preheader(html: str, text: str) -> str:
    """Return HTML with a hidden text before everything else in the body; unchanged for no text."""
    if not text:
        return html
    hidden = f'<div style="{_HIDDEN}">{escape(text)}</div><div style="{_HIDDEN}">{_BLANKS}</div>'
    for pattern in _PLACES:
        for found in pattern.finditer(html):
            if found["place"] is not None:
                return f"{html[: found.end()]}{hidden}{html[found.end() :]}"
    return hidden + html


def plain(text: str) -> str:
    """Return a text on one line, each run of blanks as one, none at either end."""
    return _BLANK.sub(" ", text).strip()


def shown_first(html: str) -> str:
    """Return the text that a list of messages shows behind the subject, from the HTML part."""
    return visible(_collected(_lines(html)))


def first_lines(html: str) -> Iterator[str]:
    """Give the lines of text of an HTML part, hidden ones too, without invisible characters."""
    return (line for text in _lines(html) if (line := visible(text)))


def visible(text: str) -> str:
    """Return a text without blanks and joiners that nobody sees, on one line."""
    return plain(_UNSEEN.sub(" ", text))


def _collected(lines: Iterator[str]) -> str:
    """Return the first characters of lines, as many as a list reads, invisible ones counted."""
    shown = ""
    for line in lines:
        shown = f"{shown} {line}" if shown else line
        if len(shown) >= LONGEST_SHOWN:
            break
    return shown[:LONGEST_SHOWN]


def _lines(html: str) -> Iterator[str]:
    line: list[str] = []
    for token in _TOKEN.finditer(html):
        if token["text"] is not None:
            line.append(token["text"])
        elif line and token["name"] is not None and token["name"].lower() not in _INSIDE_A_LINE:
            if text := plain(unescape("".join(line))):
                yield text
            line.clear()
    if text := plain(unescape("".join(line))):
        yield text
