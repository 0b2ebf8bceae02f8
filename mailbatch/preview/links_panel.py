"""The panel of links: each address of a letter with its words, its place and what to look at.

The addresses are text: the panel must never lead to one.

Tests: tests/checks/test_letter_links.py, tests/browser/test_message_page.py.
"""

from __future__ import annotations

from mailbatch.checks.letter_links import (
    ELSEWHERE,
    HTTP,
    LEAVES,
    MISSING,
    WORDLESS,
    Link,
    letter_links,
)
from mailbatch.look.markup import count, text
from mailbatch.render.message import Content

_KINDS = {HTTP: "warning", MISSING: "warning", WORDLESS: "warning", ELSEWHERE: "warning"}
_PARTS = {
    "header": "List-Unsubscribe header",
    "HTML": "HTML part",
    "Outlook": "for Outlook",
    "text": "text part",
}
_EMPTY = '<div class="empty">There are no links.</div>'
_MOST = 500


def links_panel(content: Content) -> tuple[int, str]:
    """Return the number of different links of a letter, and the panel."""
    links = letter_links(content)
    if not links:
        return 0, _EMPTY
    remarked = sum(any(one in _KINDS for one in link.remarks) for link in links)
    items = "".join(map(_item, links[:_MOST]))
    rest = len(links) - _MOST
    if rest > 0:
        items += f"<li><div>{count(rest, 'more link')} in the source</div></li>"
    told = f", {count(remarked, 'link')} to look at" if remarked else ""
    head = f"<h2>{count(len(links), 'link')}{told}</h2>"
    return len(links), f'<div class="sheet links">{head}<ul>{items}</ul></div>'


def _item(link: Link) -> str:
    where = _PARTS[link.where]
    if link.line:
        where += f", line {link.line:,}"
    if link.count > 1:
        where += f", {link.count:,} times"
    chips = "".join(
        f'<span class="chip {_KINDS.get(remark, "ok" if remark == LEAVES else "")}">'
        f"{text(remark)}</span>"
        for remark in link.remarks
    )
    words = f"<h3>{text(link.words)}</h3>" if link.words else ""
    address = text(link.address) or '<span class="muted">(empty)</span>'
    return (
        f'<li><div>{words}<p class="mono">{address}</p><small>{where}</small></div>'
        f'<div class="why">{chips}</div></li>'
    )
