"""The identity of a recipient: keys, and the form in which a ledger keeps the columns."""

import pytest

from mailbatch.identity import BY_ADDRESS, Identity

CHILD = Identity(("child",))
ORDER = Identity(("order",), by_address=False)
LINE = Identity(("line", "order"), by_address=False)


@pytest.mark.parametrize(
    ("identity", "cells", "key"),
    [
        (BY_ADDRESS, (), "ann@example.com"),
        (CHILD, ("Tom",), '["ann@example.com","Tom"]'),
        (ORDER, ("A-1",), "A-1"),
        (LINE, ("2", "A-1"), '["2","A-1"]'),
        (CHILD, ("Žöé",), '["ann@example.com","Žöé"]'),
    ],
)
def test_a_key_is_made_of_cells_and_of_the_mailbox(identity, cells, key):
    assert identity.key_of("Ann@Example.com", cells) == key


def test_cells_are_compared_letter_by_letter():
    """Of an order number nobody knows what letter case and zeros mean."""
    keys = {ORDER.key_of("a@x.org", (cell,)) for cell in ("a1", "A1", "01", "1", "1 ")}
    assert len(keys) == 5


def test_no_cell_can_pass_for_another_one_and_a_border():
    assert LINE.key_of("", ('1","2', "3")) != LINE.key_of("", ("1", '2","3'))


@pytest.mark.parametrize("identity", [BY_ADDRESS, CHILD, ORDER, LINE])
def test_a_ledger_reads_what_it_kept(identity):
    assert Identity.of(identity.text) == identity


def test_an_identity_is_named_in_words():
    assert [str(one) for one in (BY_ADDRESS, CHILD, LINE)] == [
        "the address",
        "the address and 'child'",
        "'line' and 'order'",
    ]


def test_what_groups_do_is_no_part_of_an_identity():
    assert Identity(one_message=True) == BY_ADDRESS
