"""What a workbook would take is found before it is read: small bounds, small files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mailbatch.errors import RecipientError
from mailbatch.recipients.json_lines import open_json_lines
from mailbatch.recipients.table import open_table
from mailbatch.recipients.workbook import open_workbook
from mailbatch.recipients.workbook_package import excess

from .workbooks import Sheet, table, write_workbook

FIRST = b'<row r="1"><c r="A1"><v>1</v></c></row>'
ROWS = [("email", "name"), *((f"p{number}@example.com", "Ann") for number in range(50))]


def with_part(path: Path, name: str, content: bytes, *, says: int | None = None) -> None:
    """Add a part to a package; `says` is the size that it says it has."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr(name, content)
        if says is not None:
            package.getinfo(name).file_size = says


def test_a_table_is_none_too_much(tmp_path: Path) -> None:
    path = tmp_path / "r.xlsx"
    write_workbook(path, {"S": table(*ROWS)})
    assert excess(path) is None
    assert excess(path, part=20_000, most=50_000, cells=0) is None


@pytest.mark.parametrize("says", [None, 10, 0])
def test_what_a_part_unpacks_to_is_counted(tmp_path: Path, says: int | None) -> None:
    """Not what the package says, and whatever the part is called."""
    for number, name in enumerate(("xl/sharedStrings.xml", "xl/media/picture.png", "elsewhere")):
        path = tmp_path / f"{number}.xlsx"
        write_workbook(path, {"S": table(*ROWS)})
        with_part(path, name, b"x" * 300_000, says=says)
        assert f"its part {name} unpacks to more than " in str(excess(path, part=20_000))
        assert excess(path, part=400_000) is None
        assert "unpacks to more than" in str(excess(path, part=400_000, most=200_000))


def test_two_cells_in_opposite_corners(tmp_path: Path) -> None:
    path = tmp_path / "r.xlsx"
    corner = {"XFD": "x"}
    write_workbook(path, {"S": Sheet({1: {"A": "email"}, 1_048_576: corner})})
    assert excess(path) == (
        "the cells of xl/worksheets/sheet1.xml lie in a rectangle of 17179869184, and 2 hold "
        "something"
    )
    far = {number: {"A": "a", "B": "b"} for number in range(1_000_000, 1_000_050)}
    write_workbook(path, {"S": Sheet(far)})
    assert excess(path, cells=0) is None


@pytest.mark.parametrize(
    ("sheet", "refused"),
    [
        (b'<row r="1"><c r="A1"><v>1</v></c></row><row r="49000"><c r="CV49000"/></row>', False),
        (FIRST + b'<row r="90000"><c s="1" r="CV90000"><v>1</v></c></row>', True),
        (FIRST + b"<x:row r='90000'><x:c r = 'CV90000'><x:v>1</x:v></x:c></x:row>", True),
        # Cells without names stand one behind the other.
        (b'<row r="1">' + b"<c><v>1</v></c>" * 100 + b'</row><row r="90000"><c><v>1</v></c></row>',
         True),
        (b"".join(b"<row><c><v>1</v></c><c t='s'><v>1</v></c></row>" for _ in range(9000)), False),
    ],
)  # fmt: skip
def test_how_cells_are_written(tmp_path: Path, sheet: bytes, refused: bool) -> None:
    path = tmp_path / "r.xlsx"
    with_part(path, "xl/worksheets/sheet1.xml", b"<worksheet>" + sheet + b"</worksheet>")
    assert (excess(path, cells=50_000) is not None) == refused


def test_a_cell_between_two_pieces_of_a_part(tmp_path: Path) -> None:
    """Also where a tag is cut, it is seen."""
    for before in range((1 << 20) - 60, (1 << 20) + 10, 7):
        path = tmp_path / f"{before}.xlsx"
        sheet = b'<row r="1"><c r="A1"><v>1</v></c></row>' + b" " * (before - 39)
        with_part(path, "s.xml", sheet + b'<row r="90000"><c r="CV90000"><v>1</v></c></row>')
        assert excess(path, cells=1000) is not None


def test_the_reader_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "r.xlsx"
    write_workbook(path, {"S": Sheet({1: {"A": "email"}, 1_048_576: {"XFD": "x"}})})
    with pytest.raises(RecipientError) as caught:
        open_workbook(path, shown="r.xlsx", sheet=None)
    assert str(caught.value).startswith("r.xlsx: the workbook takes too much memory: the cells of ")
    assert caught.value.exit_code == 65
    assert caught.value.hint == "Clear cells that are far from the table, or save the sheet as CSV."


def test_a_line_without_end(tmp_path: Path) -> None:
    for name, reader in (
        ("r.csv", lambda path: open_table(path, shown="r", delimiter=",", encoding="utf-8")),
        ("r.jsonl", lambda path: open_json_lines(path, shown="r", encoding="utf-8")),
    ):
        path = tmp_path / name
        start = "email,name\n" if name == "r.csv" else '{"email": "a@example.com"}\n{"email": "'
        path.write_text(start + "x" * (2 << 20))
        with pytest.raises(RecipientError, match="a line of more than 1048576 characters"):
            list(reader(path))
