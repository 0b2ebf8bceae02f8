"""The HTML part: escaping, style rules, Markdown, and the text that is made of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import MessageError, TemplateError
from mailbatch.render.inlining import inline_css
from mailbatch.render.text_from_html import WIDTH, text_from_html

from .making import ROW, compose, make_composer, make_delivery, make_job, parse


def parts(folder: Path, message: dict[str, object], files: dict[str, str], **row: str) -> list[str]:
    """Return the text and the HTML of a message."""
    parsed = parse(compose(make_job(folder, message, files), {**ROW, **row}))
    found = [parsed.get_body([kind]) for kind in ("plain", "html")]
    return [part.get_content() if part is not None else "" for part in found]


def test_the_html_template_is_escaped_whatever_its_file_is_called(tmp_path: Path) -> None:
    files = {"page.txt": "<p>{{ id }}{% include 'foot.txt' %}", "foot.txt": "{{ first_name }}"}
    text, html = parts(
        tmp_path, {"text": "letter.html", "html": "page.txt"},
        {**files, "letter.html": "{{ id }}"}, id="<b>&", first_name="'\"",
    )  # fmt: skip
    assert html.strip() == "<p>&lt;b&gt;&amp;&#39;&#34;"
    assert text.strip() == "<b>&"


def test_a_value_that_the_template_declares_safe_is_not_escaped(tmp_path: Path) -> None:
    _, html = parts(tmp_path, {"html": "p"}, {"p": "<p>{{ id | safe }}"}, id="<b>")
    assert html.strip() == "<p><b>"


def test_style_rules_go_into_the_elements_and_media_rules_stay(tmp_path: Path) -> None:
    page = (
        "<html><head><style>p { color: red } @media (max-width: 600px) { p { color: blue } }"
        "</style></head><body><p>{{ id }}</p></body></html>"
    )
    _, html = parts(tmp_path, {"html": "p", "css": "inline"}, {"p": page})
    assert '<p style="color: red">17</p>' in html
    assert "@media" in html
    _, kept = parts(tmp_path, {"html": "p"}, {"p": page})
    assert "<p>17</p>" in kept


def test_rules_that_no_element_can_hold_stay_and_the_others_go() -> None:
    rules = (
        "p { color: red }",
        "a:hover { color: blue }",
        "u + .body p { margin: 0 }",
        "@font-face { font-family: x }",
    )
    link = '<link rel="stylesheet" href="https://example.com/fonts.css">'
    page = (
        f"<html><head>{link}<style>{' '.join(rules)}</style></head>"
        "<body><p><a>x</a></p></body></html>"
    )
    html = inline_css(page)
    assert '<p style="color: red">' in html
    assert link in html
    styles = html[: html.index("</head>")]  # some versions of css-inline write two elements
    assert all(rule.partition(" {")[0] in styles for rule in rules[1:])
    assert "red" not in styles


def test_no_style_sheet_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "local.css").write_text("p { color: red }")
    page = (
        '<html><head><link rel="stylesheet" href="http://127.0.0.1:1/remote.css">'
        f'<link rel="stylesheet" href="file://{tmp_path}/local.css"></head><body><p>x</p></body></html>'
    )
    assert "color" not in inline_css(page)


@pytest.mark.parametrize(
    ("cell", "html"),
    [
        ("*a* **b** `c`", "<p>Hi *a* **b** `c`.</p>"),
        ("[x](http://evil.example)", "<p>Hi [x](http://evil.example).</p>"),
        ("<b>", "<p>Hi &lt;b&gt;.</p>"),
        ("\n# head\n", "<p>Hi \n# head\n.</p>"),
        ("&amp;", "<p>Hi &amp;amp;.</p>"),
        ("mb7qx4val0x", "<p>Hi mb7qx4val0x.</p>"),
    ],
)
def test_a_cell_is_no_markdown(tmp_path: Path, cell: str, html: str) -> None:
    text, page = parts(tmp_path, {"markdown": "m"}, {"m": "Hi {{ id }}.\n"}, id=cell)
    assert html in page.replace("\r\n", "\n")
    assert text.replace("\r\n", "\n").strip() == f"Hi {cell}."
    for filtered in ("e", "escape", "forceescape"):  # of HTML: no word that a cell is Markdown
        source = {"m": f"Hi {{{{ id | {filtered} }}}}.\n"}
        assert parts(tmp_path, {"markdown": "m"}, source, id=cell)[1] == page


def test_markdown_gives_both_parts(tmp_path: Path) -> None:
    source = (
        "# Hello {{ first_name }}\n\n"
        "Leave at <https://example.com/u/{{ id }}> or [here](https://example.com/u/{{ id }}).\n\n"
        "| a | b |\n|---|---|\n| `{{ id }}` | <b> |\n\n{{ '**bold**' | safe }}\n"
        "{% macro strong(x) %}**{{ x }}**{% endmacro %}{{ strong(id) }}"
    )
    text, html = parts(tmp_path, {"markdown": "m"}, {"m": source}, id="a_b-c_d", first_name="*Ada*")
    assert "<h1>Hello *Ada*</h1>" in html
    assert html.count('href="https://example.com/u/a_b-c_d"') == 2
    assert ">https://example.com/u/a_b-c_d</a>" in html
    assert "<td><code>a_b-c_d</code></td>" in html
    assert "<td>&lt;b&gt;</td>" in html
    assert "<strong>bold</strong>" in html
    assert "<strong>a_b-c_d</strong>" in html
    assert html.lstrip().startswith("<!DOCTYPE html>")
    assert text.startswith("# Hello *Ada*")
    assert "mb7qx4val" not in html + text


@pytest.mark.parametrize(
    "source",
    [
        "{% filter upper %}Hi {{ first_name }}{% endfilter %}",
        "{% set x %}Hi {{ first_name }}{% endset %}{{ x | capitalize }} {{ x[3:] | title }}",
        "{% set x %}Hi {{ first_name }}{% endset %}{{ x | truncate(12, true, '', 0) }}",
    ],
)
def test_a_filter_that_spoils_the_marks_of_values_makes_the_row_invalid(
    tmp_path: Path, source: str
) -> None:
    job = make_job(tmp_path, {"markdown": "m"}, {"m": source})
    with pytest.raises((MessageError, TemplateError), match="a filter changes text with values"):
        compose(job)


def test_one_row_does_not_leak_into_the_next_markdown(tmp_path: Path) -> None:
    composer = make_composer(
        make_job(tmp_path, {"markdown": "m"}, {"m": "{{ id }} {{ first_name }}"})
    )
    for number in ("1", "2", "3"):
        message = composer.compose(make_delivery({**ROW, "id": number}), eight_bit=True)
        page = parse(message).get_body(["html"])
        assert page is not None
        assert f"<p>{number} Ada</p>" in page.get_content()


TEXTS = [
    ("<p>One</p><p>Two</p>", "One\n\nTwo"),
    ("<p>a  \n b<br>c</p>", "a b\nc"),
    ("plain &amp; simple", "plain & simple"),
    ("<h1>Title</h1><h2>Part</h2><h3>Sub</h3>text", "Title\n=====\n\nPart\n----\n\nSub\n\ntext"),
    ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n  - c"),
    ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
    ("<ol start=9><li>a<li>b</ol>", " 9. a\n10. b"),
    ("<ul><li><p>a</p><p>b</p></li><li>c</li></ul>", "- a\n\n  b\n\n- c"),
    ("<a href='https://e.com/'>here</a> and <a href='https://e.com/'>there</a>",
     "here [1] and there [1]\n\n[1] https://e.com/"),
    ("<a href='https://e.com/'>https://e.com/</a>", "https://e.com/"),
    ("<a href='mailto:a@b.c'>a@b.c</a> <a href='#top'>top</a> <a>none</a>", "a@b.c top none"),
    ("<a href='https://e.com'><img src=x alt='Buy now'></a>", "Buy now [1]\n\n[1] https://e.com"),
    ("<a href='https://e.com'><img src=x></a>", "[1]\n\n[1] https://e.com"),
    ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
    ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
    ("<pre>a\n  b\n</pre>", "a\n  b"),
    ("a<hr>b", "a\n\n" + "-" * WIDTH + "\n\nb"),
    ("<dl><dt>t</dt><dd>d</dd></dl>", "t\n    d"),
    (("<table><tr><th>Item</th><th align=right>Price</th></tr>"
      "<tr><td>Tea</td><td align=right>3.90</td></tr></table>"),
     "Item  Price\n----  -----\nTea    3.90"),
    (("<table><caption>Cap</caption><tr><td>a</td><td style='text-align:right'>1</td></tr>"
      "<tr><td>bb</td><td style='text-align: right'>22</td></tr></table>"),
     "Cap\n\na    1\nbb  22"),
    ("<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "a\n\nb\n\nc"),
    ("<table><tr><td><table><tr><td>a</td></tr></table></td><td>b</td></tr></table>", "a\nb"),
    ("<table><tr><td>one</td></tr><tr><td>two</td></tr></table>", "one\ntwo"),
    ("<q>said</q>", "“said”"),
    ("<head><title>t</title></head><style>p{}</style><script>x</script><p>a</p>", "a"),
    ("<div style='display:none'>hidden<p>too</p></div><div hidden>h</div>seen", "seen"),
    ("<!-- comment --><!--[if mso]>x<![endif]-->a", "a"),
    ("<p>a<p>b<div>c</div>d", "a\n\nb\n\nc\nd"),
    ("<b>a", "a"),
    ("</p></div>a</b>", "a"),
    ("a&nbsp;b", "a b"),
    ("", ""),
    ("<p> </p><p>&nbsp;</p>x", "x"),
    ("<pre>a\v&amp;</pre>", "a &"),
    ("<div><span>in</span>line</div><div>next</div>", "inline\nnext"),
]  # fmt: skip


@pytest.mark.parametrize(("html", "text"), TEXTS)
def test_the_text_of_html(html: str, text: str) -> None:
    assert text_from_html(html) == text


def test_text_is_wrapped_at_78_columns_and_words_stay_whole() -> None:
    url = "https://example.com/" + "x" * 100
    lines = text_from_html(f"<p>{'word ' * 40}{url} {'word ' * 5}</p>").split("\n")
    assert url in lines
    assert max(len(line) for line in lines if line != url) <= WIDTH


def test_a_table_too_wide_for_columns_becomes_lines() -> None:
    html = f"<table><tr><td>{'a' * 60}</td><td>{'b' * 60}</td></tr></table>"
    assert text_from_html(html) == "a" * 60 + "\n" + "b" * 60


def test_deep_nesting_and_garbage_end_somewhere() -> None:
    assert text_from_html("<div>" * 5000 + "x" + "</div>" * 5000) == "x"
    assert text_from_html("<table><tr><td>" * 400 + "x") == "x"
    assert text_from_html("<ul><li>" * 400 + "x").endswith("x")


SCRIPTS = [
    ("19<sup>99</sup> EUR", "19^99 EUR"),
    ("19,<sup>99</sup> EUR, 90.<sup>1</sup>", "19,^99 EUR, 90.^1"),
    ("<b>19</b><span style='vertical-align: super'>99</span>", "19^99"),
    ("19<span style='font-size:9px;vertical-align:top'>99</span>", "19^99"),
    ("<a href='https://e.com'>49<sup><b>90</b></sup></a>", "49^90 [1]\n\n[1] https://e.com"),
    ("<pre>19<sup>99</sup></pre>", "19^99"),
    ("5<sup>1</sup>/<sub>2</sub> kg, <sup>3</sup>&frasl;<sub>4</sub>2", "5 1/2 kg, 3\u20444 2"),
    ("5<sup>1</sup>&frasl;2 kg", "5 1\u20442 kg"),
    ("10<sup>6</sup>, 10<sup>-6</sup>, x<sup>&minus;1</sup>, 10<sup>3</sup>/2",
     "10^6, 10^-6, x^\u22121, 10^3/2"),
    ("2<sup>3<sup>4</sup></sup>, x<sup>2</sup><sub>1</sub>", "2^3^4, x2_1"),
    ("log<sub>10</sub>100, <sup>1</sup>19 % VAT", "log_10 100, ^1 19 % VAT"),
    ("m<sup>2</sup>, H<sub>2</sub>O, SO<sub>4</sub><sup>2-</sup>, word<sup>1</sup>",
     "m2, H2O, SO4^2-, word1"),
    ("1<sup>st</sup>, 2<sup>e</sup>, 19<sup>.99</sup>, 19 <sup>99</sup>, 2024<sup>1</sup>",
     "1st, 2e, 19.99, 19 99, 2024^1"),
    ("19<sup>99<div>block</div></sup>", "19^99\nblock"),
    ("<ruby>漢<rp>(<rt>kan<rp>)</ruby> <ruby>字<rt>ji</ruby>", "漢(kan) 字(ji)"),
]  # fmt: skip
STRIKES = [
    ("<s>49.90</s>39.90", "~~49.90~~ 39.90"),
    ("<del>49.90</del><ins>39.90</ins>", "~~49.90~~ 39.90"),
    ("was <strike> 49.90 </strike>, now 39.90", "was ~~49.90~~ , now 39.90"),
    ("now<span style='text-decoration-line: line-through'>49.90</span>39.90",
     "now ~~49.90~~ 39.90"),
    ("<s style='text-decoration:none'>a</s>b <s></s><del> </del>c", "ab c"),
    ("<del>a<s>b</s></del>c<s>d</s><s>e</s>", "~~ab~~ c ~~d~~ ~~e~~"),
    ("<del>a<p>b</p>c</del>d", "~~a~~\n\n~~b~~\n\n~~c~~ d"),
    ("<p style='text-decoration: underline line-through'>a<br>b</p>c", "~~a\nb~~\n\nc"),
    ("<del><ul><li>a<li>b</ul></del>", "- ~~a~~\n- ~~b~~"),
    ("<ul><li style='text-decoration:line-through'>a<li>b</ul>", "- ~~a~~\n- b"),
    ("<table><tr style='text-decoration:line-through'><td>a<td>1</tr><tr><td>b<td>2</table>",
     "~~a~~  ~~1~~\nb      2"),
    ("<s><span style='display:block'>1</span></s>2", "~~1~~\n2"),
    ("(<s>1</s>)<s>2</s>.", "(~~1~~) ~~2~~."),
    ("<pre><s>1</s>2</pre>", "~~1~~ 2"),
    ("<s><a href='u'>1</a></s>2", "~~1 [1]~~ 2\n\n[1] u"),
    ("<s>19<sup>99</sup></s>9", "~~19^99~~ 9"),
]  # fmt: skip
LISTS = [
    ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
    ("<ol reversed start=9><li>a<li>b</ol>", "9. a\n8. b"),
    ("<ol><li>a<li value=9>b<li>c</ol>", " 1. a\n 9. b\n10. c"),
    ("<ol reversed><li>a<li value='-1'>b<li>c</ol>", " 3. a\n-1. b\n-2. c"),
    ("<ol start=' +3rd'><li value=x>a</ol><ol start=99999999999><li>b</ol>", "3. a\n\n1. b"),
    ("<ol type=a start=26><li>a<li>b</ol>", " z. a\naa. b"),
    ("<ol type=I start=3><li>a<li>b</ol>", "III. a\n IV. b"),
    ("<ol type=i start=0><li>a<li value=4000>b<li value=1994>c</ol>",
     "      0. a\n   4000. b\nmcmxciv. c"),
    ("<ol type=1 style='list-style-type: upper-alpha'><li>a</ol>", "A. a"),
    ("<ol style='list-style: inside lower-roman'><li>a<li>b</ol>", " i. a\nii. b"),
    ("<ol><li hidden>x<li>a</ol>", "1. a"),
    ("<ol><li>a</li><ul><li>x</li></ul><li>b</li></ol>", "1. a\n   - x\n2. b"),
    ("<ul>before<li>a</li>behind</ul>", "  before\n- a\n  behind"),
    ("<menu><li>a</li></menu>", "- a"),
]  # fmt: skip
APART = [
    ("<img alt='49.90'><a>go</a>", "49.90 go"),
    ("<a href='u'><img alt='A'></a><a href='v'><img alt='B'></a>",
     "A [1] B [2]\n\n[1] u\n[2] v"),
    ("1<img src='spacer.gif'>2, (<img alt='A'>), <img alt='B'>.", "1 2, (A), B."),
    ("<a href='u'>A</a><a href='v'>B</a>c, <a href='u'>D</a>.",
     "A [1] B [2] c, D [1].\n\n[1] u\n[2] v"),
    ("<a href='tel:1'>1</a><a href='tel:2'>2</a>", "1 2"),
    ("<button>1</button><button>2</button><input type=submit value=3><input type=hidden value=4>",
     "1 2 3"),
    ("<select><option>1<option>2</select><textarea>3</textarea>4", "1 2 3 4"),
    ("<span style='display:block'>1</span><span style='display:block'>2</span>3", "1\n2\n3"),
    ("<a href='u' style='display: block !important; display:inline'>1</a>2",
     "1 [1]\n2\n\n[1] u"),
    ("<b style='display:inline-block'>1</b><b style='DISPLAY:Table-Cell'>2</b>3", "1 2 3"),
    ("<b style='float:left'>1</b><b>2</b><b style='position:absolute'>3</b>", "1 2 3"),
    ("<b style='margin: 0 4px'>1</b>2<b style='padding-left:.5em'>3</b>", "1 2 3"),
    ("<b style='margin:0;padding-top:3px'>1</b>2", "12"),
    ("<div style='display:flex'><b>1</b><b>2</b></div>", "1 2"),
    ("<b style='background:url(data:x;display:block)'>1</b>2", "12"),
    ("a<br/>b<br />c<BR>d</br>e<br><br>f<br>", "a\nb\nc\nde\n\nf"),
    ("super<wbr>cali so&shy;ft me&zwnj;kh", "supercali soft me\u200ckh"),
    ("A&nbsp;&zwnj;&nbsp;&#847;&#8203; &zwnj;<p>&zwnj;&nbsp;&zwnj;</p>B", "A\nB"),
    ("<td>1</td><td>2</td>", "1\n2"),
    ("<table><tr><td>1</td><td>2<br></td></tr></table>", "1  2"),
    ("<p hidden>x<p>A<table><tr><td style='display:none'>x<td>1<td>2</table>", "A\n\n1  2"),
    ("<p style='visibility:hidden'>x<b>x<p>A", "A"),
    ("<div>" * 200 + "A<i hidden>x</i><b>B", "AB"),
    ("<map><area href='u' alt='1'><area href='v' alt='2'></map>",
     "1 [1] 2 [2]\n\n[1] u\n[2] v"),
    ("<p style='white-space:pre-line'>\n a  b\nc<b>\n</b>d</p>", "a b\nc\nd"),
    ("<a style='mso-hide:all' href='u'>Button</a>", "Button [1]\n\n[1] u"),
]  # fmt: skip
GRIDS = [
    (("<table><tr><th>Item<th>Qty<th>Sum</tr><tr><td>Tea<td>2<td>7.80</tr>"
      "<tr><td colspan=2>Total<td>7.80</tr></table>"),
     "Item   Qty  Sum\n-----  ---  ----\nTea    2    7.80\nTotal       7.80"),
    (("<table><tr><td rowspan=2>Tea<td>small<td>3<tr><td>large<td>5"
      "<tr><td>Nut<td>all<td>1</table>"),
     "Tea  small  3\n     large  5\nNut  all    1"),
    ("<table><tr><td>a<td>&nbsp;<td>b<tr><td colspan='100%'>c</table>", "a  b\nc"),
    ("<table>9<tr>8<td>1<td>2</tr></table>", "98\n\n1  2"),
    (("<table><form><tr><td>1<td>2</tr></form><tr><td>3<td>4</tr><tr><a href=u><td>5<td>6</a>"
      "</tr></table>"),
     "1  2\n3  4\n5  6"),
]  # fmt: skip


@pytest.mark.parametrize(("html", "text"), SCRIPTS)
def test_a_superscript_never_continues_a_number(html: str, text: str) -> None:
    assert text_from_html(html) == text


@pytest.mark.parametrize(("html", "text"), STRIKES)
def test_what_is_struck_out_is_told_from_the_rest(html: str, text: str) -> None:
    assert text_from_html(html) == text


@pytest.mark.parametrize(("html", "text"), LISTS)
def test_lists_count_as_html_does_and_lose_nothing(html: str, text: str) -> None:
    assert text_from_html(html) == text


@pytest.mark.parametrize(("html", "text"), APART)
def test_what_stands_apart_for_the_eye_stands_apart(html: str, text: str) -> None:
    assert text_from_html(html) == text


@pytest.mark.parametrize(("html", "text"), GRIDS)
def test_a_cell_stands_in_its_own_column(html: str, text: str) -> None:
    assert text_from_html(html) == text


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["<sup>{}</sup>", "<sub>{}</sub>", "<s>{}</s>", "<img alt={}>", "<p>{}</p>",
                 "<button>{}</button>", "<b style='display:block'>{}</b>", "<a href=u>{}</a>",
                 "<b style='display:inline-block'>{}</b>", "<ul><li>{}</ul>", "<pre>{}</pre>",
                 "<del><p>{}</p></del>", "<s><sup>{}</sup></s>", "<sup><s>{}</s></sup>",
                 "<table><tr><td>{}</table>", "<i><sup><b>{}</b></sup></i>"]
            ),
            st.sampled_from(["", "<b></b>", "<wbr>", "&shy;", "<br>", " ", "&zwnj;"]),
        ),
        min_size=1,
        max_size=8,
    )
)  # fmt: skip
def test_numbers_that_stand_in_different_places_stay_numbers(parts: list[tuple[str, str]]) -> None:
    html = "".join(
        part.format(100 + number) + between for number, (part, between) in enumerate(parts)
    )
    text, _, _ = text_from_html(html).partition("\n\n[1] u")
    numbers = [number for number in re.findall(r"[0-9]+", text) if number != "1"]
    assert numbers == [str(100 + number) for number in range(len(parts))]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<div>", "</div>", "<table>", "<tr>", "<td>", "</table>", "<ul>",
             "<li>", "</ul>", "<ol start='x'>", "<a href='h'>", "</a>", "<pre>", "</pre>", "<br>",
             "<hr>", "text", " ", "\n",
             "&amp;", "&#0;", "<!--", "-->", "<", ">", "<style>", "</style>", "<b", "\v",
             "<td colspan=2>", "<th>", "<blockquote>", "<img alt='i'>", "<head>", "</body>", "<h1>",
             "<sup>", "</sup>", "<s>", "</s>", "1", "<li value=3>", "<td rowspan=9>",
             "<b style='display:block'>", "<p style='text-decoration:line-through'>",
             "\x01\x02\x05", "<rp>", "<del>"]
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_any_html_gives_some_text(html: str) -> None:
    text = text_from_html(html)
    assert not set(text) & set("\r\v\x01\x02\x03\x04\x05\x06")
    assert text == "\n".join(line.rstrip() for line in text.split("\n"))


def test_a_message_without_a_text_template_gets_one(tmp_path: Path) -> None:
    page = (
        "<h1>Hello {{ first_name }}</h1><p>Read <a href='https://example.com/{{ id }}'>more</a></p>"
    )
    text, _ = parts(tmp_path, {"html": "p"}, {"p": page}, first_name="Zoë")
    assert text.replace("\r\n", "\n").strip() == (
        "Hello Zoë\n=========\n\nRead more [1]\n\n[1] https://example.com/17"
    )
