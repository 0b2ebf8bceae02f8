"""Style rules move into the elements; all else stays as its writer wrote it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.render.inlining import inline_css

XHTML = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
    ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'
)


def body(css, markup):
    """Return the body of a letter with style rules, inlined."""
    return inline_css(f"<style>{css}</style><body>{markup}").partition("<body>")[2][:-14]


def styles(css, markup="<p><b>x</b><i></i></p>"):
    """Return what stays of a style sheet."""
    html = inline_css(f"<!DOCTYPE html><style>{css}</style><body>{markup}")
    return html.partition("<style>")[2].partition("</style>")[0]


@pytest.mark.parametrize("doctype", ["<!DOCTYPE html>", XHTML, "<!doctype HTML SYSTEM 'a'>", ""])
def test_the_document_type_stays(doctype):
    html = inline_css(f"\n{doctype}\n<html><head><style>p {{top: 0}}</style></head><p>x</html>")
    assert html == (
        f'{doctype}<html><head><style></style></head><body><p style="top: 0">x</p></body></html>'
    )


def test_html_without_rules_is_returned_as_it_is():
    page = f"{XHTML}\n<p class=a style='top:0'>&copy; &#039;<br/>\n<td>"
    assert inline_css(page) == page


@pytest.mark.parametrize(
    "comment",
    [
        "<!--[if mso]><table><tr><td style='top:0'><![endif]-->",
        "<!--[if !mso]><!--><b>x</b><!--<![endif]-->",
        "<![if !mso]><b>x</b><![endif]>",
        "<!--[if mso]><style>p {top: 9px}</style><![endif]-->",
        "<!-- p {top: 0} -->",
    ],
)
def test_conditional_comments_stay(comment):
    assert body("i {top: 0}", f"{comment}<i></i>") == f'{comment}<i style="top: 0"></i>'


@pytest.mark.parametrize(
    "attributes",
    [
        ' media="print"',
        ' media="screen"',
        ' MEDIA="(prefers-color-scheme: dark)"',
        ' type="text/x"',
    ],
)
def test_a_style_element_for_some_media_stays_as_it_is(attributes):
    element = f"<style{attributes}>p {{top: 0}} /* x */</style>"
    html = inline_css(f"<head>{element}<style media=ALL>p {{left: 0}}</style></head><p>x")
    assert element.lower() in html.replace("MEDIA", "media").lower()
    assert '<p style="left: 0">x</p>' in html


@pytest.mark.parametrize(
    "rule",
    [
        "@media (max-width: 600px) { p { top: 9px } }",
        "@media screen{@media (max-width:3px){p{top:9px}}}",
        "@supports (display: grid) { p { display: grid } }",
        '@font-face { font-family: x; src: url("a;b}c") }',
        "@import url(x.css);",
        "@layer a { p { color: red } }",
        "@container (min-width: 1px) { p { color: red } }",
        "@keyframes x { from { color: red } }",
        "@-ms-viewport { width: device-width }",
        "p::before {content: '{x}'}",
        "b:hover {color: red}",
        ".none {*zoom: 1; color: red; color: rgb(1 2 3)}",
        "#outlook a {padding:0}",
        "u + .body .x {margin:0}",
        "p:bad(, b {color: red}",
        "p::-moz-selection, i {color: red}",
    ],
)
def test_what_no_element_can_hold_stays_as_it_is(rule):
    assert styles(f"i {{left: 0}} {rule}") == rule


def test_nested_rules_stay_and_the_rule_around_them_moves():
    css = ".a { color: red; & b { color: blue } @media (max-width: 6em) { top: 0 } left: 0 }"
    html = inline_css(f'<style>{css}</style><p class="a"><b>x</b></p>')
    assert f"<style>{css}</style>" in html
    assert '<p class="a" style="color: red;left: 0"><b>x</b></p>' in html


@pytest.mark.parametrize(
    ("css", "style"),
    [
        ("p {color: red; color: rgb(1 2 3)}", "color: red;color: rgb(1 2 3)"),
        ("p {color: red} p {color: blue; color: rgb(1 2 3)}", "color: blue;color: rgb(1 2 3)"),
        ("p {color: red; color: rgb(1 2 3)} p.x {color: blue}", "color: blue"),
        ("p {*zoom: 1; _height: 1px}", "*zoom: 1;_height: 1px"),
        ("p {filter: progid:DX.M(a='b;c')}", "filter: progid:DX.M(a='b;c')"),
        ('p {font-family: "A B", c}', "font-family: 'A B', c"),
        ("p {background: url(a?b&c)}", "background: url(a?b&amp;c)"),
        ("p {margin-top: 1px} p {margin: 0} p {margin-top: 5px}", "margin: 0;margin-top: 5px"),
        ("p {top: 0 !important} p.x {top: 9px}", "top: 0 !important"),
        ("p {top: 0; /* a; b */ left: 0}", "top: 0;left: 0"),
        ("p {top: } p {left: 0}", "left: 0"),
        ("<!-- p {top: 0} -->", "top: 0"),
        ("p, p:hover {top: 0}", "top: 0"),
    ],
)
def test_the_style_of_an_element(css, style):
    assert body(css, '<p class="x">') == f'<p class="x" style="{style}"></p>'


@pytest.mark.parametrize(
    ("own", "style"),
    [
        ("color:blue", "left: 0;color:blue"),
        ("color: blue;", "left: 0;color: blue;"),
        ("*color:blue;broken;x", "color: red;left: 0;*color:blue;broken;x"),
        ("background:url(&quot;a;b&quot;)", "color: red;left: 0;background:url(&quot;a;b&quot;)"),
        ("", "color: red;left: 0"),
    ],
)
def test_the_own_style_of_an_element_wins_and_stays_as_written(own, style):
    assert body("p {color: red; left: 0}", f'<p style="{own}">') == f'<p style="{style}"></p>'
    assert body("i {color: red}", f'<p style="{own}">') == f'<p style="{own}"></p>'


@pytest.mark.parametrize(
    ("css", "left"),
    [  # a rule that stays and won wins still; one that lost still loses
        ("p {top: 0} @media print {p {top: 9px}}", "@media print {p {top: 9px !important}}"),
        ("@media print {p {top: 9px}} p {top: 0}", "@media print {p {top: 9px}}"),
        ("@media print {p.x {top: 9px;}} p {top: 0}", "@media print {p.x {top: 9px !important;}}"),
        ("p {margin: 0} p:hover {margin-top: 1px}", "p:hover {margin-top: 1px !important}"),
        ("p {top: 0 !important} p:hover {top: 1px}", "p:hover {top: 1px}"),
        (
            "p.y {left: 0} @media print {p {left: 9px}}",
            "p.y {left: 0}\n@media print {p {left: 9px}}",
        ),
        ("p {left: 0} @media print {p {left: 9px}}", "@media print {p {left: 9px}}"),
        ("p {top: 0; &:hover {top: 1px}}", "p {top: 0; &:hover {top: 1px !important}}"),
    ],
)
def test_a_rule_that_stays_wins_where_it_won(css, left):
    assert styles(css, '<p class="x" style="left: 1px">x</p>') == left


def test_an_important_rule_that_stays_beats_an_important_one_that_moved():
    html = inline_css(
        "<style>p {top: 0 !important; left: 0} @media print {p {top: 9px !important}}</style><p>"
    )
    assert '<p style="left: 0;top: 0"></p>' in html
    assert "@media print {p {top: 9px !important}}" in html


def test_a_declaration_stays_where_a_rule_that_stays_wins_in_some_elements_only():
    html = inline_css(
        "<style>p {top: 0; left: 0} @media print {p {top: 9px}}</style><p>a<p style='top: 1px'>b"
    )
    assert "<style>p {top: 0; left: 0}\n@media print {p {top: 9px}}</style>" in html
    assert '<p style="left: 0">a</p><p style="left: 0;top: 1px">b</p>' in html


def test_a_value_that_some_programs_do_not_know_leaves_the_earlier_one_in_place():
    assert body("p {top: 0} p {top: clamp(1px, 2vw, 9px)}", "<p>") == (
        '<p style="top: 0;top: clamp(1px, 2vw, 9px)"></p>'
    )


def test_marks_of_the_letter_itself_mean_nothing():
    page = "<style>p {top: 0}</style><p>mbqr0z: 0 mbqqs0z <!--mbqt0z-->"
    assert '<p style="top: 0">mbqr0z: 0 mbqqs0z <!--mbqt0z--></p>' in inline_css(page)


PIECE = st.sampled_from(
    [
        *("p", ".x", "a:hover", "@media print", "{", "}", ";", ":", "color", "red", "(", ")"),
        *(
            '"',
            "'",
            "/*",
            "*/",
            "\\",
            "url(",
            ",",
            "&",
            "!important",
            "<!--",
            "-->",
            " ",
            "\n",
            "é",
        ),
        *("p {top: 0}", "@x;", "<", ">"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECE, max_size=14).map("".join))
def test_no_style_sheet_leaves_a_mark_or_fails(css):
    html = inline_css(f'<style>{css}</style><p class="x" style="left: 0">words</p>')
    assert "mbq" not in html
    assert "words" in html or "<!--" in css or "</" in css
