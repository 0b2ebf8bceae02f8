"""The mistakes of MJML as written: places, tags, attributes, quotes; and includes as Jinja's."""

from __future__ import annotations

import re

import pytest

from mailbatch.errors import Reason
from mailbatch.render.mjml_source import faults, unbalanced, with_includes
from mailbatch.render.mjml_tags import ATTRIBUTES, LEFT_OUT, UNKNOWN_TAGS

U, F = Reason.MJML_UNKNOWN, Reason.MJML_FORM

#: source -> its faults: offset, reason, a piece of the words, a piece of the hint.
FAULTY = [
    ("<mj-foo>x</mj-foo>", [(0, U, "no tag <mj-foo>", None), (9, U, "no tag <mj-foo>", None)]),
    ("<mj-txt>", [(0, U, "no tag <mj-txt>", "mj-text")]),
    ("<MJ-TEXT>", [(0, U, "no tag <MJ-TEXT>", "mj-text")]),
    ("<mjm>", [(0, U, "no tag <mjm>", "mjml")]),
    ('<mj-text colour="red">', [(9, U, "mj-text has no attribute colour", "color")]),
    ('<mj-text\n  colour="red"\n>', [(11, U, "no attribute colour", "color")]),
    ('<mj-wrapper gap="4px">', [(12, U, "the compiler leaves out gap of mj-wrapper", "Leave")]),
    ("<mj-selector>", [(0, U, "the compiler does not know <mj-selector>", "Leave")]),
    ("<mj-text color=red>", [(9, F, "the value of color stands without quotes", 'color="')]),
    ("<mj-text color={{ c }}>", [(9, F, "the value of color stands without", 'color="')]),
    ("<a href=x>", [(3, F, "the value of href stands without quotes", 'href="')]),
    ("<a href=https://a.example/?b=1>", [(3, F, "href stands without quotes", None)]),
    ("<i style='font: \"A\"'>", [(3, F, "a double quote stands in the value of style", "single")]),
    ("<mj-text font-family='\"A\"'>", [(9, F, "a double quote stands in the value", None)]),
    ("<mjml><!-- ---- -->", [(6, F, "a comment holds two hyphens", "====")]),
    ("x<!-- a --->", [(1, F, "a comment holds two hyphens", None)]),
    ("x<!-- a", [(1, F, "a comment is not closed", "-->")]),
    ("a\x0bb", [(1, F, "the control character U+000B", "Take it out")]),
    ("1 < 2", [(2, F, "a < stands in the text", "&lt;")]),
    ("<3", [(0, F, "a < stands in the text", "&lt;")]),
    ("<![CDATA[x]]>", [(0, F, "<![CDATA[... cannot be compiled", "&lt;")]),
    ("<!DOCTYPE html>", [(0, F, "<!... cannot", "doctype")]),
    ('<?xml version="1.0"?>', [(0, F, "<?... cannot", "<mjml>")]),
    ('<mj-text color="red', [(0, F, "<mj-text> does not end in >", None)]),
    ('<a href="x" <b>', [(0, F, "<a> does not end in >", None)]),
    ('<mj-text {% if x %}colour="red"{% endif %}>', [(19, U, "no attribute colour", "color")]),
    ('<mj-all colour="red" />', [(8, U, "mj-all has no attribute colour", "color")]),
    ('<mj-text color="a" color="b">', [(19, F, "color stands twice in one <mj-text>", "Take one")]),
    ('<p style="a"\n style="b">', [(14, F, "style stands twice in one <p>", "Take one")]),
    ('<a href="x"title="y">', [(11, F, "no blank stands before title", "Write one")]),
    ('<mj-image width="199" />', [(10, U, "width of mj-image is 199, a length", "199px")]),
    ('<mj-all padding="0 10 2px 7.5" />', [(8, U, "padding of mj-all is 10, a length", "10px")]),
    ('<mj-carousel thumbnails="supported">', [(13, U, "does not know thumbnails=sup", "Leave")]),
    ('<mj-raw><p class=a x="1"></p></mj-raw>', [(11, F, "the value of class", None)]),
]  # fmt: skip

#: What is no mistake.
SOUND = [
    "<mjml lang='de'><mj-body css-class='a' mj-class=\"b c\"></mj-body></mjml>",
    '<mj-class name="big" font-size="20px" align="left" /><mj-all font-family="A, \'B\'" />',
    "{% if a < b %}<mj-text>{{ a if a < b else 'x' }}</mj-text>{% endif %}{# <mj-foo> #}",
    '<mj-text {{ attributes }} color="{{ color("red") }}">a &lt; b &amp; &nbsp; > c</mj-text>',
    "<!-- <mj-foo bar=1> 1 < 2 --><mj-text>x<br>y<br/><input disabled></mj-text>",
    "<!-- a - b {{ x['--'] }} {#---#} ====== --><!---->{# <!-- -- --> #}",
    '<mj-button href="https://a.example/?a=1&b={{ token }}" >x</mj-button>',
    "<{{ tag }}>x</{{ tag }}>",
    '<mj-text {% if a %}color="red"{% else %}color="blue"{% endif %}>',
    '<mj-image padding="0" width="{% if a %}10{% else %}20{% endif %}px">',
    '<mj-button height="{{ h }}" width="{{ w }}px" line-height="1.5" css-class="10">',
    '<mjml version="4.0"><p width="10"><mj-table cellpadding="3"></mj-table></p></mjml>',
    "<mj-section css-class='{% if wide %}wide{% endif %}'></mj-section>",
    "<mjx-unknown-element>",
]


@pytest.mark.parametrize(("source", "expected"), FAULTY, ids=[source for source, _ in FAULTY])
def test_a_mistake_is_found_in_its_place(source, expected):
    found = list(faults(source))
    assert [(fault.offset, fault.reason) for fault in found] == [one[:2] for one in expected]
    for fault, (_, _, words, hint) in zip(found, expected, strict=True):
        assert words in fault.message
        assert hint is None or hint in (fault.hint or "")


@pytest.mark.parametrize("source", SOUND[:-1])
def test_no_mistake_is_found_where_none_is(source):
    assert list(faults(source)) == []


def test_a_place_is_the_line_and_the_column_of_the_template():
    source = "<mjml>\n  {# a\n comment #}\n  <mj-text colour='red'>\r\n"
    (fault,) = faults(source)
    place = fault.place("letter.mjml.j2", source)
    assert str(place) == "letter.mjml.j2:4:12"
    assert place.source == "  <mj-text colour='red'>"


@pytest.mark.parametrize("tag", ATTRIBUTES)
def test_each_tag_has_its_attributes_and_no_other(tag):
    given = " ".join(f'{name}="x"' for name in sorted(ATTRIBUTES[tag]))
    assert list(faults(f"<{tag} {given}>")) == []
    left_out = LEFT_OUT.get(tag, frozenset())
    assert not left_out & ATTRIBUTES[tag]
    for name in (*left_out, "nonsense"):
        assert [fault.reason for fault in faults(f'<{tag} {name}="x">')] == [U]


def test_the_tables_hold_names_alone():
    names = {name for known in (*ATTRIBUTES.values(), *LEFT_OUT.values()) for name in known}
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)
    assert not UNKNOWN_TAGS & ATTRIBUTES.keys()


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("<mj-text><p>x</mj-text>", 9, "<p> is not closed"),
        ("<mj-text>x</b></mj-text>", 10, "</b> closes nothing"),
        ("<mj-text>x", 0, "<mj-text> is not closed"),
        ("x</mj-text>", 1, "</mj-text> closes nothing"),
        ("<p>a<br>b</br></p>", 9, "</br> closes nothing"),
        ("<p title='a>b'><li></p>", 15, "<li> is not closed"),
    ],
)
def test_an_element_that_is_not_closed_is_found(text, offset, words):
    fault = unbalanced(text)
    assert fault is not None
    assert (fault.offset, fault.message, fault.reason) == (offset, words, F)


def test_elements_that_are_closed_are_sound():
    text = '<mj-text>a<br>b<img src="x" /><P>c</p><!-- <li> --><mj-image src="y"/></mj-text>'
    assert unbalanced(text) is None


INCLUDES = {
    '<mj-include path="a.mjml" />': '{% include "a.mjml" %}',
    "<mj-include path='a.mjml'></mj-include>": '{% include "a.mjml" %}',
    '<mj-include path="p/{{ locale }}.mjml"/>': '{% include "p/" ~ (locale) ~ ".mjml" %}',
    '<mj-include path="{{ part }}"/>': "{% include (part) %}",
    '<mj-include type="css" path="a.css"/>': '<mj-style>{% include "a.css" %}</mj-style>',
    '<mj-include type="css" css-inline="inline" path="a.css"/>': (
        '<mj-style inline="inline">{% include "a.css" %}</mj-style>'
    ),
    '<mj-include path="a.html" type="html" />': '<mj-raw>{% include "a.html" %}</mj-raw>',
    '<mj-include\n  path="a.mjml"\n/>x': '{% include "a.mjml"\n\n %}x',
    '<!-- <mj-include path="a" /> -->': '<!-- <mj-include path="a" /> -->',
    '{# <mj-include path="a" /> #}': '{# <mj-include path="a" /> #}',
    "<mj-include />": "<mj-include />",
    "<mj-text>": "<mj-text>",
}


@pytest.mark.parametrize("source", INCLUDES)
def test_an_include_is_one_of_jinja_and_lines_stay(source):
    written = with_includes(source)
    assert written == INCLUDES[source]
    assert written.count("\n") == source.count("\n")
