"""A sheet of a workbook is read with its row numbers, and nothing in it is lost silently."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from mailbatch.errors import RecipientError
from mailbatch.extras import install_extra
from mailbatch.recipients import sheet_facts
from mailbatch.recipients.sheet_facts import CellFault, Lack, read_facts
from mailbatch.recipients.suppress import read_suppressions
from mailbatch.recipients.workbook import Workbook, open_workbook, plain_text
from mailbatch.remarks import Doubt, FormatRemark

from .workbooks import Failed, Formula, Sheet, Styled, table, write_workbook

NO_WORKBOOK = "recipients.xlsx: the file cannot be read as a workbook: "
Read = Callable[..., Workbook]
PEOPLE = table(("email", "name"), ("a@b.c", "Ann"), ("b@b.c", "Bob"))


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a workbook and open it."""

    def opened(sheet: str | None = None, /, *, target: str = "worksheets/", **sheets: Sheet):
        path = tmp_path / "recipients.xlsx"
        write_workbook(path, sheets, target=target)
        return open_workbook(
            path, shown="recipients.xlsx", sheet=sheet, naming=lambda names: "email" in names
        )

    return opened


@pytest.fixture
def refused(read: Read) -> Callable[..., RecipientError]:
    """Return why a workbook is none that can be read."""

    def error(sheet: str | None = None, /, **sheets: Sheet) -> RecipientError:
        with pytest.raises(RecipientError) as caught:
            list(read(sheet, **sheets))
        return caught.value

    return error


def test_the_first_row_names_the_columns(read: Read) -> None:
    book = read(People=PEOPLE)
    assert (book.columns, book.header, book.sheet) == (("email", "name"), 1, "People")
    assert list(book) == list(book) == [(2, ("a@b.c", "Ann")), (3, ("b@b.c", "Bob"))]


def test_rows_have_the_numbers_of_the_sheet(read: Read) -> None:
    rows = {3: {"C": " email ", "E": "n"}, 5: {"C": "a@b.c", "E": 17}, 9: {"C": "b@b.c"}}
    book = read(S=Sheet(rows))
    assert (book.columns, book.header) == (("email", "n"), 3)
    assert list(book) == [(5, ("a@b.c", "17")), (9, ("b@b.c", ""))]


def test_a_header_alone_is_a_table_without_records(read: Read) -> None:
    assert list(read(S=table(("email", "name")))) == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("Zoë & <Co>", "Zoë & <Co>"),
        (" text ", " text "),
        ("line\nline", "line\nline"),
        ("0049", "0049"),
        ("=1+1", "=1+1"),
        (17, "17"),
        (17.0, "17"),
        (-3.0, "-3"),
        (0.0, "0"),
        (-0.0, "0"),
        (4711000000000.0, "4711000000000"),
        (123456789012345.0, "123456789012345"),
        (1e20, "100000000000000000000"),
        (1.5, "1.5"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (-1234.5678, "-1234.5678"),
        (True, "true"),
        (False, "false"),
        (Styled(46349, "date"), "2026-11-23"),
        (Styled(46349.395821759, "moment"), "2026-11-23T09:29:59"),
        (Styled(46349.0, "moment"), "2026-11-23"),
        (Styled(0.395833333333333, "time"), "9:30:00"),
        (Styled(1.104166666666667, "hours"), "26:30:00"),
    ],
    ids=str,
)
def test_cells_become_the_text_that_people_see(cell: object, text: str, read: Read) -> None:
    assert list(read(S=table(("v", "w"), (cell, "x")))) == [(2, (text, "x"))]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            datetime(2026, 11, 23, 9, 30, 0, 500_000, tzinfo=UTC).replace(tzinfo=None),
            "T09:30:00.500",
        ),
        (date(2026, 11, 23), "2026-11-23"),
        (time(23, 59, 59), "23:59:59"),
        (timedelta(minutes=5, seconds=7), "0:05:07"),
        (timedelta(days=100), "2400:00:00"),
        (float("inf"), "inf"),
    ],
)
def test_the_reader_s_values_become_text(value: object, text: str) -> None:
    assert plain_text(value).endswith(text)


def test_the_sheet_is_the_first_that_is_not_hidden(read: Read) -> None:
    hidden = Sheet(table(("email",), ("hidden@b.c",)).rows, state="hidden")
    assert read(Old=hidden, New=PEOPLE).sheet == "New"


def test_the_job_may_name_the_sheet(read: Read) -> None:
    hidden = Sheet(table(("email",), ("hidden@b.c",)).rows, state="veryHidden")
    assert list(read("Old", New=PEOPLE, Old=hidden)) == [(2, ("hidden@b.c",))]


def test_a_sheet_that_is_not_there(refused: Callable[..., RecipientError]) -> None:
    error = refused("Peeple", People=PEOPLE)
    assert str(error) == "recipients.xlsx: there is no sheet 'Peeple'"
    assert error.hint == "Did you mean 'People'?"
    hidden = Sheet(PEOPLE.rows, state="hidden")
    assert str(refused(People=hidden)) == "recipients.xlsx: every sheet is hidden"


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (Sheet({}), ":1: the sheet S is empty"),
        (table(("email", "email")), ":1: columns A and B are both named 'email'"),
        (
            Sheet({3: {"B": "email", "C": "n", "E": "email"}}),
            ":3: columns B and E are both named 'email'",
        ),
        (table(("a@b.c", "Ann")), ":1: the first row holds an address, not column names: 'a@b.c'"),
        (
            table(("email", " "), ("a@b.c", "x"), first=4),
            ":5: the cell B5 has a value, but its column has no name",
        ),
        (
            Sheet({2: {"B": "email", "D": "name"}, 3: {"B": "a@b.c", "C": "lost", "D": "Ann"}}),
            ":3: the cell C3 has a value, but its column has no name",
        ),
        (
            Sheet({1: {"A": "email"}, 2: {"A": "a@b.c", "AB": 1}}),
            ":2: the cell AB2 has a value, but its column has no name",
        ),
        (
            Sheet(PEOPLE.rows, merged=["B2:B3"]),
            ":2: the cells B2:B3 are merged: only the first of them has the value",
        ),
        (
            table(("email", "n"), ("a@b.c", 1), ("b@b.c", Failed())),
            ":3: the cell B3 holds an error instead of a value",
        ),
        (
            table(("email", "n"), ("a@b.c", "x" * 131_073)),
            ":2: a cell holds what no text has",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_be_lost_is_refused(
    sheet: Sheet, message: str, refused: Callable[..., RecipientError]
) -> None:
    assert str(refused(S=sheet)) == f"recipients.xlsx{message}"


def test_what_stands_on_other_sheets_does_not_matter(read: Read) -> None:
    other = Sheet(table((Failed(),)).rows, merged=["A1:B9"])
    assert len(list(read("People", Other=other, People=PEOPLE))) == 2


@pytest.mark.parametrize("target", ["worksheets/", "/xl/worksheets/", "../xl/worksheets/"])
@pytest.mark.parametrize("piece", [1, 30, 1000])
def test_a_failed_formula_is_found_by_whatever_path_its_sheet_has(
    target: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_facts, "_PIECE", piece)
    path = tmp_path / "recipients.xlsx"
    sheet = table(("n",), *[(1,)] * 90, (Failed("#DIV/0!"),))
    write_workbook(path, {"S": sheet}, target=target)
    facts = read_facts(path, "S", header=1, hidden=True)
    assert facts.fault == CellFault("A92", 92, Lack.FAILED)
    assert read_facts(path, "T", header=1, hidden=True).fault is None


def test_text_that_looks_like_an_error_is_text(read: Read) -> None:
    assert list(read(S=table(("n",), ('<c r="A1" t="e">',), ("#N/A",)))) == [
        (2, ('<c r="A1" t="e">',)),
        (3, ("#N/A",)),
    ]


@pytest.mark.parametrize(
    ("content", "message", "remedy"),
    [
        (b"", f"{NO_WORKBOOK}File is not a zip file", "Open it in a spreadsheet program"),
        (b"PK\3\4 cut", f"{NO_WORKBOOK}File is not a zip file", "Open it in a spreadsheet program"),
        (b"email\na@b.c\n", f"{NO_WORKBOOK}it is a text", "A table in a text file wants the name"),
        (
            bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600),
            f"{NO_WORKBOOK}it has a password, or it is an old workbook (.xls)",
            "Save it without a password, as an Excel workbook (.xlsx).",
        ),
        (None, "recipients.xlsx: cannot be read: No such file or directory", ""),
    ],
)
def test_a_file_that_is_no_workbook(
    content: bytes | None, message: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "recipients.xlsx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipientError) as caught:
        open_workbook(path, shown="recipients.xlsx", sheet=None)
    assert str(caught.value) == message
    assert (caught.value.hint or "").startswith(remedy)


def test_a_cover_before_the_table_is_told_with_the_name_of_the_sheet(
    refused: Callable[..., RecipientError], tmp_path: Path
) -> None:
    for cover in (table(("Stand: 2026",)), Sheet({1: {"A": "Stand"}}, merged=["A1:C1"]), Sheet({})):
        error = refused(Cover=cover, List=PEOPLE)
        assert error.message == "the sheet Cover has no column of addresses, but List has"
        assert error.hint == "Write `sheet: List` under `recipients:`."
    with pytest.raises(RecipientError) as caught:
        read_suppressions(
            [(tmp_path / "recipients.xlsx", "left.xlsx")],
            column="email",
            delimiter=None,
            encoding="utf-8",
        )
    assert caught.value.hint == "Put the sheet List before the others: the first sheet is the list."


def test_a_whole_number_has_the_digits_that_a_sheet_keeps() -> None:
    values = (123456789012345.0, 12345678901234500000.0, 12345678901234567890, -1e15)
    assert list(map(plain_text, values)) == [
        "123456789012345",
        "12345678901234500000",
        "12345678901234600000",
        "-1000000000000000",
    ]


def test_a_folder_is_no_workbook(tmp_path: Path) -> None:
    with pytest.raises(RecipientError, match="not a regular file"):
        open_workbook(tmp_path, shown="recipients.xlsx", sheet=None)


def test_a_workbook_that_lacks_its_sheet(read: Read, tmp_path: Path) -> None:
    read(S=PEOPLE)
    path = tmp_path / "recipients.xlsx"
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    del parts["xl/worksheets/sheet1.xml"]
    with zipfile.ZipFile(path, "w") as broken:
        for name, content in parts.items():
            broken.writestr(name, content)
    with pytest.raises(RecipientError, match=r"^recipients.xlsx: the sheet S cannot be read: "):
        open_workbook(path, shown="recipients.xlsx", sheet=None)


def test_a_workbook_that_changes_under_way(read: Read, tmp_path: Path) -> None:
    book = read(S=PEOPLE)
    write_workbook(tmp_path / "recipients.xlsx", {"S": table(("name", "email"), ("Ann", "a@b.c"))})
    with pytest.raises(RecipientError, match="xlsx:1: the header changed while the file was read"):
        list(book)


def test_without_the_package_it_says_how_to_get_it(
    refused: Callable[..., RecipientError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    error = refused(S=PEOPLE)
    assert str(error) == "recipients.xlsx: a workbook needs a package that is not installed"
    assert error.hint == install_extra("excel")


# What people see


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1234.0, "00000", "01234"),
        (1234.5, '#,##0.00 "€"', "1,234.50 €"),
        (-1234.5, '#,##0.00\\ "€";[Red]\\-#,##0.00\\ "€"', "-1,234.50 €"),
        (0.125, "0.0%", "12.5%"),
        (46355.0, "dd.mm.yyyy", "29.11.2026"),
        (46355.378472222, "d/m/yy h:mm AM/PM", "29/11/26 9:05 AM"),
        (1.5, "[h]:mm", "36:00"),
        (5.0, '0" days"', "5 days"),
        (491701234567.0, "\\+0", "+491701234567"),
        (7.0, "@", "7"),
        (7.5, "General", "7.5"),
        (7.5, "# ?/?", "7.5"),
        (46355.0, "[$-407]d. mmm yyyy", "2026-11-29"),
    ],
)
def test_a_number_has_the_form_of_the_cell(value: float, code: str, text: str, read: Read) -> None:
    cells = [*["x", "y"], Styled(value, code)]
    book = read(S=table(("email", "a", "v"), (1.0, 2.0, 3.0), cells))
    assert list(book) == [(2, ("1", "2", "3")), (3, ("x", "y", text))]


def test_formats_change_from_row_to_row(read: Read) -> None:
    forms = ["0.0", "0.00", "00", "0.0", "general"]
    rows = [("x", Styled(1.0, form)) for form in forms]
    texts = [cells[1] for _, cells in read(S=table(("email", "n"), *rows))]
    assert texts == ["1.0", "1.00", "01", "1.0", "1"]


def test_a_format_without_a_text_or_of_the_computer_is_remarked_once(read: Read) -> None:
    rows = [
        ("x", Styled(0.5, "# ?/?"), Styled(0.5, "0.0"), Styled(46355.0, "date")),
        ("y", Styled(0.5, "# ?/?"), Styled(5.0, "0"), "text"),
    ]
    assert read(S=table(("email", "frac", "n", "day"), *rows)).remarks.formats == (
        FormatRemark("frac", 2, "# ?/?", Doubt.NOT_KNOWN),
        FormatRemark("n", 2, "0.0", Doubt.BY_COMPUTER),
        FormatRemark("day", 2, "m/d/yyyy", Doubt.BY_COMPUTER),
    )


@pytest.mark.parametrize(
    ("cell", "calculates", "lack"),
    [
        (Formula(None), False, Lack.NEVER_CALCULATED),
        (Formula(""), False, Lack.NEVER_CALCULATED),
        (Formula(" "), True, Lack.NEVER_CALCULATED),
        (Formula("0"), True, Lack.NOT_CALCULATED_YET),
        (Formula("0"), False, None),
        (Formula("3"), True, None),
        (Formula("", "str"), True, None),
        (Formula("Dear Ada", "str"), True, None),
        (Formula("1", "b"), True, None),
    ],
)
def test_a_formula_without_a_value_is_found(
    cell: Formula, calculates: bool, lack: Lack | None, tmp_path: Path
) -> None:
    path = tmp_path / "recipients.xlsx"
    write_workbook(path, {"S": table(("email", "n"), ("x", cell))}, calculates=calculates)
    fault = read_facts(path, "S", header=1, hidden=True).fault
    assert fault == (None if lack is None else CellFault("B2", 2, lack))


def test_a_formula_that_was_never_calculated_is_refused(
    refused: Callable[..., RecipientError],
) -> None:
    error = refused(S=table(("email", "n"), ("x", Formula(None))))
    assert str(error) == "recipients.xlsx:2: the formula in the cell B2 was never calculated"
    assert (error.hint or "").startswith("Open the workbook in a spreadsheet program, save it")


HIDING = Sheet(
    table(("email", "n"), ("a@b.c", 1), ("b@b.c", Failed()), ("c@b.c", 3)).rows, hidden=[1, 3]
)


def test_hidden_rows_are_told_and_their_cells_do_not_matter(read: Read, tmp_path: Path) -> None:
    write_workbook(tmp_path / "hiding.xlsx", {"S": HIDING})
    path = tmp_path / "hiding.xlsx"
    book = open_workbook(path, shown="hiding.xlsx", sheet=None, hidden_rows=False)
    assert book.remarks.hidden == {3}
    assert [number for number, _ in book] == [2, 3, 4]
    with pytest.raises(RecipientError, match="the cell B3 holds an error"):
        open_workbook(path, shown="hiding.xlsx", sheet=None, hidden_rows=True)


def test_a_chart_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "recipients.xlsx"
    write_workbook(path, {"Chart": Sheet({}), "People": PEOPLE}, charts=["Chart"])
    assert open_workbook(path, shown="recipients.xlsx", sheet=None).sheet == "People"
    with pytest.raises(RecipientError) as caught:
        open_workbook(path, shown="recipients.xlsx", sheet="Chart")
    message = "recipients.xlsx: the sheet 'Chart' has no cells: it is a chart or holds macros"
    assert (str(caught.value), caught.value.hint) == (message, "There are: People.")
    write_workbook(path, {"Chart": Sheet({})}, charts=["Chart"])
    with pytest.raises(RecipientError, match="there is no sheet of cells"):
        open_workbook(path, shown="recipients.xlsx", sheet=None)


# Titles


@pytest.mark.parametrize(
    ("sheet", "header"),
    [
        (table(("Members",), (None,), ("email", "name"), ("a@b.c", "Ann")), 3),  # B09, B27
        (Sheet(table(("Members",), ("email", "n"), ("a@b.c", "x")).rows, merged=["A1:B1"]), 2),
        (Sheet(PEOPLE.rows, merged=["D2:E3"]), 1),
        (table(("List",), ("E-Mail", "Name"), ("a@b.c", "Ann")), 2),
        (table(("E-Mail", "Name"), ("a@b.c", "Ann")), 1),
        (table(("Name", "Town"), ("Ann", "Rome"), ("Bob", "Oslo")), 1),
    ],
)
def test_the_header_is_found_below_titles(sheet: Sheet, header: int, read: Read) -> None:
    assert read(S=sheet).header == header


def test_where_the_header_is_unclear_the_row_settles_it(
    refused: Callable[..., RecipientError], tmp_path: Path
) -> None:
    sheet = table(("Members", "of", "us"), ("email", "name"), ("a@b.c", "Ann"))
    error = refused(S=sheet)
    assert str(error) == "recipients.xlsx:1: the columns may be named here or in row 2"
    assert error.hint == "Write `header_row: 2` under `recipients:`, or the row that it is."

    def opened(row: int) -> Workbook:
        path = tmp_path / "recipients.xlsx"
        return open_workbook(path, shown="recipients.xlsx", sheet=None, header_row=row)

    assert opened(2).columns == ("email", "name")
    for row, message in [(3, "this row holds an address"), (9, "the row is empty")]:
        with pytest.raises(RecipientError, match=f"recipients.xlsx:{row}: {message}"):
            opened(row)


def test_a_name_over_several_lines_is_one_name(read: Read) -> None:
    assert read(S=table(("email", "First\nname"))).columns == ("email", "First name")  # B27
