"""A letter looks the same with its style rules in the elements, at the widths of three readers."""

import pytest

from mailbatch.render.inlining import inline_css

XHTML = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
    ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'
)
PICTURE = (
    "<img src=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='90' height='30'"
    "%3E%3Crect width='90' height='30' fill='teal'/%3E%3C/svg%3E\" alt=\"\">"
)
WIDTHS = (390, 640, 1280)

#: letter -> its document type, its head, its body.
LETTERS = {
    "pictures in cells, of old days": (
        XHTML,
        (
            "<style type='text/css'>td {padding: 0; background: #eee} table {border: none}"
            " .wide {width: 600px}</style>"
        ),
        (
            f"<table class='wide'><tr><td>{PICTURE}</td><td>{PICTURE}</td></tr>"
            f"<tr><td>{PICTURE}</td><td>{PICTURE}</td></tr></table>"
        ),
    ),
    "a column for small screens": (
        "<!DOCTYPE html>",
        (
            "<style>.box {width: 600px; font: 16px/24px serif} .box td {width: 50%; color: navy}"
            " @media (max-width: 700px) {.box {width: 100%; font-size: 20px} .box td {width: auto;"
            " display: block; color: maroon}} @media (min-width: 1000px) {td {color: red}}</style>"
        ),
        (
            "<table class='box'><tr><td>Early</td><td style='color: green'>Late beans</td></tr>"
            "</table>"
        ),
    ),
    "paper and dark": (
        "<!DOCTYPE html>",
        (
            "<style media='print'>.screen {display: none}</style>"
            "<style media='(prefers-color-scheme: dark)'>body {background: black}</style>"
            "<style media='screen'>p {color: teal}</style><style>p {font-size: 18px}</style>"
        ),
        "<p class='screen'>Your seat is 12 A.</p><p>Goodbye</p>",
    ),
    "nested rules and layers": (
        "<!DOCTYPE html>",
        (
            "<style>@layer base {p {color: red; margin: 30px}} p {margin: 4px}"
            " .card {color: navy; & b {color: green} @media (max-width: 700px) {font-size: 26px}"
            " padding: 9px} @supports (display: grid) {.card {background: #eef}}"
            " @supports (display: no) {.card {background: red}}</style>"
        ),
        "<p class='card'>Seeds for <b>spring</b></p>",
    ),
    "fallbacks and hacks": (
        "<!DOCTYPE html>",
        (
            "<style>h1 {color: red; color: rgb(0 80 0 / 80%); background: #fee;"
            " background: linear-gradient(#fee, #eef); *zoom: 1; _height: 1px} .a {margin-top: 9px}"
            " .b {margin: 0} h1.c {margin-top: 12px; color: nonsense; width: }</style>"
        ),
        "<h1 class='a b c' style='*display: inline; letter-spacing: 2px'>Beans &amp; peas</h1>",
    ),
    "comments of Outlook": (
        XHTML,
        (
            "<style>div {width: 70%; background: #fec} .ExternalClass {width: 100%}"
            " div[style*='margin: 16px 0'] {margin: 0 !important}</style>"
            "<!--[if mso]><style>div {width: 600px}</style><![endif]-->"
        ),
        (
            "<!--[if mso]><table width='600'><tr><td><![endif]--><div style='margin: 16px 0'>Hello"
            "</div><!--[if mso]></td></tr></table><![endif]--><!--[if !mso]><!--><div>Peas</div>"
            "<!--<![endif]--><![if !mso]><div>Beans</div><![endif]>"
        ),
    ),
    "importance": (
        "<!DOCTYPE html>",
        (
            "<style>p {color: green !important; width: 300px !important} p.x {color: red}"
            " @media (max-width: 700px) {p {width: 90% !important; background: #eee}}"
            " a:link {color: purple} a {color: red; text-decoration: none}</style>"
        ),
        (
            "<p class='x' style='color: blue; background: #ddd'>Dear <a href='https://example.com'>you"
            "</a></p>"
        ),
    ),
}


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_looks_the_same_with_its_rules_in_the_elements(chromium, name):
    doctype, head, body = LETTERS[name]
    letter = f"{doctype}<html><head><title>x</title>{head}</head><body>{body}</body></html>"
    inlined = inline_css(letter)
    assert inlined.startswith(f"{doctype}<html>")
    assert inlined.count(' style="') > letter.count(' style="')
    page = chromium.new_page(java_script_enabled=False)
    plain = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 400})
        seen = []
        for html in (letter, inlined, f"{doctype}<html>{body}</html>"):
            page.set_content(html)
            seen.append(page.screenshot())
        assert seen[0] == seen[1], width
        plain[width] = seen[2]
        assert seen[0] != seen[2], "the rules show"
    page.close()
