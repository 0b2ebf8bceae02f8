"""Rows as lines of CSV and as objects, both made out of the table of columns."""

import csv
import io
from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.ledger.ports import ResultRow
from mailbatch.outcome import Status
from mailbatch.results.columns import COLUMNS, NUMBER, TEXT, TIME, Column
from mailbatch.results.lines import as_line, as_object, header_line, line_writer
from tests.ledger.steps import NOW
from tests.results.rows import NAMES

TELLING = st.text(st.sampled_from("a b7,;\"'=+-@\r\n\t\x00\x1fé\uff1d\u202e"), max_size=6)
MAYBE = st.none() | TELLING


@given(
    st.builds(
        ResultRow,
        row=st.none() | st.integers(2, 10**6),
        email=TELLING,
        status=st.sampled_from(Status),
        message_id=MAYBE,
        reply_code=st.none() | st.integers(200, 599),
        enhanced_status=st.none() | st.just("2.0.0"),
        reply=MAYBE,
        attempts=st.integers(0, 9),
        group=MAYBE,
        edition=TELLING,
        header_message_id=st.none() | st.just("0f@x.org"),
        first_attempt_at=st.none() | st.just(NOW),
        settled_at=st.none() | st.just(NOW + 0.9),
        reason=MAYBE,
    )
)
@settings(max_examples=500, deadline=None)
def test_a_line_is_what_the_csv_module_writes_of_the_defused_cells(row):
    """Most lines are put together without it, and nobody must be able to tell."""
    texts = (row.email, row.message_id, row.reply, row.group, row.edition)
    email, message_id, reply, group, edition = map(defused, texts)
    at = (None if t is None else "2023-11-14T22:13:20Z" for t in (row[11], row[12]))
    cells = (row.row, email, str(row.status), message_id, row.reply_code, row.enhanced_status)
    cells += (reply, row.attempts, group, edition, row.header_message_id, *at, defused(row.reason))
    expected = io.StringIO(newline="")
    csv.writer(expected, lineterminator="\r\n").writerow(cells)
    assert as_line(row) == expected.getvalue()


def defused(text):
    if not text:
        return text
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return f"'{safe}" if safe[0] in "=+-@\uff1d" else safe


def test_the_columns_are_those_that_other_programs_know():
    assert header_line() == ",".join(NAMES) + "\r\n"


def test_every_column_has_its_field():
    """What a column shows comes from the field of its name, wherever that stands in the row."""
    assert {column.name for column in COLUMNS} == set(ResultRow._fields)


Joined = namedtuple("Joined", [*ResultRow._fields, "opened_at", "opens", "report"])  # noqa: PYI024
ROW = ResultRow._make([None] * len(ResultRow._fields))._replace(
    row=2, email="ann@example.com", status=Status.ACCEPTED, attempts=1, edition="48", settled_at=NOW
)


@pytest.mark.parametrize(
    ("report", "cells"),
    [
        ((NOW, 3, "read"), "read,2023-11-14T22:13:20Z,3"),
        ((None, None, None), ",,"),
        ((NOW, 3, "=1+1"), "'=1+1,2023-11-14T22:13:20Z,3"),
        ((NOW, 3, "a, b"), '"a, b",2023-11-14T22:13:20Z,3'),
    ],
)
def test_columns_may_come_from_elsewhere(report, cells):
    """A row that is joined with other facts has its columns behind those of the ledger."""
    columns = (*COLUMNS, Column("report", TEXT), Column("opened_at", TIME), Column("opens", NUMBER))
    joined = Joined(*ROW, *report)
    line = line_writer(columns, Joined._fields)(joined)
    assert line == as_line(ROW).removesuffix("\r\n") + f",{cells}\r\n"
    assert header_line(columns) == ",".join([*NAMES, "report", "opened_at", "opens"]) + "\r\n"
    assert list(as_object(joined, columns).items())[-3:] == [
        ("report", report[2]),
        ("opened_at", report[0] and "2023-11-14T22:13:20Z"),
        ("opens", report[1]),
    ]


def test_a_column_without_its_field_is_no_column():
    with pytest.raises(KeyError):
        line_writer((*COLUMNS, Column("report", TEXT)), ResultRow._fields)
