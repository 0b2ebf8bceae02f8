"""The links of a letter: found wherever they stand, and remarked upon."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbatch.checks.letter_links import (
    ELSEWHERE,
    HTTP,
    LEAVES,
    MISSING,
    WORDLESS,
    Link,
    letter_links,
)
from mailbatch.links.targets import leaving
from mailbatch.preview.links_panel import links_panel
from tests.checks.making import content
from tests.preview.making import HOSTILE


def links(html="", text="", **more):
    return letter_links(content(html=html, text=text, **more))


def remarks(html, **more):
    return [one.remarks for one in links(html, **more)]


def test_each_link_has_its_address_words_place_and_number():
    html = (
        '<p>\n<a class="b" href="https://example.com/?a=1&amp;b=2">Read <b>on</b></a>\n'
        '<a href=https://example.com/x><img src="a.png" alt="Tulips"></a>'
        '<A HREF="https://example.com/y">y</A >'
    )
    assert links(html + html, "See https://example.com/z.\n") == (
        Link("https://example.com/?a=1&b=2", "Read on", "HTML", 2, 2),
        Link("https://example.com/x", "Tulips", "HTML", 3, 2),
        Link("https://example.com/y", "y", "HTML", 3, 2),
        Link("https://example.com/z", "", "text", 1),
    )


def test_buttons_for_outlook_and_areas_of_an_image_are_links():
    html = (
        '<!--[if mso]>\n<v:roundrect href="https://example.com/o">Go</v:roundrect><![endif]-->'
        '<!--[if !mso]><!--><a href="https://example.com/a">Go</a><!--<![endif]-->'
        '<map><area href="https://example.com/m" alt="Map"></map>'
        '<!-- <a href="https://example.com/no">No</a> -->'
    )
    assert [(one.address, one.words, one.where, one.line) for one in links(html)] == [
        ("https://example.com/o", "", "Outlook", 2),
        ("https://example.com/a", "Go", "HTML", 2),
        ("https://example.com/m", "Map", "HTML", 2),
    ]


def test_a_link_is_remarked_upon():
    assert remarks('<a href="http://example.com/">x</a>') == [(HTTP,)]
    assert remarks('<a href="">x</a><a href="#">y</a>') == [(MISSING,), (MISSING,)]
    assert remarks('<a href="https://example.com/"><img src="a.png"></a>') == [(WORDLESS,)]
    assert remarks('<a name="top">Top</a>') == []
    here = '<a href="https://a.example/">Here</a>'
    assert remarks(here + '<a href="https://b.example/">here</a>') == [(ELSEWHERE,), (ELSEWHERE,)]
    assert remarks(here + here) == [()]


def test_a_link_that_unsubscribes_is_known_by_the_header_or_by_its_words():
    header = (("List-Unsubscribe", "<https://example.com/l?u=7>, <mailto:out@example.com>"),)
    html = '<a href="https://example.com/l?u=7">Stop</a><a href="https://a.example/">Abmelden</a>'
    found = links(html, headers=header)
    assert [(one.where, one.remarks) for one in found] == [
        ("header", (LEAVES,)), ("header", (LEAVES,)), ("HTML", (LEAVES,)), ("HTML", (LEAVES,)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "letter",
    [
        {"html": '<a title="Se d\u00e9sabonner" href="https://t.example/7">ici</a>'},
        {"html": '<a href="https://t.example/7"><img src="x.png" alt="Unsubscribe"></a>'},
        {"html": '<p><a href="https://t.example/7">Unsubscribe</p>'},
        {"html": '<a href="https://t.example/7">No news? <a href="https://a.example/">Unsubscribe'},
        {"text": "To unsubscribe:\r\n<https://t.example/7>\r\n"},
        {
            "text": "https://t.example/7?u=8",
            "headers": (("List-Unsubscribe", "<https://t.example/7>"),),
        },
    ],
)
def test_the_tab_marks_every_link_that_check_links_leaves_out(letter):
    """One judgment: a title, an image and the line before say what a link is for, too."""
    made = content(**letter)
    leaves = leaving([made])
    marked = {one.address: LEAVES in one.remarks for one in letter_links(made)}
    assert any(marked.values())
    assert marked == {address: leaves(address) for address in marked}


def test_a_link_without_an_end_goes_up_to_the_next():
    found = links('<a href="https://a.example/">A <b>walk</b><a href="https://b.example/">tea</a>')
    assert [(one.address, one.words) for one in found] == [
        ("https://a.example/", "A walk"), ("https://b.example/", "tea"),
    ]  # fmt: skip
    outlook = '<!--[if mso]><v:rect href="https://o.example/">x</v:rect><![endif]-->'
    assert [one.address for one in links(f'<a name="top"><p>{outlook}')] == ["https://o.example/"]


def test_a_link_of_the_user_is_text_in_the_panel_and_leads_nowhere():
    for text in HOSTILE:
        words = text.replace("<", "&lt;")
        panel = links_panel(content(html=f'<a href="javascript:{words}">{words}</a>'))[1]
        assert "<script" not in panel
        assert "href" not in panel
        assert "<img" not in panel


@given(st.text(alphabet="<>!-/ a\"'=href[]if&\n", max_size=80))
def test_any_text_is_read(text):
    links(text)
    links(f"<a href='{text}'>{text}</a>")


def test_the_line_of_a_link_in_a_text_is_not_that_of_a_longer_one():
    found = links(text="See https://example.com/tea\n\nor https://example.com/.\n")
    assert [(one.address, one.line) for one in found] == [
        ("https://example.com/tea", 1),
        ("https://example.com/", 3),
    ]


def test_the_words_of_an_image_are_those_that_readers_hear():
    found = links("<a href=x><img title='a > b' src=a.png ALT=Tea> &amp; <img alt='&amp;lt;'></a>")
    assert [one.words for one in found] == ["Tea & &lt;"]


def test_a_letter_without_ends_of_links_takes_no_time():
    began = time.process_time()
    links('<a href="https://example.com/">x' * 5000)
    links("<!--[if mso]>" * 5000)
    assert time.process_time() - began < 2
