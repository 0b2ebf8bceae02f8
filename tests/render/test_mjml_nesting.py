"""The places of tags in MJML: what MJML has no place for is found, all else passes."""

from __future__ import annotations

import pytest

from mailbatch.errors import Reason
from mailbatch.render.mjml_nesting import misplaced, misplaced_in_template, shape
from mailbatch.render.mjml_tags import ATTRIBUTES, CHILDREN, ENDING

COLUMN = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
BODY = "<mjml><mj-body>{}</mj-body></mjml>"
SECTION = BODY.replace("{}", "<mj-section>{}</mj-section>")

#: source -> the piece of it that is misplaced, the words, a piece of the hint.
MISPLACED = {
    BODY.replace("{}", "<mj-text>Hi</mj-text>"): (
        "<mj-text>", "<mj-text> stands in <mj-body>", "mj-text stands in mj-column or mj-hero.",
    ),
    BODY.replace("{}", "<mj-column></mj-column>"): (
        "<mj-column>", "<mj-column> stands in <mj-body>", "stands in mj-group or mj-section.",
    ),
    BODY.replace("{}", "Hello"): ("Hello", "text stands in <mj-body>: Hello", "mj-text"),
    BODY.replace("{}", "\n<p>Hi</p>"): ("<p>", "<p> stands in <mj-body>", "mj-raw"),
    SECTION.replace("{}", "<mj-button href='u'>x</mj-button>"): (
        "<mj-button", "<mj-button> stands in <mj-section>", "mj-column",
    ),
    SECTION.replace("{}", "<mj-column></mj-column> a\n b"): (
        "a\n b", "text stands in <mj-section>: a b", None,
    ),
    SECTION.replace("{}", "<mj-section></mj-section>"): (
        "<mj-section></mj-section>", "<mj-section> stands in <mj-section>", "mj-body or mj-wrapper",
    ),
    COLUMN.replace("{}", "<mj-text><b>x</b><mj-image src='a' /></mj-text>"): (
        "<mj-image", "<mj-image> stands in <mj-text>", "mj-column or mj-hero",
    ),
    COLUMN.replace("{}", "<mj-image src='a'>x</mj-image>"): (
        "x<", "text stands in <mj-image>: x", None,
    ),
    COLUMN.replace("{}", "<mj-social><mj-raw></mj-raw></mj-social>"): (
        "<mj-raw>", "<mj-raw> stands in <mj-social>", "mj-section",
    ),
    COLUMN.replace("{}", "<mjml></mjml>"): (
        "<mjml></mjml>", "<mjml> stands in <mj-column>", "Take it out.",
    ),
    "<mjml><mj-head></mj-head></mjml>": ("<mjml>", "the letter has no <mj-body>", "mj-body"),
    "<mjml />": ("<mjml", "the letter has no <mj-body>", None),
    "<mjml><mj-body></mj-body><mj-body></mj-body></mjml>": (
        "<mj-body></mj-body></mjml>", "<mj-body> stands there twice", "one <mj-body>",
    ),
    "<mjml><mj-head><mj-attributes><mj-class name='a'><mj-text /></mj-class></mj-attributes>"
    "</mj-head><mj-body></mj-body></mjml>": (
        "<mj-text />", "<mj-text> stands in <mj-class>", "mj-column",
    ),
    "<mjml><mj-head><style>p {}</style></mj-head><mj-body></mj-body></mjml>": (
        "<style>", "<style> stands in <mj-head>", None,
    ),
}  # fmt: skip

SOUND = [
    COLUMN.replace("{}", ""),
    COLUMN.replace("{}", "<mj-text>1 > 0<p><br>Hi <mark>x</p></mj-text><mj-image src='a' />"),
    COLUMN.replace("{}", "<!-- <mj-text> text --><mj-divider></mj-divider>"),
    SECTION.replace("{}", "<!-- Hi --> <mj-group><mj-column css-class='a>b'/></mj-group>"),
    BODY.replace("{}", "<mj-raw><p>x</p></mj-raw><mj-hero><mj-text>x</mj-text></mj-hero>"),
    (
        "<mjml>\n<mj-head><mj-attributes><mj-all /><mj-body font-family='a' /></mj-attributes>"
        "<mj-style>a > b {}</mj-style></mj-head>\n<mj-body></mj-body>\n</mjml>\n"
    ),
    # The compiler refuses these, but for the include.
    "",
    "Hello",
    "<html><body>x</body></html>",
    BODY.replace("{}", "<mj-include />"),
]


@pytest.mark.parametrize("source", MISPLACED)
def test_a_tag_out_of_its_place_is_found(source):
    piece, words, hint = MISPLACED[source]
    fault = misplaced(source)
    assert fault is not None
    assert source.startswith(piece, fault.offset)
    assert fault.message == words
    assert hint is None or hint in fault.hint
    assert fault.reason is Reason.MJML_PLACE


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (BODY.replace("{}", "<mj-section>"), "<mj-section> is not closed"),
        (COLUMN.replace("{}", "<mj-text>x</mj-button>"), "</mj-button> closes nothing"),
        (COLUMN.replace("{}", "<mj-raw></p><mj-text>x</mj-text>"), "<mj-text> stands in <mj-raw>"),
        (COLUMN.replace("{}", "<mj-image src='a'></mj-text>"), "</mj-text> closes nothing"),
        ("<mjml><mj-body></mj-body></mj-body>", "</mj-body> closes nothing"),
    ],
)
def test_an_end_of_another_tag_is_found(source, words):
    """The compiler does not compare the names, and would end the tag that is open."""
    fault = misplaced(source)
    assert fault is not None
    assert words in fault.message


@pytest.mark.parametrize("source", SOUND)
def test_a_tag_in_its_place_is_no_fault(source):
    assert misplaced(source) is None


@pytest.mark.parametrize(
    ("tag", "following", "expected"),
    [
        ("<mj-text>", "", "mj-text"),
        ("<mj-text>", "</mj", "mj-text"),
        ('<mj-column width="50%">', "<mj", "mj-column"),
        ("</mj-column>", "<mj", "/mj-column"),
        ("<mj-image />", "<mj", "mj-image/"),
        ("</mjml>", "", "/mjml"),
        # What follows is no tag of MJML, and must be looked at.
        ("<mj-section>", "", "?"),
        ("</mj-text>", "", "?"),
        ("<mj-image />", "", "?"),
    ],
)
def test_a_shape_is_what_the_tag_does_to_the_nesting(tag, following, expected):
    assert shape(tag, following) == expected


def test_the_tables_know_each_tag():
    held = frozenset().union(*CHILDREN.values())
    assert held | {"mjml"} | CHILDREN.keys() | ENDING == ATTRIBUTES.keys() - {"mj-include"} | held
    assert not CHILDREN.keys() & ENDING
    assert ATTRIBUTES.keys() - {"mj-include"} == CHILDREN.keys() | ENDING


#: template -> the piece that is misplaced in each of its letters.
TEMPLATES = {
    BODY.replace("{}", "{% if a %}<mj-text>Hi</mj-text>{% endif %}"): "<mj-text>",
    BODY.replace("{}", "{% if a %}\n{% else %}\n <p>Hi</p>{% endif %}"): "<p>",
    SECTION.replace("{}", "{{ a }} Hi"): "Hi",
    "<mj-section><mj-text>Hi</mj-text></mj-section>": "<mj-text>",
    COLUMN.replace("{}", "<mj-text>{% for a in b %}<mj-divider />{% endfor %}"): "<mj-divider",
}
PLAIN = [
    SECTION.replace("{}", "{{ a }}<{{ tag }}>x</{{ tag }}>{# Hi #}{% include 'part' %}"),
    BODY.replace("{}", "{% if a %}<mj-section>{% else %}<mj-section b>{% endif %}<p>"),
    BODY.replace("{}", "<mj-section>{% if a %}</mj-section><mj-section>{% endif %}<p>"),
    BODY.replace("{}", "{% macro x() %}<mj-text>Hi</mj-text>{% endmacro %}"),
    BODY.replace("{}", "<mj-include path='a'/>{%- block b -%}<mj-section />{%- endblock -%}"),
    "<mjml>{% if a %}<mj-body>{% endif %}{% if not a %}<mj-body b>{% endif %}</mj-body></mjml>",
    "<mjml>{% include 'head' %}</mjml>",
    "<mjml>{% if a %}<mj-body></mj-body>{% else %}<mj-body></mj-body>{% endif %}</mjml>",
    "{% extends 'a' %}{% block b %}<mj-text>Hi</mj-text>{% endblock %}",
    "{% endif %}<mj-section><p>",
]


@pytest.mark.parametrize("source", TEMPLATES)
def test_a_template_is_judged_where_each_letter_has_the_fault(source):
    fault = misplaced_in_template(source)
    assert fault is not None
    assert source.startswith(TEMPLATES[source], fault.offset)


@pytest.mark.parametrize("source", PLAIN)
def test_a_template_is_not_judged_where_a_letter_may_be_sound(source):
    assert misplaced_in_template(source) is None
