"""The table of refused recipients."""

from __future__ import annotations

import pytest

from mailbatch.sandbox.addresses import AddressTable, is_mailbox


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ada@example.com", None),
        ("blocked@example.com", "550 5.7.1 Recipient <blocked@example.com> not allowed"),
        ("Blocked+tag@example.com", "550 5.7.1 Recipient <Blocked+tag@example.com> not allowed"),
        ("unblocked@example.com", None),
        ("listed@example.com", "550 5.7.1 Recipient <listed@example.com> not allowed"),
        ("a@b.invalid", "501 5.1.7 Bad recipient address <a@b.invalid>"),
        ("a@b.INVALID", "501 5.1.7 Bad recipient address <a@b.INVALID>"),
        ("wrong@example.com", "501 5.1.7 Bad recipient address <wrong@example.com>"),
        ("no-at-sign", "501 5.1.7 Bad recipient address <no-at-sign>"),
        ("", "501 5.1.7 Bad recipient address <>"),
    ],
)
def test_default_table_and_lists(address, expected):
    table = AddressTable(blocked=["Listed@Example.com"], bad=["wrong@example.com"])
    assert table.refusal(address) == expected


@pytest.mark.parametrize("name", ["greylisted", "deferred+7"])
def test_greylisted_is_refused_once(name):
    table = AddressTable()
    first = table.refusal(f"{name}@example.com")
    assert first == f"451 4.7.1 Recipient <{name}@example.com> greylisted, try again later"
    assert table.refusal(f"{name.upper()}@example.com") is None
    assert table.refusal(f"{name}@example.org") is not None


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "first.last+tag@sub.example.com",
        '"two words"@example.com',
        r'"a\"b"@example.com',
        "x@[192.0.2.1]",
        "x@xn--bcher-kva.example",
        "l" * 64 + "@example.com",
    ],
)
def test_mailboxes(address):
    assert is_mailbox(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@example.com",
        "a@",
        "a..b@example.com",
        ".a@example.com",
        "a b@example.com",
        "a@b..c",
        "a@-b.example",
        "a@b.example\n",
        "jürgen@example.com",
        "l" * 65 + "@example.com",
        "a@" + "d" * 253,
    ],
)
def test_what_is_no_mailbox(address):
    assert not is_mailbox(address)


def test_a_message_is_left_unanswered_once_for_each_address():
    """In any company and spelling; no recipient is refused."""
    table = AddressTable()
    assert table.refusal("unanswered+1@example.com") is None
    assert not table.leaves_unanswered(["ada@example.com", "answered@example.com"])
    assert table.leaves_unanswered(["ada@example.com", "Unanswered+1@example.com"])
    assert not table.leaves_unanswered(["unanswered+1@Example.com"])
    assert table.leaves_unanswered(["unanswered+1@example.com", "unanswered+2@example.com"])
