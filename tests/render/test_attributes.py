"""Attributes as Chromium reads these (`tests/browser/test_attributes.py` asks for each value)."""

import pytest

from mailbatch.checks.letter_links import letter_links
from mailbatch.checks.references import references
from mailbatch.render.attributes import attributes_of, decoded
from mailbatch.render.image_references import image_references
from mailbatch.render.text_from_html import text_from_html
from tests.checks.making import content

VALUES = {
    "?a=1&copy=2&section=3": "?a=1&copy=2&section=3",
    "?a=1&currency=EUR&region=4&notify=5": "?a=1&currency=EUR&region=4&notify=5",
    "?a=1&amp;copy=2": "?a=1&copy=2",
    "?a=1&copy;=2": "?a=1©=2",
    "?a=1&copy": "?a=1©",
    "?a=1&copy&b": "?a=1©&b",
    "?a=1&copy-b": "?a=1©-b",
    "?a=1&copy2": "?a=1&copy2",
    "?a=1&euro": "?a=1&euro",
    "&notit; &notin; &nothing;": "&notit; ∉ &nothing;",
    "&#169=1 &#xa9;=1 &#169a": "©=1 ©=1 ©a",
    "tea &amp; cake &lt;3 &quot;": 'tea & cake <3 "',
    "&": "&",
}


@pytest.mark.parametrize(("written", "read"), VALUES.items())
def test_a_value_is_what_a_browser_reads(written, read):
    assert decoded(written) == read


def test_the_first_of_two_attributes_with_one_name_counts():
    assert attributes_of(" ALT='a' alt=b disabled src=c/>") == {
        "alt": "a", "disabled": "", "src": "c/",
    }  # fmt: skip


def test_a_quotation_mark_counts_behind_an_equals_sign_alone():
    """As in Chromium: the tag ends at the first ">", and the value has the mark."""
    html = "<a title=it's href=/1>a</a> <img src=/2 alt=it's> <a href='/3' '>b</a> it's"
    assert references(html).links == ("/1", "/3")
    assert [one.address for one in letter_links(content(html=html))] == ["/1", "/3"]
    assert attributes_of(" title=it's href=/1") == {"title": "it's", "href": "/1"}


LINK = "https://example.com/?a=1&copy=2&section=3"


def test_every_reader_of_a_letter_finds_the_link_of_the_browser():
    html = f'<p><a href="{LINK}" href="/other">Tea &copy 2026</a> <img src="{LINK}" alt="Tea"></p>'
    assert text_from_html(html) == f"Tea © 2026 [1] Tea\n\n[1] {LINK}"
    assert [one.address for one in letter_links(content(html=html))] == [LINK]
    seen = references(html)
    assert (seen.links, [one.source for one in seen.images]) == ((LINK,), [LINK])
    assert [one.text for one in image_references(html)] == [LINK]
