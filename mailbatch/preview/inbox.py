"""The inbox line of a message: sender, subject and first text, as lists of messages show these.

Webmail shows one line, a phone three; both cut what has no room. Programs differ in the number of
characters, so the lines are cut by the room alone.

Tests: tests/preview/test_gallery.py, tests/browser/test_gallery_in_chromium.py.
"""

from __future__ import annotations

from mailbatch.look.markup import text
from mailbatch.render.message import Content
from mailbatch.render.preheader import LONGEST_SHOWN, shown_first, visible


def shown_behind(content: Content) -> str:
    """Return the text that lists show behind the subject: the preheader, or the first text."""
    if content.html is not None:
        return shown_first(content.html)
    return visible((content.text or "")[: 2 * LONGEST_SHOWN])[:LONGEST_SHOWN]


def inbox_lines(content: Content) -> str:
    """Return the inbox line as webmail and as a phone show it."""
    name = content.from_.rpartition("<")[0].strip().strip('"')
    sender = text(name or content.from_)
    subject = text(visible(content.subject) or "(no subject)")
    behind = text(shown_behind(content))
    note = "first text of the body" if content.preheader is None else "preheader"
    return f"""<div class="inbox"><h2 class="unseen">In the list of messages</h2>
<figure class="webmail"><figcaption>Webmail</figcaption><p><b>{sender}</b>
<span class="line"><strong>{subject}</strong>
<span class="behind">{behind}</span></span></p></figure>
<figure class="phone"><figcaption>Phone, with the {note}</figcaption><p><b>{sender}</b>
<strong>{subject}</strong><span class="behind">{behind}</span></p></figure></div>"""
