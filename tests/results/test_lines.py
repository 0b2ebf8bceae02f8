"""Rows as lines of CSV and as objects, both made out of the table of columns."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from mailbatch.results.columns import COLUMNS, LEDGER_COLUMNS, REPORT_COLUMNS, SERVER, TEXT, Column
from mailbatch.results.lines import (
    as_lines,
    as_object,
    as_reported_lines,
    block_writer,
    header_line,
)
from mailbatch.results.told import UNTOLD, Told
from tests.ledger.steps import NOW
from tests.results.rows import NAMES

TELLING = st.text(st.sampled_from("a b7,;\"'=+-@\r\n\t\x00\x1fé\uff1d\u202e"), max_size=6)
MAYBE = st.none() | TELLING


ROWS = st.builds(
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


@given(st.lists(ROWS, max_size=3), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_lines_are_those_that_the_csv_module_writes_of_the_defused_cells(rows, before, behind):
    """Most lines are put together without it, and nobody must be able to tell."""
    rows = [PLAIN] * before + rows + [PLAIN] * behind
    expected = io.StringIO(newline="")
    csv.writer(expected, lineterminator="\r\n").writerows(map(cells_of, rows))
    assert as_lines(rows) == expected.getvalue()


@given(ROWS, st.lists(st.tuples(st.just(7) | st.none(), TELLING), max_size=9), st.booleans())
@settings(max_examples=300, deadline=None)
def test_rows_of_a_group_share_what_is_written_once(shared, own, plain):
    """They differ in line and address, and their lines are those of rows by themselves."""
    shared = (PLAIN if plain else shared)._replace(group="de/pro")
    rows = [shared._replace(row=2 + n, email=f"a{n}@x.org") for n in range(9)]
    rows += [shared._replace(row=line, email=text) for line, text in own]
    expected = io.StringIO(newline="")
    csv.writer(expected, lineterminator="\r\n").writerows(map(cells_of, rows))
    assert as_lines(rows) == expected.getvalue()


@pytest.mark.parametrize(
    "text", ["a, b", 'a "b"', "=1", "+1", "-1", "@a", "\x1f", "\x7f", "é", "\t"]
)
@pytest.mark.parametrize("field", ["email", "reply", "group", "reason"])
def test_one_cell_that_is_not_plain_changes_no_other_line_of_its_block(field, text):
    lines = as_lines([PLAIN, PLAIN._replace(**{field: text}), PLAIN]).split("\r\n")
    assert [*lines[::2], lines[3]] == [*as_lines([PLAIN, PLAIN]).split("\r\n")[:2], ""]
    assert next(csv.reader([lines[1]]))[ResultRow._fields.index(field)] == defused(text)


def cells_of(row):
    texts = (row.email, row.message_id, row.reply, row.group, row.edition)
    email, message_id, reply, group, edition = map(defused, texts)
    at = (None if t is None else "2023-11-14T22:13:20Z" for t in (row[11], row[12]))
    cells = (row.row, email, str(row.status), message_id, row.reply_code, row.enhanced_status)
    cells += (reply, row.attempts, group, edition, row.header_message_id, *at, defused(row.reason))
    return (*cells, *(None,) * 7, row.server)


PLAIN = ResultRow(
    2, "ann@example.com", Status.ACCEPTED, "a1", 250, "2.0.0", "OK", 1, None, "48", "0f@x.org",
    NOW, NOW, None, None,
)  # fmt: skip


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
    assert [column.name for column in (*LEDGER_COLUMNS, SERVER)] == list(ResultRow._fields)
    assert [column.name for column in REPORT_COLUMNS] == list(Told._fields)


ROW = ResultRow._make([None] * len(ResultRow._fields))._replace(
    row=2, email="ann@example.com", status=Status.ACCEPTED, attempts=1, edition="48", settled_at=NOW
)


@pytest.mark.parametrize(
    ("told", "cells"),
    [
        (
            Told(Event.BOUNCED, Kind.HARD, "5.1.1", "no such user", NOW, 0, 3),
            "bounced,hard,5.1.1,no such user,2023-11-14T22:13:20Z,0,3",
        ),
        (Told(None, None, None, None, NOW, 2, 0), ",,,,2023-11-14T22:13:20Z,2,0"),
        (
            Told(Event.FAILED, None, "=1+1", 'a, "b"', NOW, 0, 0),
            'failed,,\'=1+1,"a, ""b""",2023-11-14T22:13:20Z,0,0',
        ),
    ],
)
def test_the_facts_of_reports_stand_behind_those_of_the_ledger(told, cells):
    line = as_reported_lines([(*ROW, *told)])
    assert line == as_lines([ROW]).removesuffix(",,,,,,,,\r\n") + f",{cells},\r\n"
    names = [column.name for column in REPORT_COLUMNS]
    found = as_object(ROW, told)
    assert [found[name] for name in names] == [
        *told[:4], told.reported_at and "2023-11-14T22:13:20Z", *told[5:],
    ]  # fmt: skip


def test_a_row_without_reports_is_the_same_on_both_ways():
    assert as_reported_lines([(*ROW, *UNTOLD)]) == as_lines([ROW])
    assert list(as_object(ROW).values())[-8:] == [None] * 8


def test_the_server_of_the_last_attempt_stands_at_the_end():
    """Behind the columns of reports, on both ways, in the file and for programs."""
    row = ROW._replace(server="mx2.example.com:587")
    assert as_lines([row]) == as_lines([ROW]).removesuffix("\r\n") + "mx2.example.com:587\r\n"
    assert as_reported_lines([(*row, *UNTOLD)]) == as_lines([row])
    assert list(as_object(row).items())[-1] == ("server", "mx2.example.com:587")


def test_a_column_without_its_field_is_no_column():
    with pytest.raises(KeyError):
        block_writer((*COLUMNS, Column("report", TEXT)), ResultRow._fields)
