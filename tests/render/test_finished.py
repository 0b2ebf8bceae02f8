"""The place in a template of an offset in the text that the template gave."""

from __future__ import annotations

import pytest

from mailbatch.render.finished import place_in

PLACES = {
    "a line that is the same": ("<a>\n <b>x\n", "<a>\n <b>x\n", "<b>", "t:2:2"),
    "a loop": ("{% for n in p %}\n<b>x\n{% endfor %}\n", "\n<b>x\n\n<b>x\n", "<b>", "t:2:1"),
    "as often in both": ("<b>\n{{ a }}\n<c>\n<b>", "<b>\nx\n<c>\n<b>", "<c>\n<b>", "t:3:1"),
    "the second of two": ("<b>\n{{ a }}\n<b>!\n<b>", "<b>\nx\n<b>!\n<b>", "<b>!", "t:3:1"),
    "not as often": ("<b>\n{{ a }}\n<b>\n", "<b>\n<b>\n<b>\n", "<b>", "t"),
    "a value behind": ("<b>{{ a }}</b>\n", "<b>Ann</b>\n", "<b>", "t:1:1"),
    "a value before": ("<i>{{ a }}<b>\n", "<i>Ann<b>\n", "<b>", "t:1"),
    "the value itself": ("<i>{{ a }}</i>\n", "<i><b></i>\n", "<b>", "t:1:4"),
    "two values": ("<i>{{ a }}, {{ b }}</i>\n", "<i>1, <b></i>\n", "<b>", "t:1"),
    "two lines with values": ("<i>{{ a }}\n<i>{{ b }}\n", "<i>x\n<i><b>\n", "<b>", "t"),
    "a value alone": ("{{ a }}\n", "<b>\n", "<b>", "t"),
    "a value too long": ("<i>ab{{ a }}bc\n", "<i>abc\n", "<i>", "t"),
    "a file included": ("<i>\n{% include 'u' %}\n", "<i>\n<b>\n", "<b>", "t"),
    "ends of lines": ("<i>\r\n<b>\r\n", "<i>\n<b>\n", "<b>", "t:2:1"),
    "an empty text": ("", "", "", "t"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_told_where_it_is_certain(name):
    template, text, piece, expected = PLACES[name]
    place = place_in(template, "t", text, text.index(piece))
    assert str(place) == expected
    assert (place.source is None) == (place.line is None)


def test_a_long_line_with_many_values_is_compared_at_once():
    place = place_in("{{ a }}b" * 2000, "t", "ab" * 1999 + "a" * 20_000, 0)
    assert place.line is None
