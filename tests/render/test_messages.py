"""Whole messages: what another parser reads is what went in, for any content."""

from __future__ import annotations

import html
import re
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import MessageError, TemplateError
from mailbatch.render.composer import Composer

from .making import (
    PLAIN_FIELDS,
    ROW,
    assert_wire_ready,
    compose,
    field,
    make_composer,
    make_delivery,
    make_job,
    parse,
    parse_compat,
    raw_fields,
)

COLUMNS = ("email", "name", "subject", "text", "file", "id")
CONTROLS = "".join(map(chr, (*range(32), *range(127, 160), 0x2028, 0x2029)))
LINE = st.text(st.characters(exclude_characters=CONTROLS, exclude_categories=["Cs"]), max_size=120)
#: A name with one of these is refused: tests/render/test_assets.py.
REFUSED = re.compile("[/\\\\\u202a-\u202e\u2066-\u2069]")
FILE = LINE.map(lambda name: REFUSED.sub("", name)).filter(
    lambda name: name.strip(". ") and len(name.encode()) <= 255
)
BODY = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)
ROWS = st.fixed_dictionaries(
    {
        "email": st.just("ada@example.org"),
        "name": LINE.map(str.strip),
        "subject": LINE,
        "text": BODY,
        "file": FILE,
        "id": LINE,
    }
)


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    """A job that puts a column into everything that can hold one."""
    folder = tmp_path_factory.mktemp("job")
    job = make_job(
        folder,
        {
            "subject": "{{ subject }}",
            "text": "a.txt.j2",
            "html": "a.html.j2",
            "attachments": {"path": "data.bin", "filename": "{{ file }}"},
            "headers": {"X-Name": "<{{ name }}>"},
        },
        {"a.txt.j2": "{{ text }}", "a.html.j2": "<p>{{ text }}</p>", "data.bin": bytes(range(256))},
        recipients={"display_name": "{{ name }}"},
        callbacks={"data": [{"id": "{{ id }}", "name": "{{ name }}"}]},
    )
    return make_composer(job, COLUMNS)


def as_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_message(composer: Composer, row: dict[str, str], *, eight_bit: bool) -> None:
    ordered = {name: row[name] for name in COLUMNS}
    message = composer.compose(make_delivery(ordered), eight_bit=eight_bit)
    assert_wire_ready(message.content)
    assert message.content.isascii() or message.eight_bit
    assert not message.eight_bit or eight_bit
    parsed = parse(message)
    assert parsed["Subject"] == row["subject"].strip(" ")
    text, page = parsed.get_body(["plain"]), parsed.get_body(["html"])
    assert text is not None
    assert page is not None
    assert as_lf(text.get_payload(decode=True).decode()) == as_lf(row["text"])
    shown = html.unescape(page.get_payload(decode=True).decode())
    assert as_lf(shown) == as_lf(f"<p>{row['text']}</p>")
    (attachment,) = parsed.iter_attachments()
    assert attachment["Content-Disposition"].params["filename"] == row["file"].strip(" ")
    assert attachment.get_payload(decode=True) == bytes(range(256))
    assert parsed["To"].addresses[0].addr_spec == "ada@example.org"
    check_older(parse_compat(message), row)


def check_older(parsed: object, row: dict[str, str]) -> None:
    """Check what the older parser makes of the same message."""
    assert str(make_header(decode_header(unfold(parsed["Subject"])))) == row["subject"].strip(" ")  # type: ignore[index]
    assert str(make_header(decode_header(unfold(parsed["X-Name"])))) == f"<{row['name']}>"  # type: ignore[index]


def unfold(value: str) -> str:
    return re.sub(r"\r?\n(?=[ \t])", "", value)


@settings(deadline=None, max_examples=300)
@given(row=ROWS, eight_bit=st.booleans())
def test_what_is_parsed_is_what_went_in(
    composer: Composer, row: dict[str, str], eight_bit: bool
) -> None:
    check_message(composer, row, eight_bit=eight_bit)


@pytest.mark.long
@settings(deadline=None, max_examples=5000)
@given(row=ROWS, eight_bit=st.booleans())
def test_what_is_parsed_is_what_went_in_long(
    composer: Composer, row: dict[str, str], eight_bit: bool
) -> None:
    check_message(composer, row, eight_bit=eight_bit)


def test_the_plain_message(tmp_path: Path) -> None:
    content = compose(make_job(tmp_path)).content
    assert [name for name, _ in raw_fields(content)] == [
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding",
    ]  # fmt: skip
    assert field(content, "From") == '"Example News" <news@example.com>'
    assert field(content, "To") == "ada@example.org"
    assert field(content, "Message-ID") == "<m1@example.com>"
    assert content.endswith(b"\r\n\r\nGood day.\r\n")


def test_composing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {
            "subject": "Hi {{ first_name }}",
            "html": "a.html.j2",
            "css": "inline",
            "inline": {"logo": "logo.png"},
            "attachments": ["letter.txt.j2"],
        },
        {
            "a.html.j2": "<style>p{color:red}</style><p>{{ now }}<img src='cid:logo'>",
            "logo.png": b"x",
        },
    )
    row = {**ROW, "first_name": "Zoë"}
    first = make_composer(job).compose(make_delivery(row), eight_bit=True)
    composer = make_composer(job)
    assert composer.compose(make_delivery(row), eight_bit=True) == first
    assert composer.compose(make_delivery(row), eight_bit=True) == first


def test_only_the_boundaries_and_the_id_depend_on_the_message_id(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"text": "letter.txt.j2", "html": "letter.txt.j2"})
    composer = make_composer(job)
    one = composer.compose(make_delivery(ROW, message_id="a@x"), eight_bit=True).content
    two = composer.compose(make_delivery(ROW, message_id="b@x"), eight_bit=True).content
    marks = {part["boundary"] for part in map(boundaries, (one, two))}
    assert len(marks) == 2
    normal = [re.sub(rb"=_[0-9a-f]{24}|<[ab]@x>", b"*", content) for content in (one, two)]
    assert normal[0] == normal[1]


def boundaries(content: bytes) -> dict[str, str]:
    return {"boundary": str(parse(content).get_boundary())}


def test_a_text_that_holds_the_boundary_is_encoded(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"text": "a.txt.j2", "html": "letter.txt.j2"},
        {"a.txt.j2": "--{{ first_name }}-a--\nend"},
    )
    mark = parse(compose(job)).get_boundary()
    assert mark is not None
    message = compose(job, {**ROW, "first_name": mark.removesuffix("-a")})
    text = parse(message).get_body(["plain"])
    assert text is not None
    assert text.get_content().splitlines() == [f"--{mark}--", "end"]


@pytest.mark.parametrize(
    ("given_parts", "structure"),
    [
        ({"text": "t"}, "text/plain"),
        ({"html": "h"}, "multipart/alternative(text/plain text/html)"),
        ({"text": "t", "html": "h"}, "multipart/alternative(text/plain text/html)"),
        ({"markdown": "t"}, "multipart/alternative(text/plain text/html)"),
        ({"text": "t", "attachments": ["f.pdf"]}, "multipart/mixed(text/plain application/pdf)"),
        (
            {"text": "t", "html": "h", "inline": {"logo": "logo.png"}},
            "multipart/related(multipart/alternative(text/plain text/html) image/png)",
        ),
        (
            {"html": "h", "inline": {"logo": "logo.png"}, "attachments": ["f.pdf", "g.csv"]},
            (
                "multipart/mixed(multipart/related(multipart/alternative(text/plain text/html) "
                "image/png) application/pdf text/csv)"
            ),
        ),
    ],
)
def test_the_structure_has_only_the_levels_that_hold_something(
    tmp_path: Path, given_parts: dict[str, object], structure: str
) -> None:
    files = {"t": "text", "h": "<p>html", "f.pdf": b"%PDF", "g.csv": "a,b", "logo.png": b"\x89PNG"}
    message = compose(make_job(tmp_path, given_parts, files))
    assert shape(parse(message)) == structure
    assert not parse(message).defects


def shape(part: object) -> str:
    kind = part.get_content_type()  # type: ignore[attr-defined]
    if not part.is_multipart():  # type: ignore[attr-defined]
        return str(kind)
    assert not part.defects  # type: ignore[attr-defined]
    return f"{kind}({' '.join(shape(child) for child in part.iter_parts())})"  # type: ignore[attr-defined]


def test_related_names_the_type_of_its_root(tmp_path: Path) -> None:
    job = make_job(
        tmp_path, {"html": "h", "inline": {"a": "a.png"}}, {"h": "<img src=cid:a>", "a.png": b"x"}
    )
    assert parse(compose(job)).get_param("type") == "multipart/alternative"


@pytest.mark.parametrize("eight_bit", [True, False])
def test_eight_bit_bytes_go_only_where_they_are_allowed(tmp_path: Path, eight_bit: bool) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": "Grüße an {{ first_name }}"})
    message = compose(job, eight_bit=eight_bit)
    assert message.eight_bit is eight_bit
    assert message.content.isascii() is not eight_bit
    body = parse(message).get_content()
    assert body.strip() == "Grüße an Ada"


def test_line_ends_of_any_kind_become_crlf(tmp_path: Path) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": b"a\r\nb\nc\r{{ first_name }}\n"})
    content = compose(job, {**ROW, "first_name": "x\r\r\ny\n.\r\n.\rz"}).content
    assert content.endswith(b"a\r\nb\r\nc\r\nx\r\n\r\ny\r\n.\r\n.\r\nz\r\n")
    assert_wire_ready(content)


def test_sizes_are_those_of_the_bytes(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"attachments": ["big.bin"]}, {"big.bin": b"x" * 3000})
    message = compose(job)
    assert message.size == len(message.content)
    assert message.biggest_part() == f"big.bin ({dict(message.parts)['big.bin']} bytes)"
    assert 4000 < dict(message.parts)["big.bin"] < 4400


def test_a_message_id_that_is_none_is_a_bug(tmp_path: Path) -> None:
    composer = make_composer(make_job(tmp_path))
    with pytest.raises(ValueError, match="Message-ID"):
        composer.compose(make_delivery(ROW, message_id="a b@x\r\nBcc: c@d"), eight_bit=True)


def test_a_template_that_fails_for_a_row_names_its_line(tmp_path: Path) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": "a\n{% set n = id | int %}\n{{ 10 // n }}\n"})
    with pytest.raises(TemplateError, match=r"^letter\.txt\.j2:3: integer division"):
        compose(job, {**ROW, "id": "0"})


def test_a_text_that_is_no_number_is_not_taken_for_0(tmp_path: Path) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": "{{ id | float }} {{ id | int(0) }}\n"})
    assert b"17.0 17\r\n" in compose(job).content
    assert b"0.0 0\r\n" in compose(job, {**ROW, "id": ""}).content
    with pytest.raises(TemplateError, match=r"letter\.txt\.j2:1: '1,5 €' is no number such as"):
        compose(job, {**ROW, "id": "1,5 €"})


def test_a_value_that_fails_for_a_row_names_its_key(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"subject": "{{ variables[id] }}"}, variables={"17": "seventeen"})
    assert field(compose(job).content, "Subject") == "seventeen"
    with pytest.raises(
        TemplateError, match=r"job\.yaml:\d+:\d+: message\.subject: the mapping has no '18'"
    ):
        compose(job, {**ROW, "id": "18"})


def test_an_endless_template_is_stopped(tmp_path: Path) -> None:
    loops = "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxx{% endfor %}{% endfor %}"
    job = make_job(tmp_path, files={"letter.txt.j2": loops})
    with pytest.raises(TemplateError, match="takes more than 1000000 steps"):
        compose(job)


def test_a_long_line_of_html_is_encoded(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"html": "h"}, {"h": "<p>" + "word " * 500})
    message = compose(job)
    assert_wire_ready(message.content)
    page = parse(message).get_body(["html"])
    assert page is not None
    assert page.get_content().strip() == ("<p>" + "word " * 500).strip()


def test_half_a_surrogate_pair_makes_the_row_invalid(tmp_path: Path) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": "{{ '\\ud800' }}"})
    with pytest.raises(MessageError, match="surrogate"):
        compose(job)


def test_the_plain_fields_are_those_of_a_message_with_html(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"html": "h"}, {"h": "<p>Hi"})
    assert tuple(name for name, _ in raw_fields(compose(job).content)) == PLAIN_FIELDS
