"""Addresses of the job: what is read, what is refused, and never two where a reader sees one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.render.addresses import (
    Group,
    Inserted,
    Mailbox,
    parse_addresses,
    parse_mailbox,
    parse_mailboxes,
    shown_addresses,
    wire_address,
)
from mailbatch.render.field_text import FieldError


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", ()),
        (" , ", ()),
        ("a@example.com", (Mailbox("", "a@example.com"),)),
        ("<a@example.com>", (Mailbox("", "a@example.com"),)),
        ("News <a@example.com>", (Mailbox("News", "a@example.com"),)),
        ("John Q. Public <j@example.com>", (Mailbox("John Q. Public", "j@example.com"),)),
        ('"Doe, John" <j@example.com>', (Mailbox("Doe, John", "j@example.com"),)),
        (r'"A \"B\" \\ C" <a@example.com>', (Mailbox('A "B" \\ C', "a@example.com"),)),
        ('"a b"@example.com', (Mailbox("", '"a b"@example.com'),)),
        ('"x@evil y"@example.com', (Mailbox("", '"x@evil y"@example.com'),)),
        ("Jörg <j@grün.example>", (Mailbox("Jörg", "j@xn--grn-ioa.example"),)),
        ("a@example.com, b@example.org",
         (Mailbox("", "a@example.com"), Mailbox("", "b@example.org"))),
        ("a@example.com,, ", (Mailbox("", "a@example.com"),)),
        ("Subscribers: ;", (Group("Subscribers", ()),)),
        ("G: a@example.com, B <b@example.com>;",
         (Group("G", (Mailbox("", "a@example.com"), Mailbox("B", "b@example.com"))),)),
        ("G:; , a@example.com", (Group("G", ()), Mailbox("", "a@example.com"))),
        ("=?utf-8?q?=0A?= <a@example.com>", (Mailbox("=?utf-8?q?=0A?=", "a@example.com"),)),
        ("a@localhost", (Mailbox("", "a@localhost"),)),
    ],
)  # fmt: skip
def test_what_is_read(text: str, entries: tuple[Mailbox | Group, ...]) -> None:
    assert parse_addresses(text) == entries


@pytest.mark.parametrize(
    "text",
    [
        "a", "a@", "@b", "a@b@c", "a b@example.com", "a@exa mple.com", "a@-example.com",
        "a@example-.com", "a@example..com", ".a@example.com", "a.@example.com", "a..b@example.com",
        "a@[192.0.2.1]", "a" * 65 + "@example.com", "a@" + "b" * 64 + ".com", "a@example.com.",
        "Doe, John <j@example.com>", "a <b@example.com> c", "<a@example.com> <b@example.com>",
        "a (comment) <b@example.com>", "<@route:a@example.com>", '"open', "<a@example.com",
        "a@example.com>", "a@example.com> SIZE=1", "G: a@example.com", "G: H: ;;",
        "; a@example.com",
        ": a@example.com", "a@example.com: ;", 'x "a b"@example.com', "a@example.com\nBcc: x@y.z",
        "a@example.com\0", "a\u2028b <a@example.com>", "a@exa\u560ample.com\u0085", "jörg@", "ü@@ü",
        "a@ex\u200dample.com",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parse_addresses(text)


@settings(deadline=None, max_examples=400)
@given(st.text(st.sampled_from('ab@.,<>"\\:; ()\r\n\0=?é['), max_size=20))
def test_whatever_is_read_has_plain_addresses(text: str) -> None:
    try:
        entries = parse_addresses(text)
    except FieldError:
        return
    for entry in entries:
        for mailbox in (entry,) if isinstance(entry, Mailbox) else entry.members:
            assert wire_address(mailbox.address) == mailbox.address
            local, _, domain = mailbox.address.rpartition("@")
            assert domain.isascii()
            assert local.startswith('"') or not set(local) & set(' ,<>:;()"[]\\@')


@pytest.mark.parametrize("text", ["", "a@example.com, b@example.com", "G: ;", "G: a@example.com;"])
def test_one_mailbox_is_exactly_one(text: str) -> None:
    with pytest.raises(FieldError):
        parse_mailbox(text)


def test_a_group_is_no_mailbox() -> None:
    with pytest.raises(FieldError, match="group"):
        parse_mailboxes("G: ;")


def test_an_address_beyond_ascii_keeps_its_local_part_and_gets_a_labels() -> None:
    assert wire_address("jörg@grün.example") == "jörg@xn--grn-ioa.example"
    with pytest.raises(FieldError, match="not an address"):
        wire_address("jörg@grün@example.com")


def test_addresses_are_shown_as_people_read_them() -> None:
    entries = (Mailbox("Ada", "a@example.com"), Group("G", (Mailbox("", "b@example.com"),)))
    assert shown_addresses(entries) == "Ada <a@example.com>, G: b@example.com;"


@pytest.mark.parametrize(
    ("text", "values", "entries"),
    [
        ("{} <b@example.com>", ("ann@corp.example",),
         (Mailbox("ann@corp.example", "b@example.com"),)),
        ("Ann {} <b@example.com>", ("@home",), (Mailbox("Ann @home", "b@example.com"),)),
        ("{}", ("ann@corp.example",), (Mailbox("", "ann@corp.example"),)),
        ("a@example.com, {} ,", ("b@example.com, C <c@example.com>",),
         (Mailbox("", "a@example.com"), Mailbox("", "b@example.com"),
          Mailbox("C", "c@example.com"))),
        ("<{}>", ("ann@corp.example",), (Mailbox("", "ann@corp.example"),)),
        ("Ann <{}>", ("ann@corp.example",), (Mailbox("Ann", "ann@corp.example"),)),
        ("{} <{}>", ("a@b", "ann@corp.example"), (Mailbox("a@b", "ann@corp.example"),)),
        ("{}@{}", ("ann", "corp.example"), (Mailbox("", "ann@corp.example"),)),
        ("{}{}", ("ann", "@corp.example"), (Mailbox("", "ann@corp.example"),)),
        ("{}: a@example.com;", ("x@y",), (Group("x@y", (Mailbox("", "a@example.com"),)),)),
    ],
)  # fmt: skip
def test_a_value_is_text_where_it_stands(text: str, values: tuple[str, ...], entries) -> None:
    inserted = Inserted()
    assert parse_addresses(text.format(*map(inserted.keep, values)), inserted) == entries


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{}@example.com", ("a@evil.example",)),
        ("a@{}", ("b@evil.example",)),
        ("<{}@example.com>", ("a@evil.example",)),
        ("Ann {}", ("ann@corp.example",)),
        ("{} {}", ("a@example.com", "b@example.com")),
        ("a@example.com {}", ("<b@example.com>",)),
    ],
)
def test_a_value_makes_no_address_of_a_part(text: str, values: tuple[str, ...]) -> None:
    inserted = Inserted()
    with pytest.raises(FieldError):
        parse_addresses(text.format(*map(inserted.keep, values)), inserted)


def test_addresses_are_divided_by_commas() -> None:
    with pytest.raises(FieldError, match="group: write commas between addresses"):
        parse_addresses("a@example.com; b@example.com")
