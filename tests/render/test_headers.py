"""Header fields: what is written is what two other parsers read."""

from __future__ import annotations

import binascii
import email
import email.policy
import re
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.render.addresses import Group, Mailbox
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import (
    address_field,
    date_field,
    fold_field,
    parameter,
    structured_field,
    text_field,
)

CONTROLS = "".join(map(chr, (*range(32), *range(127, 160), 0x2028, 0x2029)))
#: Any text that a header may hold.
TEXT = st.text(st.characters(exclude_characters=CONTROLS, exclude_categories=["Cs"]), max_size=200)
#: Text that is likely to be in a header's way.
HOSTILE = st.lists(
    st.sampled_from(
        ["=?utf-8?q?=0A?=", "=?", "?=", "a", " ", "  ", "é", "日本語", '"', "\\", ",", "<", ">",
         ":", ";", "(", ")", "@", "=", "_", "x" * 80, "word " * 20, "😀", "\u202e", "\u00a0", "́"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


def parsed(field: bytes, name: str) -> tuple[str, str]:
    """Read one field with both policies."""
    content = field + b"\r\n"
    new = email.message_from_bytes(content, policy=email.policy.default)[name]
    old = email.message_from_bytes(content, policy=email.policy.compat32)[name]
    return str(new), str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", old))))


def lines(field: bytes) -> list[bytes]:
    assert field.endswith(b"\r\n")
    return field[:-2].split(b"\r\n")


@settings(deadline=None, max_examples=300)
@given(st.one_of(TEXT, HOSTILE))
def test_unstructured_text_is_read_as_it_was_written(text: str) -> None:
    field = text_field("Subject", text)
    assert field.isascii()
    assert all(len(line) <= 998 for line in lines(field))
    assert all(line[:1] == b" " and line.strip() for line in lines(field)[1:])
    new, old = parsed(field, "Subject")
    assert new == text
    assert old == text


@settings(deadline=None, max_examples=300)
@given(st.one_of(TEXT, HOSTILE))
def test_an_encoded_word_has_at_most_75_characters_and_its_line_76(text: str) -> None:
    for line in lines(text_field("Subject", text)):
        for word in re.findall(rb"=\?utf-8\?[bq]\?[^?]*\?=", line):
            assert len(word) <= 75
            assert len(line) <= 76


@settings(deadline=None, max_examples=200)
@given(st.one_of(TEXT, HOSTILE), st.sampled_from(["a@example.com", "x.y+z@mail.example.org"]))
def test_a_display_name_and_its_address_are_read_as_they_were_written(
    name: str, address: str
) -> None:
    name = name.strip()
    field = address_field("To", (Mailbox(name, address), Mailbox("", "b@example.com")))
    message = email.message_from_bytes(field + b"\r\n", policy=email.policy.default)
    first, second = message["To"].addresses
    assert (first.addr_spec, second.addr_spec) == (address, "b@example.com")
    assert second.display_name == ""
    if field.count(b"=?") < 2:  # the newer parser puts a space between the words of a name
        assert first.display_name.split() == name.split()  # and it makes two spaces one
    assert _older_name(field) == name
    assert all(len(line) <= 998 for line in lines(field))


def _older_name(field: bytes) -> str:
    """Read the first display name by hand, with nothing but the older decoder of encoded-words."""
    text = field.replace(b"\r\n", b"").decode().removeprefix("To: ")
    phrase = text[: text.index(" <")] if " <" in text.partition(",")[0] or '"' in text else ""
    if phrase.startswith('"'):
        end = re.match(r'"((?:[^"\\]|\\.)*)"', text)
        assert end is not None
        return re.sub(r"\\(.)", r"\1", end[1])
    return str(make_header(decode_header(phrase)))


#: Scripts of one, two, three and four bytes a character, mixed as people mix them.
SCRIPTS = st.lists(
    st.sampled_from(
        ["2026年11月号: ", "庭だよりと冬支度", "Tháng Mười Một, số đặc biệt ", "Анна Сергеевна ",
         "Константинова", "Γιώργος ", "Παπαδόπουλος", "שלום ", "عربي", "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈",
         "e\u0301", "ก็", "हिन्दी", "é", "a", "ab", " ", "7"]
    ),
    max_size=40,
).map("".join)  # fmt: skip
_WORD = re.compile(rb"=\?utf-8\?([bq])\?([^?]*)\?=")


@settings(deadline=None, max_examples=400)
@given(st.one_of(SCRIPTS, TEXT), st.integers(1, 60))
def test_only_the_last_encoded_word_is_padded_and_each_holds_whole_characters(
    text: str, letters: int
) -> None:
    for field in (
        text_field("X" * letters, text),
        address_field("X" * letters, (Mailbox(text, "a@example.com"),)),
        address_field("X" * letters, (Group(text, ()), Group("", ()))),
    ):
        words = _WORD.findall(field)
        for encoding, data in words:
            assert len(data) + len("=?utf-8?b??=") <= 75
            (binascii.a2b_base64 if encoding == b"b" else binascii.a2b_qp)(data).decode()
        assert not any(encoding == b"b" and b"=" in data for encoding, data in words[:-1])
        assert all(len(line) <= 76 for line in lines(field) if b"=?" in line)
    text = text.strip(" ")
    assert parsed(text_field("Subject", text), "Subject")[1] == text


def test_encoded_words_that_were_cut_by_a_reader_have_no_padding_inside() -> None:
    field = text_field("Subject", "2026年11月号: 庭だよりと冬支度、ご家族の皆さまへのお知らせ")
    assert b"=?=\r\n" not in field
    # A letter before characters of 3 bytes each: no word of base64 could begin with that letter.
    field = text_field("Subject", "A" + "庭" * 30)
    assert [(how, len(data)) for how, data in _WORD.findall(field)] == [
        (b"q", 1),
        (b"b", 60),
        (b"b", 60),
    ]


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_character_is_refused_everywhere(control: str) -> None:
    text = f"a{control}b"
    with pytest.raises(FieldError, match=f"U\\+{ord(control):04X}"):
        text_field("Subject", text)
    with pytest.raises(FieldError, match="control character"):
        structured_field("X-IB-Bulk-Id", text)
    with pytest.raises(FieldError, match="control character"):
        address_field("To", (Mailbox(text, "a@example.com"),))


def test_an_encoded_word_in_the_text_is_shown_as_it_is() -> None:
    field = text_field("Subject", "A =?UTF-8?Q?=0A?=Bcc: x@example.com")
    assert b"=0A" not in field
    assert parsed(field, "Subject")[0] == "A =?UTF-8?Q?=0A?=Bcc: x@example.com"


def test_plain_text_stays_plain() -> None:
    assert text_field("Subject", "Hello, world!") == b"Subject: Hello, world!\r\n"


def test_long_plain_text_is_folded_at_its_spaces_and_nothing_is_lost() -> None:
    text = "word  and " * 30 + "end"
    field = text_field("Subject", text)
    assert all(len(line) <= 78 for line in lines(field))
    assert field.replace(b"\r\n", b"") == f"Subject: {text}".encode()


def test_a_long_word_in_plain_text_stays_whole() -> None:
    url = "https://example.com/" + "a" * 300
    assert f" {url}".encode() in lines(text_field("Subject", f"see {url} now"))


def test_a_word_longer_than_any_line_becomes_encoded_words() -> None:
    text = "a" * 2000
    assert max(map(len, lines(text_field("Subject", text)))) <= 76
    assert parsed(text_field("Subject", text), "Subject")[0] == text


def test_the_shorter_encoding_is_taken() -> None:
    assert text_field("Subject", "Grüße an alle Leserinnen") == (
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_an_alle_Leserinnen?=\r\n"
    )
    assert text_field("Subject", "日本語") == b"Subject: =?utf-8?b?5pel5pys6Kqe?=\r\n"


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(FieldError, match="surrogate"):
        text_field("Subject", "\ud800")
    with pytest.raises(FieldError, match="surrogate"):
        address_field("To", (Mailbox("\ud800", "a@example.com"),))


def test_a_header_name_of_64_letters_leaves_room_for_encoded_words() -> None:
    name = "X-" + "a" * 62
    field = text_field(name, "ü" * 100)
    assert parsed(field, name)[0].strip() == "ü" * 100
    assert max(map(len, lines(field))) <= 76


def test_an_address_does_not_make_a_line_with_an_encoded_word_too_long() -> None:
    for letters in range(1, 60):  # RFC 2047 2: such a line has at most 76 characters
        field = address_field("To", [Mailbox("é" * 12, f"{'a' * letters}@example.org")] * 2)
        assert all(len(line) <= 76 for line in lines(field) if b"=?" in line)


@pytest.mark.parametrize("text", ["a\r\nBcc: x@example.net", "a\u2028", "ä"])
def test_no_part_of_a_structured_value_is_written_unchecked(text: str) -> None:
    with pytest.raises(FieldError):
        fold_field("List-Id", ["Example", f" <{text}>"])


def test_a_structured_value_is_never_encoded_and_never_broken() -> None:
    url = "https://example.com/" + "x" * 500
    assert structured_field("X-IB-Notify-Url", url) == f"X-IB-Notify-Url: {url}\r\n".encode()
    with pytest.raises(FieldError, match="ASCII"):
        structured_field("X-IB-Notify-Url", "https://example.com/ü")
    with pytest.raises(FieldError, match="998"):
        structured_field("X-IB-Notify-Url", "x" * 999)


def test_a_structured_value_may_just_fill_a_line() -> None:
    name = "X-Token"
    assert structured_field(name, "x" * (998 - len(name) - 2))
    with pytest.raises(FieldError, match="998"):
        fold_field(name, ["x" * (998 - len(name) - 1)])


def test_groups_are_written_with_and_without_members() -> None:
    assert address_field("To", (Group("Subscribers", ()),)) == b"To: Subscribers:;\r\n"
    two = Group("A, B", (Mailbox("", "a@example.com"), Mailbox("B", "b@example.com")))
    assert address_field("Cc", (two,)) == b'Cc: "A, B": a@example.com, "B" <b@example.com>;\r\n'


@pytest.mark.parametrize("words", [3, 9, 40])
def test_a_name_is_folded_before_and_behind_its_quotation_marks_and_never_inside(
    words: int,
) -> None:
    name = " ".join(["Verein"] * words) + ", Ort"
    field = address_field("To", (Mailbox("B", "b@example.com"), Mailbox(name, "a@example.com")))
    (line,) = [line for line in lines(field) if b"Ort" in line]
    assert f'"{name}"'.encode() in line
    assert (
        field.replace(b"\r\n", b"") == f'To: "B" <b@example.com>, "{name}" <a@example.com>'.encode()
    )


def test_a_name_that_no_line_should_hold_becomes_encoded_words() -> None:
    name = "Verein " * 100 + "Ort"
    field = address_field("To", (Mailbox(name, "a@example.com"),))
    assert max(map(len, lines(field))) <= 76
    assert _older_name(field) == name


def test_the_first_line_of_a_group_is_not_empty() -> None:
    field = address_field("To", (Group("Библиотека имени Константина Преображенского", ()),))
    first, *others = lines(field)
    assert first.startswith(b"To: =?utf-8?b?")
    assert others
    assert others[-1].endswith(b"?=:;")


def test_many_addresses_are_folded_between_them() -> None:
    boxes = tuple(Mailbox("", f"reader{number}@example.com") for number in range(1000))
    field = address_field("To", boxes)
    assert max(map(len, lines(field))) <= 78
    message = email.message_from_bytes(field + b"\r\n", policy=email.policy.default)
    assert [found.addr_spec for found in message["To"].addresses] == [b.address for b in boxes]


def test_a_local_part_that_looks_encoded_is_quoted() -> None:
    field = address_field("To", (Mailbox("", "=?utf-8?q?x?=@example.com"),))
    assert field == b'To: "=?utf-8?q?x?="@example.com\r\n'


def test_an_address_beyond_ascii_stays_as_it_is() -> None:
    field = address_field("To", (Mailbox("Jörg", "jörg@example.com"),))
    assert "<jörg@example.com>".encode() in field


def test_the_date_is_in_utc() -> None:
    assert date_field(1_795_426_200) == b"Date: Mon, 23 Nov 2026 09:30:00 +0000\r\n"
    assert date_field(0) == b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"


@settings(deadline=None, max_examples=300)
@given(st.one_of(TEXT, HOSTILE).filter(lambda name: 0 < len(name.encode()) <= 255))
def test_a_parameter_is_read_as_it_was_written(name: str) -> None:
    content = f"Content-Disposition: attachment; {parameter('filename', name)}\r\n\r\n".encode()
    assert content.isascii()
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message["Content-Disposition"].params["filename"] == name


def test_a_parameter_beyond_ascii_is_percent_encoded() -> None:
    assert parameter("filename", "a b?.pdf") == 'filename="a b?.pdf"'
    assert parameter("filename", "Müller?.pdf") == "filename*=utf-8''M%C3%BCller%3F.pdf"
    assert parameter("filename", 'a "b".pdf') == "filename*=utf-8''a%20%22b%22.pdf"
