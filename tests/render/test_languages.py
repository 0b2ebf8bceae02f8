"""The language of a message: a header field, and the attributes of a page made of Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import MessageError
from mailbatch.render.languages import is_right_to_left, page_attributes

from .making import ROW, compose, field, make_composer, make_delivery, make_job, parse, raw_fields

MARKDOWN = {"m": "# Hello {{ first_name }}\n"}


def page(content: bytes) -> str:
    part = parse(content).get_body(["html"])
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("tag", "attributes"),
    [
        ("en", 'lang="en"'),
        ("pt-BR", 'lang="pt-BR"'),
        ("zh-Hant-TW", 'lang="zh-Hant-TW"'),
        ("de-CH-1901", 'lang="de-CH-1901"'),
        ("sl-rozaj-biske", 'lang="sl-rozaj-biske"'),
        ("es-419", 'lang="es-419"'),
        ("en-u-ca-gregory-x-own", 'lang="en-u-ca-gregory-x-own"'),
        ("zh-cmn-Hans", 'lang="zh-cmn-Hans"'),
        ("he", 'lang="he" dir="rtl"'),
        ("ar-EG", 'lang="ar-EG" dir="rtl"'),
        ("AR-latn", 'lang="AR-latn"'),
        ("pa-Arab", 'lang="pa-Arab" dir="rtl"'),
        (" fa ", 'lang="fa" dir="rtl"'),
    ],
)
def test_a_row_gives_the_language_of_its_letter(tmp_path: Path, tag: str, attributes: str) -> None:
    job = make_job(tmp_path, {"markdown": "m", "language": "{{ id }}"}, MARKDOWN)
    content = compose(job, {**ROW, "id": tag}).content
    assert field(content, "Content-Language") == tag.strip()
    assert f"<html {attributes}>" in page(content)


def test_an_empty_language_is_left_out(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"markdown": "m", "language": "{{ id }}"}, MARKDOWN)
    content = compose(job, {**ROW, "id": " "}).content
    assert "Content-Language" not in dict(raw_fields(content))
    assert "<html>" in page(content)


@pytest.mark.parametrize(
    ("tag", "better"),
    [("de_AT", "de-AT"), ("German", "en or pt-BR"), ('en" onload="x', "en or pt-BR"),
     ("en-", "en or pt-BR"), ("e", "en or pt-BR"), ("e\u0301n", "en or pt-BR"),
     ("en, fr", "en or pt-BR"), ("x-own", "en or pt-BR")],
)  # fmt: skip
def test_what_is_no_tag_makes_the_row_invalid(tmp_path: Path, tag: str, better: str) -> None:
    job = make_job(tmp_path, {"markdown": "m", "language": "{{ id }}"}, MARKDOWN)
    with pytest.raises(MessageError, match=rf"is no language tag; write it as {better}$") as caught:
        compose(job, {**ROW, "id": tag})
    assert caught.value.location is not None
    assert caught.value.location.key == "message.language"


def test_html_of_the_job_keeps_its_own_language(tmp_path: Path) -> None:
    html = '<html lang="fr"><p>Bonjour'
    content = compose(make_job(tmp_path, {"html": "a", "language": "fr"}, {"a": html})).content
    assert field(content, "Content-Language") == "fr"
    assert page(content).rstrip("\n") == html


def test_the_subject_is_the_title_of_markdown(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"markdown": "m", "subject": "For {{ first_name }} "}, MARKDOWN)
    composer = make_composer(job)
    for name, shown in (("Ada", "Ada"), ("</title><b>&", "&lt;/title&gt;&lt;b&gt;&amp;")):
        delivery = make_delivery({**ROW, "first_name": name})
        content = composer.compose(delivery, eight_bit=True).content
        assert f"\n<title>For {shown}</title>\n</head>" in page(content)
        assert field(content, "Subject") == f"For {name}"


@pytest.mark.parametrize("subject", ["{{ '' }}", "{{ id[9:] }}"])
def test_an_empty_subject_is_no_title(tmp_path: Path, subject: str) -> None:
    job = make_job(tmp_path, {"markdown": "m", "subject": subject}, MARKDOWN)
    assert "title>" not in page(compose(job).content)


def test_attributes_of_no_language_are_none() -> None:
    assert page_attributes("") == ""
    assert not is_right_to_left("en-Arabia")  # no script: eight letters are a variant
