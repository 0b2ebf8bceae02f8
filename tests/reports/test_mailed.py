"""The deliveries of an edition by the names that reports call them; a shared name finds nobody."""

from typing import NamedTuple

import pytest

from mailbatch.reports.joining import MailedDelivery
from mailbatch.reports.mailed import MailedEdition

A, B, C = (f"{letter * 16}0123@example.com" for letter in "abc")


class Row(NamedTuple):
    email: str
    message_id: str | None
    header_message_id: str | None


ROWS = [
    Row("Ada@example.org", "s1", A),
    Row("bob@example.org", "s2", B),
    Row("cy@example.org", "s2", C),
    Row("dee@example.org", "s2", C),
    Row("cy@example.org", "s2", C),
    Row("eve@example.org", None, None),
]


@pytest.fixture
def edition():
    with MailedEdition(ROWS, bulk_id="notice", has_copies=True) as made:
        yield made


ADA = MailedDelivery(1, frozenset({"ada@example.org"}), has_copies=True)
CY_AND_DEE = MailedDelivery(3, frozenset({"cy@example.org", "dee@example.org"}), has_copies=True)


def test_a_delivery_is_found_by_each_of_its_names(edition):
    assert edition.by_token("a" * 16) == ADA
    assert edition.by_message_id("s1") == ADA
    assert edition.by_header_message_id(C) == CY_AND_DEE
    assert edition.by_bulk_id("notice", "dee@example.org") == [CY_AND_DEE]
    assert edition.names_of(1, "ada@example.org") == ("Ada@example.org", A)
    assert edition.names_of(3, "dee@example.org") == ("dee@example.org", C)


@pytest.mark.parametrize("token", ["", "a", "A" * 16, "d" * 16, "%", "_" * 16])
def test_what_is_no_token_of_one_delivery_finds_none(edition, token):
    assert edition.by_token(token) is None


def test_a_name_that_two_deliveries_share_finds_none(edition):
    assert edition.by_message_id("s2") is None
    assert edition.by_message_id("s3") is None
    assert edition.by_header_message_id("") is None


def test_a_bulk_id_of_another_mailing_finds_none(edition):
    assert edition.by_bulk_id("other", "ada@example.org") == []
    assert edition.by_bulk_id("notice", "eve@example.org") == []
    with MailedEdition(ROWS) as nameless:
        assert nameless.by_bulk_id("", "ada@example.org") == []


def test_several_editions_have_bulk_ids_of_their_own(edition):
    later = Row("bob@example.org", "s9", "d" * 16 + "@example.com")
    edition.add([later], bulk_id="notice-2")
    assert [one.id for one in edition.by_bulk_id("notice-2", "bob@example.org")] == [6]
    assert [one.id for one in edition.by_bulk_id("notice", "bob@example.org")] == [2]
    edition.add([Row("bob@example.org", "s10", "e" * 16 + "@example.com")], bulk_id="notice")
    assert len(edition.by_bulk_id("notice", "bob@example.org")) == 2
