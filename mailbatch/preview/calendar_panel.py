"""The calendar of a message, for people: each event in words, and the lines that are sent.

Tests: tests/preview/test_gallery.py.
"""

from __future__ import annotations

from mailbatch.look.markup import text
from mailbatch.render.message import CalendarContent, Event

_METHODS = {
    "REQUEST": "An invitation that asks for an answer",
    "CANCEL": "Takes an invitation back",
    "PUBLISH": "An event that needs no answer",
}
_EMPTY = '<span class="muted">(empty)</span>'


def calendar_panel(calendar: CalendarContent) -> str:
    """Return the panel of a calendar."""
    method = _METHODS.get(calendar.method, "A calendar")
    told = f'<p class="note">{method} (METHOD:{text(calendar.method)}).</p>'
    events = "".join(map(_event, calendar.events))
    lines = f'<pre class="long mono" tabindex="0">{text(calendar.text)}</pre>'
    return f'{told}{events}<div class="sheet"><h2>invite.ics</h2>{lines}</div>'


def _event(event: Event) -> str:
    pairs = (
        ("When", event.when),
        ("Where", event.where),
        ("Repeated", event.repeated),
        ("Organizer", event.organizer),
        ("Invited", "\n".join(event.attendees)),
        ("Description", event.description),
        ("UID", event.uid),
        ("SEQUENCE", str(event.sequence)),
    )
    listed = "".join(
        f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in pairs if value
    )
    title = text(event.summary) or _EMPTY
    return f'<div class="sheet"><h2>{title}</h2><dl class="fields">{listed}</dl></div>'
