"""The panel of sizes: the bytes of a message and its parts, beside the limits that mail meets.

    Gmail clips what is behind 102 KB of HTML. Servers take 10.2 MB where nobody set another limit.

Sizes are those of the message that is sent. This module must never judge: the checks do.
"""

from __future__ import annotations

import re

from mailbatch.checks.codes import CLIPPED_AT, MOST_BYTES
from mailbatch.look.markup import size, text
from mailbatch.preview.entry import Entry
from mailbatch.render.message import Content

_HTML = b"Content-Type: text/html"
_ENCODING = re.compile(rb"^Content-Transfer-Encoding: *([^\s;]+)", re.MULTILINE | re.IGNORECASE)
_END = b"\r\n\r\n"


def html_as_sent(source: bytes) -> tuple[int, str] | None:
    r"""Return the bytes and the transfer encoding of the HTML part, None where there is none.

    Example:
        >>> html_as_sent(b"Content-Type: text/html\r\n\r\n<p>Hi\r\n")
        (7, '7bit')
    """
    found = source.find(_HTML)
    while found >= 0:
        delimiter = source.rfind(b"\r\n--", 0, found)
        begin = delimiter + 2 if delimiter >= 0 else 0
        body = source.find(_END, found)
        in_line = found > 0 and source[found - 1 : found] != b"\n"
        if in_line or body < 0 or _END in source[begin:found]:
            found = source.find(_HTML, found + 1)
            continue
        encoding = _ENCODING.search(source, begin, body)
        end = -1
        if delimiter >= 0:
            boundary = source[delimiter : source.find(b"\r\n", begin)]
            end = source.find(boundary, body)
        length = (end if end >= 0 else len(source)) - body - len(_END)
        return length, encoding[1].decode("ascii").lower() if encoding is not None else "7bit"
    return None


def size_panel(entry: Entry, content: Content) -> str:
    """Return the sizes of a message, the HTML part as a meter against the clipping of Gmail."""
    message = len(entry.source)
    rows = [("The message, as sent", _bytes(message), _limit(message))]
    sent = html_as_sent(entry.source)
    if content.html is not None:
        html = len(content.html.encode("utf-8", "surrogatepass"))
        rows.append(("The HTML part", _bytes(html), _meter(html)))
        if sent is not None and sent[0] != html:
            rows.append((f"The HTML part, as sent in {sent[1]}", _bytes(sent[0]), ""))
    if content.text is not None:
        rows.append(("The text part", _bytes(len(content.text.encode("utf-8", "replace"))), ""))
    files = sum(len(file.data) for file in (*content.attachments, *content.inline))
    if files:
        rows.append(("Attachments and images", f"{_bytes(files)}, a third more as sent", ""))
    items = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(told)}{more}</dd></div>" for name, told, more in rows
    )
    return f'<div class="sheet sizes"><h2>Size</h2><dl class="fields">{items}</dl></div>'


def _bytes(number: int) -> str:
    shown = size(number)
    return shown if shown.endswith(" B") else f"{shown} ({number:,} bytes)"


def _meter(html: int) -> str:
    kind = "ok" if html <= CLIPPED_AT else "warning"
    part = 100 * html / CLIPPED_AT
    told = f"{part:.0f} % of the {size(CLIPPED_AT)} behind which Gmail clips"
    return (
        f'<span class="bar {kind}" aria-hidden="true"><i style="width:{min(part, 100):.1f}%"></i>'
        f'</span><small class="chip {kind}">{told}</small>'
    )


def _limit(message: int) -> str:
    if message <= MOST_BYTES:
        return ""
    told = f"more than the {size(MOST_BYTES)} that Postfix takes unless told otherwise"
    return f'<small class="chip warning">{told}</small>'
