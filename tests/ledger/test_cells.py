"""Cells come back as they were, whatever they hold, in Python and in SQL alike."""

import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailbatch.ledger.cells import UNPACKED, pack, packed, repacked, unpacked

ODD = ['"', "\\", "\x1f", "\x1e", "\n", "\xa0", "\u2028", "[", "]", ",", "", " ", "Löwe", "a@b.c"]
cells = st.lists(
    st.one_of(st.sampled_from(ODD), st.text(max_size=6), st.just("x a@b.c y")), min_size=1
).map(tuple)
addresses = st.one_of(st.just("a@b.c"), st.sampled_from(ODD), st.text(max_size=4))
rows = st.lists(st.tuples(cells, addresses), min_size=1, max_size=5)


def in_sql(text, address):
    with closing(sqlite3.connect(":memory:")) as connection:
        query = f"SELECT {UNPACKED.format(cells='?1', address='?2')}"
        return connection.execute(query, (text, address)).fetchone()[0]


@given(rows)
@example([(("x", "y"), "\x1f")])
@example([(("x", "y", "z"), "y\x1fz")])
def test_cells_come_back_as_they_were(rows):
    texts = pack([values for values, _ in rows], [address for _, address in rows])
    for (values, address), text in zip(rows, texts, strict=True):
        assert unpacked(text, address) == values
        assert packed(values, address) == text, "a row of a block is packed as one alone"
        assert repacked(json.dumps(values), address) == text
        if "\0" not in text:  # SQLite's functions take a text for ended there; no table has one
            assert tuple(json.loads(in_sql(text, address))) == values


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("a@b.c", "Ann", "a@b.c"), "\x1e\x1fAnn\x1f\x1e"),
        (("to a@b.c",), "to \x1e"),
        (("",), ""),
        (("", ""), "\x1f"),
        (("[x]",), "[x]"),
        (('"',), '["\\""]'),
        (("1\n2", "x"), '["1\\n2","x"]'),
    ],
)
def test_the_address_stands_once_and_what_needs_escapes_is_a_list(values, text):
    assert packed(values, "a@b.c") == text


def test_a_row_without_an_address_is_packed_as_it_is():
    assert unpacked(packed(("", "Ann"), ""), "") == ("", "Ann")
