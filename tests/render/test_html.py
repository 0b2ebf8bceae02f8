"""The HTML part: escaping, style rules, Markdown, and the text that is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import MessageError, TemplateError
from mailbatch.render.html import inline_css
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
    assert '<p style="color: red;">17</p>' in html
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
    assert '<p style="color: red;">' in html
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


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<div>", "</div>", "<table>", "<tr>", "<td>", "</table>", "<ul>",
             "<li>", "</ul>", "<ol start='x'>", "<a href='h'>", "</a>", "<pre>", "</pre>", "<br>",
             "<hr>", "text", " ", "\n",
             "&amp;", "&#0;", "<!--", "-->", "<", ">", "<style>", "</style>", "<b", "\v",
             "<td colspan=2>", "<th>", "<blockquote>", "<img alt='i'>", "<head>", "</body>", "<h1>"]
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_any_html_gives_some_text(html: str) -> None:
    text = text_from_html(html)
    assert not set(text) & set("\r\v")
    assert text == "\n".join(line.rstrip() for line in text.split("\n"))


def test_a_message_without_a_text_template_gets_one(tmp_path: Path) -> None:
    page = (
        "<h1>Hello {{ first_name }}</h1><p>Read <a href='https://example.com/{{ id }}'>more</a></p>"
    )
    text, _ = parts(tmp_path, {"html": "p"}, {"p": page}, first_name="Zoë")
    assert text.replace("\r\n", "\n").strip() == (
        "Hello Zoë\n=========\n\nRead more [1]\n\n[1] https://example.com/17"
    )
