"""Plain lines are those of which csv makes the same records; every other text is left to csv."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailbatch.envelope import Recipient
from mailbatch.job.model import Job
from mailbatch.plain_rows import PlainRows
from mailbatch.recipients.plain_lines import PlainLines, pieces, plain_lines
from mailbatch.recipients.plan import plan_recipients
from mailbatch.recipients.records import MAX_CELL
from mailbatch.recipients.source import split_lines
from mailbatch.recipients.spreadsheet import bare_text
from mailbatch.recipients.table import Table

#: Texts whose records csv has to make.
NOT_PLAIN = {
    "a quote": 'a@b.c,"Ann"\n',
    "a quote within a cell": 'a@b.c,5" disk\n',
    "a backslash, which JSON escapes": "a@b.c,x\\y\n",
    "white space at an end": "a@b.c ,Ann\n",
    "white space at the beginning": "a@b.c, Ann\n",
    "white space at the very beginning": " a@b.c,Ann\n",
    "white space at the end of a line": "a@b.c,Ann \nb@b.c,Bob\n",
    "white space at the beginning of a line": "a@b.c,Ann\n b@b.c,Bob\n",
    "white space at the very end": "a@b.c,Ann ",
    "a space that is none of ASCII": "a@b.c,Ann\u00a0\n",
    "a tab": "a@b.c,Ann\t\n",
    "a separator of units": "a@b.c,A\x1fnn\n",
    "a separator of lines": "a@b.c,A\u2028nn\n",
    "the formula of a spreadsheet": 'a@b.c,="01"\n',
    "a protected number": "a@b.c,'+49\n",
    "a sign at the beginning of a line": "'+49,a@b.c\n",
    "a CR alone": "a@b.c,Ann\rb@b.c,Bob\n",
    "a line without a text": "a@b.c,Ann\n\n",
    "one cell too many": "a@b.c,Ann,x\n",
    "one cell too few": "a@b.c,Ann\nb@b.c\n",
    "a long cell": f"a@b.c,{'x' * MAX_CELL}\n",
}


@pytest.mark.parametrize("text", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_a_text_that_is_not_plain_is_left_to_csv(text: str) -> None:
    assert plain_lines(text, ",", 2) is None


def test_the_rows_of_plain_lines_are_whole():
    rows = PlainRows(2, ["ann@b.c", "bob@b.c"], ["ann@b.c\x1fAnn", "bob@b.c\x1fBob"])

    found = list(rows.recipients())

    assert found == [Recipient(2, "ann@b.c", ("ann@b.c", "Ann")),
                     Recipient(3, "bob@b.c", ("bob@b.c", "Bob"))]  # fmt: skip
    assert found[0]._replace(status="filtered").status == "filtered"


@pytest.mark.parametrize(
    ("text", "delimiter", "records"),
    [
        ("a@b.c,Ann\nb@b.c,Bob\n", ",", [("a@b.c", "Ann"), ("b@b.c", "Bob")]),
        ("a@b.c;Ann Lee\r\nb@b.c;O'Neil", ";", [("a@b.c", "Ann Lee"), ("b@b.c", "O'Neil")]),
        ("a@b.c\tZoë\nb@b.c\t\n", "\t", [("a@b.c", "Zoë"), ("b@b.c", "")]),
        ("a@b.c|x=1\n", "|", [("a@b.c", "x=1")]),
    ],
)
def test_the_lines_of_a_plain_text_are_its_records(
    text: str, delimiter: str, records: list[tuple[str, ...]]
) -> None:
    texts = plain_lines(text, delimiter, 2)
    assert texts is not None
    assert list(PlainLines(7, texts).records()) == list(enumerate(records, start=7))


CELLS = st.text("ab ,;\t\n\r'\"=\\\x1f\u00a0\u2028ö@.", max_size=4)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1), st.sampled_from(",;\t"))
@example([["=a", "b"]], ",")
@example([["a", "b"], ["", ""]], ";")
def test_csv_makes_the_same_records(rows: list[list[str]], delimiter: str) -> None:
    """Lines that are written without quotes, whatever is in the cells."""
    text = "".join(delimiter.join(row) + "\n" for row in rows)
    texts = plain_lines(text, delimiter, 2)
    if texts is not None:
        found = [list(cells) for _, cells in PlainLines(1, texts).records()]
        read = list(csv.reader(split_lines(text), delimiter=delimiter, strict=True))
        assert found == read
        assert found == [[bare_text(cell).strip() for cell in row] for row in read]
        assert "".join(map("".join, found)).isprintable()


@given(st.lists(st.text("ab\n", max_size=40_000), max_size=2))
def test_pieces_are_whole_lines_of_the_text(texts: list[str]) -> None:
    blocks = [text + "\n" for text in texts]
    found = list(pieces(blocks))
    assert "".join(found) == "".join(blocks)
    assert all(piece.endswith("\n") for piece in found)


def test_a_long_line_is_one_piece() -> None:
    assert list(pieces(["a" * 20_000 + "\nb\n"])) == ["a" * 20_000 + "\n", "b\n"]
    assert list(pieces(["a" * 20_000])) == ["a" * 20_000]


def lines(number: int, first: int = 0) -> str:
    return "".join(f"user{i}@b.example,Name {i}\n" for i in range(first, first + number))


def test_a_record_that_is_not_plain_slows_its_own_piece_alone(
    read: Callable[..., Table],
) -> None:
    special = 'x@b.example,"two\nlines, and a ""quote"""\n'
    table = read(f"email,name\n{lines(2000)}{special}{lines(2000, 2000)}".encode())
    kinds = [isinstance(block, PlainLines) for block in table.blocks()]
    assert kinds[0]
    assert kinds[-1]
    assert False in kinds
    assert kinds.count(True) > 4
    found = list(table)
    assert len(found) == 4001
    assert found[2000] == (2002, ("x@b.example", 'two\nlines, and a "quote"'))
    assert found[1999] == (2001, ("user1999@b.example", "Name 1999"))
    assert found[2001] == (2004, ("user2000@b.example", "Name 2000"))
    assert found[-1] == (4003, ("user3999@b.example", "Name 3999"))


def test_a_quoted_cell_may_end_in_a_later_piece(read: Callable[..., Table]) -> None:
    long = "word\n" * 9000
    table = read(f'email,name\n{lines(600)}x@b.example,"{long}"\n{lines(600, 600)}'.encode())
    found = dict(table)
    assert len(found) == 1201
    assert found[602] == ("x@b.example", long)
    assert found[602 + 9001] == ("user600@b.example", "Name 600")


def test_a_sign_in_a_later_piece_of_a_record_is_seen(read: Callable[..., Table]) -> None:
    long = "word\n" * 9000
    table = read(f'email,note,name\nx@b.example,"{long}",\'+49 170\n'.encode())
    assert list(table) == [(2, ("x@b.example", long, "+49 170"))]


def test_a_plan_reads_plain_lines_as_rows(make_job: Callable[..., Job]) -> None:
    job = make_job("name,email\nAnn Lee,ann@b.example\nBo,bo@b.example\n")
    plan = plan_recipients(job, edition="1", variables={})
    assert list(plan.blocks()) == [
        PlainRows(
            2,
            ["ann@b.example", "bo@b.example"],
            ["Ann Lee\x1fann@b.example", "Bo\x1fbo@b.example"],
        )
    ]
    assert [(row.line, row.address, row.values) for row in plan] == [
        (2, "ann@b.example", ("Ann Lee", "ann@b.example")),
        (3, "bo@b.example", ("Bo", "bo@b.example")),
    ]


def test_a_plan_reads_plain_lines_as_rows_of_groups(make_job: Callable[..., Job]) -> None:
    """The columns of the groups may stand before and behind that of the address."""
    table = "plan,email,name,town\npro,ann@b.example,Ann Lee,Rab\n,bo@b.example,Bo,Hvar\n"
    job = make_job(table, group_by=["town", "plan"])
    plan = plan_recipients(job, edition="1", variables={})
    texts = ["pro\x1fann@b.example\x1fAnn Lee\x1fRab", "\x1fbo@b.example\x1fBo\x1fHvar"]
    groups = [("Rab", "pro"), ("Hvar", "")]
    assert list(plan.blocks()) == [PlainRows(2, ["ann@b.example", "bo@b.example"], texts, groups)]
    assert [(row.line, row.address, row.group, row.status) for row in plan] == [
        (2, "ann@b.example", ("Rab", "pro"), "pending"),
        (3, "bo@b.example", ("Hvar", ""), "pending"),
    ]
    assert next(iter(plan)).values == ("pro", "ann@b.example", "Ann Lee", "Rab")


@pytest.mark.parametrize(
    ("table", "more"),
    [
        ("email,name\nANN@B.Example,Ann\n", {}),
        ("email,name\nann@b.example,Ann\n", {"key": "name"}),
        ("email,name\nann@b.example,Ann\n", {"where": "name == 'Ann'"}),
    ],
)
def test_a_rule_for_single_rows_looks_at_each(
    table: str, more: dict[str, object], make_job: Callable[..., Job]
) -> None:
    plan = plan_recipients(make_job(table, **more), edition="1", variables={})
    assert not any(isinstance(block, PlainRows) for block in plan.blocks())
    assert [row.status for row in plan] == ["pending"]
