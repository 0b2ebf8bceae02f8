"""The checks of access: what is found, and what is left alone because it is not certain."""

import pytest

from mailbatch.checks.access_checks import check_access
from mailbatch.checks.colours import contrast, read_colour
from mailbatch.checks.letter_shape import shape

from .mailing import Mailing, html


def page(body, *, head="", lang=' lang="en"'):
    return f"<!doctype html><html{lang}><head>{head}</head><body>{body}</body></html>"


def codes(text):
    return [fault.code for fault in check_access(text)]


def style(css):
    return f"<style>{css}</style>"


GREY = 'style="background: #fff; color: #999"'
LONG = "<p>" + "A word. " * 250 + "</p>"
FOUND = {
    "MB240": [
        "<p>Hello</p>",
        page("<p>Hello</p>", lang=""),
        page("<p>Hello</p>", lang=' lang="en_GB"'),
        '<p>Hello</p><p lang="en">Hello</p>',
    ],
    "MB241": [page("<p>שלום</p>", lang=' lang="he"'), page('<p lang="ar">مرحبا</p>')],
    "MB242": [
        page("<table><tr><td>x</td></tr></table>"),
        page('<table role="presentation"><tr><td><table><tr><td>a<td>b</table></table>'),
        page("<table><tr><td>a<td>b<tr><td><table><tr><td>c</table><td>d</table>"),
    ],
    "MB243": [
        page(LONG),
        page("<h1>One</h1><h3>Three</h3>"),
        page("<h1> </h1>"),
        page('<h1>One</h1><p role="heading" aria-level="4">Four</p>'),
    ],
    "MB244": [
        page('<a href="https://a.example/"><img src="x.png" alt=""></a>'),
        page('<a href="https://a.example/"> <span aria-hidden="true">x</span></a>'),
    ],
    "MB245": [
        page('<a href="https://a.example/">Click here!</a>'),
        page('<a href="https://a.example/">Mehr erfahren&nbsp;»</a>'),
        page('<a href="https://a.example/">https://a.example/long/way</a>'),
    ],
    "MB246": [page('<a href="https://a.example/1">Buy</a> <a href="https://a.example/2">buy</a>')],
    "MB247": [
        page(f"<p {GREY}>faint</p>"),
        page('<td bgcolor="#ffffff"><font color="#aaaaaa">faint</font></td>'),
        page('<p class="x y">faint</p>', head=style(".x.y {color: #aaa; background-color: white}")),
        page('<div class="x"><p>faint</p></div>', head=style(".x>p{color:#aaa;background:#fff}")),
        page('<p style="background: #fff; color: #949494; font-size: 20px">faint</p>'),
        page(f'<p {GREY[:-1]}; font-size: 30px">faint</p>'),
    ],
    "MB248": [
        page(
            '<p class="x" style="background: #fff; color: #000">dark</p>',
            head=style("@media (prefers-color-scheme: dark) {.x {background: #222 !important}}"),
        ),
        page(
            '<p style="background: #fff; color: #000">dark</p>',
            head=style("@media screen and (prefers-color-scheme:dark){p{color:#eee!important}}"),
        ),
    ],
    "MB249": [
        page('<img src="a/hero.png" alt="hero.png">'),
        page('<img src="a/x" alt="IMG_2034">'),
        page('<img src="a/x" alt="Image">'),
        page('<img src="a/x" width="1" height="1" alt="A line">'),
    ],
}
FINE = [
    page("<p>Hello</p>"),
    '<p lang="pt-BR">Olá</p>',
    '<div lang="en"><p>Hello</p></div> — <img src="x" alt="y">',
    page("<p>שלום</p>", lang=' lang="he" dir="rtl"'),
    page('<p lang="ar" style="direction: rtl">مرحبا</p>'),
    page("<p>Latin</p>", lang=' lang="ar-Latn"'),
    page('<table role="presentation"><tr><td>x</table><table role="none"><tr><td>x</table>'),
    page("<table><tr><th>a<th>b<tr><td>1<td>2</table>"),
    page("<table><tr><td>a<td>b<tr><td>1<td>2</table>"),  # data, or not: nobody knows
    page("<h1>One</h1><h2>Two</h2><h2>Two</h2><h3>Three</h3><h1>One</h1>"),
    page("<h2>One</h2>" + LONG),
    page('<h1><img src="x" alt="The journal"></h1>'),
    page('<a href="https://a.example/"><img src="x.png" alt="Our shop"></a>'),
    page('<a href="https://a.example/" aria-label="Our shop">»</a>'),
    page('<a href="https://a.example/">a.example</a>'),
    page('<a name="top"></a>'),
    page('<a href="https://a.example/?u=1">Buy</a> <a href="https://a.example?u=2">Buy</a>'),
    page(f'<p {GREY[:-1]}; display: none">faint</p>'),
    page('<p style="color: #999">no ground</p>'),
    page('<p style="background: url(x.png) #fff; color: #999">a picture</p>'),
    page(f'<div {GREY[:-1]}; opacity: .9"><p>half transparent</p></div>'),
    page('<p style="background: #fff; color: rgba(0,0,0,.4)">half transparent</p>'),
    page('<p style="background: #fff; color: #949494; font-size: 24px">large</p>'),
    page('<p style="background: #fff; color: #949494; font: bold 14pt x">perhaps large</p>'),
    page('<p style="background: #fff; color: #777; font-weight: 700; font-size: 14pt">large</p>'),
    page('<p style="background: #fff"><a href="https://a.example/">of the program</a></p>'),
    page(
        '<p class="x">x</p>',
        head=style("p {background: #fff; color: #aaa} [lang] .x {color: #000}"),
    ),
    page(
        '<p class="x">x</p>', head=style("p {background:#fff;color:#aaa} .x:first-child{color:red}")
    ),
    page(
        f"<p {GREY}>phone</p>".replace("#999", "#333"),
        head=style("@media (max-width: 600px) {p {color: #aaa !important}}"),
    ),
    page("<p>paper</p>", head=style("@media print {p {color: #aaa; background: #fff}}")),
    page(
        '<p class="x" style="background: #fff; color: #000">dark</p>',
        head=style(
            "@media (prefers-color-scheme: dark) {.x {background: #222 !important; "
            "color: #eee !important}} [data-ogsc] .x {color: #222 !important}"
        ),
    ),
    page(
        '<p style="background: #fff">x<span style="font-size: 0; color: #fff">a</span>'
        '<span style="font-size: 1px; color: #fff">b</span><span style="max-height: 0; '
        'overflow: hidden; color: #fff">c</span></p>'
    ),
    page('<img src="a/hero.png" alt="Two people plant a tree"><img src="dot" width="1" alt="">'),
    page("<!--[if mso]><table><tr><td><![endif]--><p>x</p><!--[if mso]></table><![endif]-->"),
]


@pytest.mark.parametrize(
    ("code", "text"), [(code, text) for code, texts in FOUND.items() for text in texts]
)
def test_it_is_found(code, text):
    assert codes(text) == [code]


@pytest.mark.parametrize("text", FINE)
def test_nothing_is_found(text):
    assert check_access(text) == ()


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000", "#FFFFFF", 21.0), ("#777", "white", 4.48), ("rgb(0, 0, 255)", "#fff", 8.59)],
)
def test_the_contrast_of_wcag(one, other, ratio):
    assert contrast(read_colour(one), read_colour(other)) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(
    "text", ["var(--x)", "#12", "rgba(0,0,0,.5)", "transparent", "hsl(1,2%,3%)"]
)
def test_a_colour_that_is_not_certain(text):
    assert read_colour(text) is None


def test_letters_that_differ_in_words_and_tokens_alone_have_one_shape():
    letter = '<p>Dear {}, you owe {}</p><a href="https://a.example/u/{}?x=1">Leave</a>'
    assert shape(letter.format("Ann", 3, 7)) == shape(letter.format("Bob", 400, 8))
    assert shape(letter.format("Ann", 3, 7)) != shape(letter.replace("Leave", "Here"))
    twice = '<a href="https://a.example/{}">Buy</a><a href="https://a.example/{}">Buy</a>'
    assert shape(twice.format(1, 1)) != shape(twice.format(1, 2))


def test_no_finding_shows_a_word_of_another_letter():
    """The findings of a shape are kept: they must hold nothing of one row."""
    letter = page(f'<p {GREY}>Dear {{}}</p><a href="https://a.example/u/{{}}">Here</a>', lang="")
    first = check_access(letter.format("Ann", "token-of-ann"))
    again = check_access(letter.format("Bob", "token-of-bob"))
    assert first == again
    assert [fault for fault in again if "nn" in fault.detail + fault.subject] == []


def test_check_gives_the_place_in_the_template(tmp_path, capsys):
    body = f'<html lang="en">\n<p {GREY}>So faint a text</p>\n</html>'
    _, found = Mailing(tmp_path, **html(body)).check(capsys)
    (told,) = [one for one in found["findings"] if one["code"] == "MB247"]
    assert (told["file"], told["line"]) == ("letter.html.j2", 2)
    assert told["details"] == ["p, #999999 on #ffffff: 2.84 of 4.5"]
