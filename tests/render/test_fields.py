"""Custom fields, mailing-list fields and URIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import MessageError
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import phrases_field
from mailbatch.render.uris import mail_address, web_address

from .making import (
    ROW,
    compose,
    field,
    make_composer,
    make_delivery,
    make_job,
    parse,
    raw_fields,
    static_errors,
)


def test_custom_fields_keep_their_order_and_stand_before_the_structure(tmp_path: Path) -> None:
    job = make_job(
        tmp_path, {"headers": {"X-B": "{{ id }}", "X-A": "1", "Auto-Submitted": "auto-generated"}}
    )
    names = [name for name, _ in raw_fields(compose(job).content)]
    assert names[5:9] == ["X-B", "X-A", "Auto-Submitted", "MIME-Version"]


def test_a_custom_field_is_text_and_a_known_structured_one_is_not(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"headers": {"X-Town": "{{ id }}"}})
    assert parse(compose(job, {**ROW, "id": "Zürich"}))["X-Town"] == "Zürich"
    job = make_job(tmp_path, {"headers": {"Feedback-ID": "{{ id }}"}})
    with pytest.raises(MessageError, match=r"message\.headers\.Feedback-ID: must be ASCII"):
        compose(job, {**ROW, "id": "Zürich"})


@pytest.mark.parametrize("name", ["Sender", "Errors-To", "Disposition-Notification-To"])
def test_a_custom_field_of_addresses_encodes_display_names_only(tmp_path: Path, name: str) -> None:
    job = make_job(tmp_path, {"headers": {name: "{{ id }}"}})
    content = compose(job, {**ROW, "id": "Zoë <zoe@example.com>"}).content
    assert field(content, name) == "=?utf-8?q?Zo=C3=AB?= <zoe@example.com>"
    assert name not in parse(compose(job, {**ROW, "id": " , "}))
    with pytest.raises(MessageError, match=f"message.headers.{name}: 'nobody' is not an address"):
        compose(job, {**ROW, "id": "nobody"})


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\u00e9, \u00fc", "=?utf-8?b?w6k=?=, =?utf-8?b?w7w=?="),
        ("news, caf\u00e9,, spring offers ,", "news, =?utf-8?b?Y2Fmw6k=?=, spring offers"),
        ('"Doe, Jane", C++; a.b', '"Doe, Jane", "C++; a.b"'),
        ('"M\u00fcller, \\"Jo\\"", a', "=?utf-8?b?TcO8bGxlciwgIkpvIg==?=, a"),
        ('never "closed, \u00e9', "=?utf-8?b?bmV2ZXIgImNsb3NlZCwgw6k=?="),
        ("=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?="),
        ("one two " * 12 + ", b", ("one two " * 12).strip() + ", b"),
    ],
)
def test_keywords_are_phrases_each_encoded_alone(tmp_path: Path, text: str, written: str) -> None:
    """RFC 5322 3.6.5; an encoded-word stands for one phrase, or a part of one (RFC 2047 5)."""
    job = make_job(tmp_path, {"headers": {"Keywords": "{{ id }}", "Comments": "{{ id }}"}})
    content = compose(job, {**ROW, "id": text}).content
    assert field(content, "Keywords") == written
    assert parse(compose(job, {**ROW, "id": text}))["Comments"] == text.strip()
    assert all(len(line) <= 78 for line in content.split(b"\r\n"))


@pytest.mark.parametrize("name", ["In-Reply-To", "References"])
def test_message_ids_stand_in_angle_brackets(tmp_path: Path, name: str) -> None:
    """RFC 5322 3.6.4: a mail program finds no thread by an id without them."""
    job = make_job(tmp_path, {"headers": {name: "{{ id }}"}})
    for right in ("<1@example.com>", "<1@example.com> <a.b@[192.0.2.1]>"):
        assert field(compose(job, {**ROW, "id": right}).content, name) == right
    assert name not in parse(compose(job, {**ROW, "id": ""}))
    for wrong in ("1@example.com", "<1>", "not an id", "<1@example.com>, <2@example.com>"):
        with pytest.raises(MessageError, match="must be message ids in angle brackets"):
            compose(job, {**ROW, "id": wrong})


def test_keywords_that_name_nothing_are_left_out(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"headers": {"Keywords": "{{ id }}"}})
    assert "Keywords" not in parse(compose(job, {**ROW, "id": " , ,"}))


def test_quotes_in_keywords_take_no_time() -> None:
    assert phrases_field("Keywords", '"\\"' * 200_000 + ",a").startswith(b"Keywords: =?utf-8?")


def test_a_custom_field_that_is_empty_is_left_out(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"headers": {"X-Vip": "{% if id == '1' %}yes{% endif %}"}})
    assert field(compose(job, {**ROW, "id": "1"}).content, "X-Vip") == "yes"
    assert "X-Vip" not in parse(compose(job))


@pytest.mark.parametrize("name", ["X_A", "X A", "X:A", "X-\u00e4", "X\r\nBcc", "", "x" * 65])
def test_a_header_has_a_plain_name(tmp_path: Path, name: str) -> None:
    job = make_job(tmp_path)
    message = job.message.model_copy(update={"headers": {name: "1"}})
    (error,) = static_errors(job.model_copy(update={"message": message}))
    assert "is no header name" in error


def test_one_click_writes_both_fields(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {
            "list_id": "Example News <news.example.com>",
            "unsubscribe": {
                "url": "https://example.com/u/{{ id }}",
                "mailto": "leave@example.com?subject=leave {{ id }}",
                "one_click": True,
            },
        },
    )
    content = compose(job).content
    assert field(content, "List-Id") == '"Example News" <news.example.com>'
    assert field(content, "List-Unsubscribe") == (
        "<https://example.com/u/17>, <mailto:leave@example.com?subject=leave%2017>"
    )
    assert field(content, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"


def test_a_long_unsubscribe_url_is_neither_folded_nor_encoded(tmp_path: Path) -> None:
    url = "https://example.com/u/" + "t" * 400
    job = make_job(tmp_path, {"unsubscribe": {"url": url, "mailto": "leave@example.com"}})
    content = compose(job).content
    assert f"List-Unsubscribe: <{url}>,\r\n <mailto:leave@example.com>\r\n".encode() in content


@pytest.mark.parametrize(
    ("list_id", "written"),
    [
        ("{{ id }}.example.com", "<17.example.com>"),
        ("<{{ id }}.example.com>", "<17.example.com>"),
        ("Zoë {{ id }} <{{ id }}.example.com>", "=?utf-8?q?Zo=C3=AB_17?= <17.example.com>"),
        ('"News, {{ id }}" <news.example.com>', '"News, 17" <news.example.com>'),
    ],
)
def test_a_list_id_is_an_identifier_maybe_behind_a_phrase(
    tmp_path: Path, list_id: str, written: str
) -> None:
    job = make_job(tmp_path, {"list_id": list_id})
    assert field(compose(job).content, "List-Id") == written


@pytest.mark.parametrize("list_id", ["{{ id }}.example.com", "News <{{ id }}.example.com>"])
@pytest.mark.parametrize("cell", ["x\r\nBcc: a@example.net", "a b", "", "ä", "x>", "=?utf-8?q?x?="])
def test_a_list_id_that_is_none_makes_the_row_invalid(
    tmp_path: Path, list_id: str, cell: str
) -> None:
    job = make_job(tmp_path, {"list_id": list_id})
    with pytest.raises(MessageError, match=r"message\.list_id: .* is no list identifier"):
        compose(job, {**ROW, "id": cell})


@pytest.mark.parametrize(
    ("unsubscribe", "cell", "message"),
    [
        ({"url": "{{ id }}"}, "ftp://x", "is no absolute http or https URL"),
        ({"url": "{{ id }}", "one_click": True}, "http://example.com/", "begins with https://"),
        ({"mailto": "{{ id }}"}, "nobody", "is not an address"),
        ({"url": "https://example.com/{{ id }}"}, "a\nb", "control character"),
    ],
)
def test_an_unsubscribe_that_is_none_makes_the_row_invalid(
    tmp_path: Path, unsubscribe: dict[str, object], cell: str, message: str
) -> None:
    job = make_job(tmp_path, {"unsubscribe": unsubscribe})
    with pytest.raises(MessageError, match=message) as caught:
        compose(job, {**ROW, "id": cell})
    assert "message.unsubscribe" in str(caught.value)


def test_a_url_cannot_end_its_brackets(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"unsubscribe": {"url": "https://example.com/{{ id }}"}})
    content = compose(job, {**ROW, "id": "a>, <https://evil.example/"}).content
    value = field(content, "List-Unsubscribe")
    assert value == "<https://example.com/a%3E,%20%3Chttps://evil.example/>"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.com", "https://example.com"),
        ("http://example.com:8080/a?b=c&d=%20#e", "http://example.com:8080/a?b=c&d=%20#e"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ('https://example.com/a b<c>"d"|e\\f^`{g}',
         "https://example.com/a%20b%3Cc%3E%22d%22%7Ce%5Cf%5E%60%7Bg%7D"),
        ("https://user:pass@example.com/", "https://user:pass@example.com/"),
        ("https://[2001:db8::1]:443/", "https://[2001:db8::1]:443/"),
    ],
)  # fmt: skip
def test_a_web_address_becomes_ascii(text: str, url: str) -> None:
    assert web_address(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "example.com", "//example.com", "https://", "https:///path", "javascript:alert(1)",
     "mailto:a@example.com", "https://exa mple.com/", "https://example.com:port/", "https://[::1",
     "https://a\tb.example/", "https://example.com/\u2028", "https://\ud800.example/", "HTTPX://a/"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        web_address(text)


def test_mail_addresses_become_uris() -> None:
    assert mail_address("leave@example.com") == "mailto:leave@example.com"
    assert mail_address("mailto:a%b@grün.example") == "mailto:a%25b@xn--grn-ioa.example"
    with pytest.raises(FieldError):
        mail_address("a@example.com, b@example.com")


def test_the_sender_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    sender = job.sender.model_copy(
        update={"from_": "Doe, John <j@x>", "reply_to": ("a@b", "nobody"), "envelope_from": "x y@z"}
    )
    errors = static_errors(job.model_copy(update={"sender": sender}))
    assert {error.partition(": ")[2].partition(":")[0] for error in errors} == {
        "sender.from",
        "sender.reply_to[1]",
        "sender.envelope_from",
    }


def test_domains_of_the_sender_become_a_labels(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        sender={
            "from": "Bücher <news@bücher.example>",
            "reply_to": ["a@example.com", "Ü <b@bücher.example>"],
            "envelope_from": "bounces@mail.bücher.example",
        },
    )
    message = compose(job)
    assert message.reverse_path == "bounces@mail.xn--bcher-kva.example"
    assert not message.needs_smtputf8
    parsed = parse(message)
    assert parsed["From"].addresses[0].addr_spec == "news@xn--bcher-kva.example"
    assert parsed["From"].addresses[0].display_name == "Bücher"
    assert [found.display_name for found in parsed["Reply-To"].addresses] == ["", "Ü"]


def test_the_reverse_path_is_the_from_address_unless_given(tmp_path: Path) -> None:
    assert compose(make_job(tmp_path)).reverse_path == "news@example.com"


def test_an_address_beyond_ascii_needs_smtputf8(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    message = compose(job, {**ROW, "email": "jörg@example.com"})
    assert message.needs_smtputf8
    assert message.eight_bit
    assert "To: jörg@example.com\r\n".encode() in message.content
    copied = compose(make_job(tmp_path, {"bcc": "jörg@example.com"}))
    assert copied.needs_smtputf8
    assert not copied.eight_bit


@pytest.mark.parametrize("subject", [" Hello {{ first_name }} ", "Hello {{ first_name }}{{ ' ' }}"])
def test_blanks_around_a_value_are_no_part_of_it(tmp_path: Path, subject: str) -> None:
    job = make_job(
        tmp_path,
        {"subject": subject,
         "headers": {"X-Note": "  {{ id }} ", "X-Same": " same ", "X-No": " {{ '' }} "},
         "list_id": ' " Example  News " <news.example.com>'},
        callbacks={"bulk_id": " {{ id }} "},
        recipients={"file": "recipients.csv", "display_name": " {{ first_name }} "},
    )  # fmt: skip
    content = compose(job, {**ROW, "first_name": " Ada  L. "}).content
    assert field(content, "Subject") == "Hello  Ada  L."
    assert field(content, "X-Note") == "17"
    assert field(content, "X-Same") == "same"
    assert field(content, "X-IB-Bulk-Id") == "17"
    assert field(content, "To") == '"Ada  L." <ada@example.org>'
    assert field(content, "List-Id") == '"Example  News" <news.example.com>'
    assert "X-No" not in dict(raw_fields(content))


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ({"list_id": "news.example.com"}, ["bulk"]),
        ({"unsubscribe": {"mailto": "leave@example.com"}}, ["bulk"]),
        ({"list_id": "a.example.com", "headers": {"precedence": "list"}}, ["list"]),
        ({"list_id": "a.example.com", "headers": {"Precedence": "{{ '' }}"}}, []),
        ({"headers": {"X-Note": "bulk"}}, []),
        ({}, []),
    ],
)
def test_a_letter_of_a_list_has_a_precedence_unless_the_job_has_another(
    tmp_path: Path, message: dict[str, object], written: list[str]
) -> None:
    composer = make_composer(make_job(tmp_path, message))
    rendered = composer.render(make_delivery(ROW))
    found = [value for name, value in raw_fields(rendered.head) if name.lower() == "precedence"]
    assert found == written
    shown = composer.content(rendered).headers
    assert [value for name, value in shown if name.lower() == "precedence"] == written
