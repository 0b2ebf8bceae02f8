"""Transfer encodings: decoding gives the text back, and nothing on the way harms SMTP."""

from __future__ import annotations

import base64
import quopri
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.render.encodings import base64_size, encode_base64, encode_text
from mailbatch.render.mime import boundary

MARK = boundary("m1@example.com")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
LINES = st.lists(
    st.sampled_from(
        ["a", "é", "日本語", " ", "\t", "\n", "\r", "\r\n", ".", "..", "=", "x" * 100, "x" * 1000,
         "From ", "\0", "\x0b", "\x0c", "\x85", "\u2028", MARK.decode(), "--", "😀"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


def decoded(encoding: str, data: bytes) -> str:
    if encoding == "quoted-printable":
        data = quopri.decodestring(data)
    elif encoding == "base64":
        data = base64.b64decode(data, validate=False)
    return data.decode()


def as_crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@settings(deadline=None, max_examples=400)
@given(st.one_of(TEXT, LINES), st.booleans())
def test_decoding_gives_the_text_back(text: str, eight_bit: bool) -> None:
    encoding, data = encode_text(text, eight_bit=eight_bit, marker=MARK)
    assert decoded(encoding, data) == as_crlf(text)


@settings(deadline=None, max_examples=400)
@given(st.one_of(TEXT, LINES), st.booleans())
def test_what_is_encoded_is_fit_for_the_wire(text: str, eight_bit: bool) -> None:
    encoding, data = encode_text(text, eight_bit=eight_bit, marker=MARK)
    rest = data.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert b"\0" not in data
    assert MARK not in data
    longest = max(map(len, data.split(b"\r\n")))
    assert longest <= (998 if encoding.endswith("bit") else 76)
    assert data.isascii() or (eight_bit and encoding == "8bit")
    assert not any(line.startswith(b"From ") for line in data.split(b"\r\n"))


@settings(deadline=None, max_examples=200)
@given(st.one_of(TEXT, LINES))
def test_the_shorter_of_the_two_encodings_is_taken(text: str) -> None:
    encoding, data = encode_text(text, eight_bit=False, marker=MARK)
    source = as_crlf(text).encode()
    if encoding == "base64":
        quoted = quopri.encodestring(source.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        hidden = 5 * len(re.findall(rb"^From ", quoted, re.MULTILINE))  # "=46", and a line end
        assert len(data) <= len(quoted) + hidden
    elif encoding == "quoted-printable":
        assert len(data) <= base64_size(len(source))


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("plain", False, "7bit"),
        ("plain", True, "7bit"),
        ("Grüße", True, "8bit"),
        ("Grüße an alle Leserinnen und Leser", False, "quoted-printable"),
        ("日本語", False, "base64"),
        ("a" * 998, False, "7bit"),
        ("a" * 998 + "\n" + "b" * 998, False, "7bit"),
        ("a" * 999, False, "quoted-printable"),
        ("short\n" + "a" * 999 + "\nshort", False, "quoted-printable"),
        ("ü" * 499, True, "8bit"),
        ("ü" * 500, True, "base64"),
        ("nul \0 here", True, "quoted-printable"),
        (f"--{MARK.decode()}-a--", True, "quoted-printable"),
        ("", True, "7bit"),
        ("From Monday on", True, "quoted-printable"),
        ("Hello,\nFrom Monday on", True, "quoted-printable"),
        ("Hello,\rFrom Monday on", False, "quoted-printable"),
        ("<p>\nFrom Müller", True, "quoted-printable"),
        (" From\n>From \nFrom: me\nfrom here", True, "7bit"),
    ],
)
def test_the_encoding_that_fits(text: str, eight_bit: bool, encoding: str) -> None:
    assert encode_text(text, eight_bit=eight_bit, marker=MARK)[0] == encoding


@pytest.mark.parametrize("before", ["", "é", "x" * 74 + "é", "x" * 69 + "é"])
@pytest.mark.parametrize("behind", ["Monday", "é" * 30, "x" * 67 + "é" * 3, "x" * 68 + " é", ""])
def test_no_line_begins_as_a_message_does_in_an_mbox(before: str, behind: str) -> None:
    text = f"{before}\nFrom {behind}\nFrom {behind}"
    encoding, data = encode_text(text, eight_bit=False, marker=MARK)
    assert encoding == ("base64" if "é" * 30 in text else "quoted-printable")
    assert not re.search(rb"^From ", data, re.MULTILINE)
    assert max(map(len, data.split(b"\r\n"))) <= 76
    assert decoded(encoding, data) == as_crlf(text)


def test_a_soft_line_break_makes_no_such_line() -> None:
    text = "é" + "x" * 69 + "From here on, and more of it"
    _, data = encode_text(text, eight_bit=False, marker=MARK)
    assert b"\r\n=46rom here" in data
    assert decoded("quoted-printable", data) == text


def test_trailing_spaces_survive_quoted_printable() -> None:
    _, data = encode_text("ü \nü\t\nend ", eight_bit=False, marker=MARK)
    assert all(line[-1:] not in {b" ", b"\t"} for line in data.split(b"\r\n"))


@pytest.mark.parametrize("length", range(66, 80))
@pytest.mark.parametrize("end", [" ", "\t", "= ", "é\t"])
def test_a_space_at_the_end_of_a_line_is_within_the_76_characters(length: int, end: str) -> None:
    text = f"é{'a' * length}{end}\n{'a' * length}{end}"
    encoding, data = encode_text(text, eight_bit=False, marker=MARK)
    assert encoding == "quoted-printable"
    assert max(map(len, data.split(b"\r\n"))) <= 76
    assert decoded(encoding, data) == as_crlf(text)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_text("\ud800", eight_bit=True, marker=MARK)


@given(st.binary(max_size=300))
def test_base64_is_exact_and_its_size_known(data: bytes) -> None:
    encoded = encode_base64(data)
    assert base64.b64decode(encoded) == data
    assert len(encoded) == base64_size(len(data))
    assert max(map(len, encoded.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("lines", [0, 1, 63, 64, 65, 128, 129])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_base64_is_that_of_the_standard_library(lines: int, more: int) -> None:
    """Whole blocks of lines, and what is left of one."""
    data = bytes(range(256)) * 29
    data = data[: max(0, 57 * lines + more)]
    expected = base64.encodebytes(data).rstrip(b"\n").replace(b"\n", b"\r\n")
    assert encode_base64(data) == expected


def test_boundaries_differ_by_message_and_are_the_same_for_one() -> None:
    assert boundary("m1@example.com") == MARK
    assert boundary("m2@example.com") != MARK
    assert len(MARK) + len("-m") <= 70  # RFC 2046 5.1.1
