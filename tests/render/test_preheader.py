"""The preheader: the first text of the HTML part, hidden, and the text that lists show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailbatch.errors import InputErrors, MailbatchError
from mailbatch.render.preheader import LONGEST_SHOWN, first_lines, shown_first, with_preheader

from .making import ROW, compose, make_job, parse


def parts(folder: Path, html: str, preheader: str, **message: Any) -> tuple[str, str]:
    """Return the text and the HTML of a message."""
    given = {"html": "a.html", "preheader": preheader, **message}
    parsed = parse(compose(make_job(folder, given, {"a.html": html}), ROW))
    found = [parsed.get_body([kind]) for kind in ("plain", "html")]
    return tuple(part.get_content() if part is not None else "" for part in found)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("<!DOCTYPE html><html><head><title>T</title></head><body class='a>b'>", "<p>Dear</p>"),
        ("<!-- <body> --><body>", "<p>Dear</p></body>"),
        ("<html><head></head>", "<p>Dear</p></html>"),
        ("<!doctype html>", "<p>Dear</p>"),
        ("", "<p>Dear</p>"),
    ],
)
def test_the_text_stands_before_everything_else_in_the_body(before: str, behind: str) -> None:
    html = with_preheader(before + behind, "Tea & <more>")
    assert html.startswith(before + '<div style="display:none;')
    assert html.endswith(behind)
    assert ">Tea &amp; &lt;more&gt;</div>" in html


def test_no_other_text_of_the_body_gets_into_the_list() -> None:
    html = with_preheader("<body><p>Dear Ann, this is the letter.</p></body>", "Tea")
    assert shown_first(html) == "Tea"
    assert list(first_lines(html)) == ["Tea", "Dear Ann, this is the letter."]


def test_without_a_preheader_the_list_shows_the_first_text() -> None:
    html = (
        "<html><head><title>T</title><style>p {}</style></head><body><!-- x --><h1>Big\n news</h1>"
        "<p>Dear <b>Ann</b> &amp; Bob,</p>" + "<p>more text</p>" * 40
    )
    shown = shown_first(html)
    assert shown.startswith("Big news Dear Ann & Bob, more text more text")
    assert len(shown) <= LONGEST_SHOWN


def test_a_value_of_a_row_is_text(tmp_path: Path) -> None:
    _, html = parts(tmp_path, "<p>x", "{{ first_name }} <b>&")
    assert ">Ada &lt;b&gt;&amp;</div>" in html


def test_the_text_part_is_without(tmp_path: Path) -> None:
    text, html = parts(tmp_path, "<body><p>Dear Ada</p></body>", "Teaser")
    assert text.strip() == "Dear Ada"
    assert html.index("Teaser") < html.index("Dear Ada")


def test_an_empty_one_changes_nothing(tmp_path: Path) -> None:
    _, html = parts(tmp_path, "<body><p>Dear</p></body>", "{% if id == '0' %}x{% endif %} ")
    assert html.strip() == "<body><p>Dear</p></body>"


@pytest.mark.parametrize("css", ["keep", "inline"])
def test_style_rules_of_the_letter_do_not_show_it(tmp_path: Path, css: str) -> None:
    page = "<html><head><style>div {display: block}</style></head><body><div>x</div></body></html>"
    _, html = parts(tmp_path, page, "Teaser", css=css)
    assert '<body><div style="display:none;' in html


def test_markdown_has_one_too(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"markdown": "a.md", "preheader": "Teaser"}, {"a.md": "# Hello\n"})
    body = parse(compose(job, ROW)).get_body(["html"])
    assert body is not None
    assert shown_first(body.get_content()) == "Teaser"


def test_a_job_without_html_has_no_place_for_one(tmp_path: Path) -> None:
    with pytest.raises(MailbatchError, match=r"message\.preheader.* has no effect without html"):
        make_job(tmp_path, {"preheader": "Teaser"})


def test_a_mistake_in_it_is_one_of_the_job(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match=r"\['a'\]|no 'a'"):
        parts(tmp_path, "<p>x", "{{ {}['a'] }}")


@pytest.mark.parametrize(
    ("html", "shown"),
    [("<p>1 < 2 > 0</p>", "1 < 2 > 0"), ("<p>a <", "a <"), ("<p>a</p><img src='x", "a")],
)
def test_a_sign_that_begins_no_tag_is_text(html: str, shown: str) -> None:
    assert shown_first(html) == shown
