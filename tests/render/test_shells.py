"""Shells give the bytes of the library, and spare most of its work."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.render.inlining import inline_css
from mailbatch.render.shells import Shells

STYLE = (
    "<style>td, p {color: red} a {color: blue} :root {margin: 0} .x > b {margin: 1px}"
    " p:empty {color: green} @media print {p {color: black}}</style>"
)
LETTER = (
    '<!DOCTYPE html><html><head><title>News for {name}</title>{style}</head><body class="x">'
    "<!--[if mso]><table><tr><td><![endif]--><table><tr><td>Dear <b>{name}</b>, spring &amp; tea"
    '</td></tr></table><p>{words}</p><a href="https://example.com/u/{token}">Leave, {name}</a>'
    '<img src="https://example.com/{token}.png" alt="For {name}"></body></html>'
)


def letters(values, *, style=STYLE, letter=LETTER):
    return [
        letter.format(style=style, name=name, words=words, token=token)
        for name, words, token in values
    ]


def inlined(texts):
    """Return the number of texts that the library inlined; each result is that of the library."""
    shells = Shells()
    for text in texts:
        assert shells.inline(text) == inline_css(text)
    return shells.inlined


NAMES = ["Ann", "Zoë", "健司", "Олена", "Maria João", "x y", "\U0001f33c"]


def test_letters_that_differ_in_words_are_filled_in():
    letter = LETTER.replace("{name}</title>", "you</title>")
    texts = letters([(name, f"Hello {name}", f"t{len(name)}") for name in NAMES], letter=letter)
    assert inlined(texts) == 2


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("Tea &amp; cake", 2),
        ("O&#39;Brien says &#34;x&#34; &lt;b&gt;&nbsp;y", 2),
        ('it\'s "x"', 2),
        ("&copy; x", 3),  # no reference of a slot
        ("Tea & cake", 3),
        ("", 3),  # p:empty fits
        (" x", 3),
        ("a\xa0b", 3),
        ("a<b>c", 3),
        ("a > b", 3),
        ("a\x00b", 3),
        ("a\rb", 3),
        ("xslot0x", 2),
    ],
)
def test_words_of_a_slot(words, number):
    page = f"{STYLE}<p>%s</p>"
    assert inlined([page % "one", page % "two", page % words]) == number


def test_a_rule_that_reads_attributes_keeps_their_values_fixed():
    page = '<style>a[href*=sale] {color: red}</style><a href="x">%s</a>'
    assert inlined([page % word for word in ("a", "b", "c")]) == 2
    page = '<style>a[href*=sale] {color: red}</style><a href="%s">x</a>'
    assert inlined([page % word for word in ("a", "b", "sale")]) == 3
    page = '<style><!-- a[href*=sale] {color: red} --></style><a href="%s">x</a>'
    assert inlined([page % word for word in ("a", "b", "sale")]) == 3
    page = '<style>a {color: red}</style><a href="%s">x</a>'
    assert inlined([page % word for word in ("a", "b", "sale")]) == 2


@pytest.mark.parametrize(
    "page",
    [
        "<style>p {color: %s}</style><p>x</p>",
        '<p class="%s">x</p>',
        '<p title="a" title="%s">x</p>',
        "<script>'<b>%s</b>'</script>",
        "<textarea><b>%s</b></textarea>",
        "<title><b>%s</b></title>",
        "<title>x</titles><b>%s</b></title>",
        "<svg><title>%s</title></svg>",
        "<!-- <b>%s</b> -->",
        "<!-- <b>%s</b> --!> x",
        "<p title='<b>%s'>x</p>",
        "<p title=<b>%s</p>",
        "<select><p>%s</p></select>",
        "%s<p>x</p>",
    ],
)
def test_texts_that_are_never_filled_in(page):
    assert inlined([page % word for word in ("red", "blue", "green")]) == 3


@pytest.mark.parametrize(
    "page",
    [
        "<table>%s<tr><td>x</table>",
        "<table><tr>%s<td>x</td></table><p>%s",
        "<p><b><i>%s</p><p>%s</i></b>",
        "<ul><li>%s<li>%s</ul></body>%s",
        "<br>%s</br><hr>%s<p/>%s",
        "<table><colgroup>%s<col></table><form><button>%s</form>",
        '<p>one<a href="x">%s<a href="y">%s</a></p>',
    ],
)
def test_words_where_the_parser_moves_them(page):
    words = ("one", "two", "three", " four", "")
    assert inlined([f"<div>{STYLE}{page.replace('%s', word)}" for word in words]) == 4


def test_branches_have_a_shell_each():
    pages = [f"{STYLE}<p>%s</p>", f"{STYLE}<h1>x</h1><p>%s</p>", f"{STYLE}<p>x</p><h1>%s</h1>"]
    texts = [page % word for word in NAMES for page in pages]
    assert inlined(texts) == 6


def test_texts_of_ever_other_tags_are_left_to_the_library():
    texts = [STYLE + "<p>x</p>" * number for number in range(1, 120)]
    assert inlined(texts) == 64  # from there on nothing is kept


ELEMENT = st.sampled_from(
    (
        "p",
        "b",
        "i",
        "a",
        "table",
        "tr",
        "td",
        "th",
        "div",
        "ul",
        "li",
        "h1",
        "br",
        "img",
        "span",
        "tbody",
        "body",
        "html",
        "head",
        "title",
        "style",
        "form",
        "button",
        "col",
        "colgroup",
        "caption",
        "center",
        "font",
        "nobr",
        "option",
        "select",
        "pre",
    )
)
WORD = st.sampled_from(["a", "b c", " d", "", " ", "&amp;", "&nbsp;e", "f'", '"g"', "é", "&x;"])
PART = st.one_of(
    st.builds("<{}>".format, ELEMENT),
    st.builds("</{}>".format, ELEMENT),
    st.builds('<{} href="u{}" title="{}">'.format, ELEMENT, st.just("{0}"), st.just("v{1}")),
    st.sampled_from(["{0}", "{1}", "x{0}", " {1}", "<!-- {0} -->", "<!--[if x]>", "<![endif]-->"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PART, max_size=14), st.lists(st.tuples(WORD, WORD), min_size=3, max_size=6))
def test_any_text_has_the_bytes_of_the_library(parts, values):
    page = "".join(parts)
    shells = Shells()
    for first, second in values:
        text = STYLE + page.replace("{0}", first).replace("{1}", second)
        assert shells.inline(text) == inline_css(text)
