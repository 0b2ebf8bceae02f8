"""A table is read exactly, record by record, with the line on which each starts."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailbatch.errors import RecipientError
from mailbatch.recipients import source
from mailbatch.recipients.header import find_delimiter
from mailbatch.recipients.source import Source, split_lines
from mailbatch.recipients.spreadsheet import bare_text
from mailbatch.recipients.table import Table, open_table


def test_a_record_comes_with_its_line(read: Callable[..., Table]) -> None:
    table = read(b"email,name\na@b.c,Ann\nb@b.c,Bob\n")
    assert table.columns == ("email", "name")
    assert list(table) == [(2, ("a@b.c", "Ann")), (3, ("b@b.c", "Bob"))]


def test_a_table_can_be_read_again(read: Callable[..., Table]) -> None:
    table = read(b"email\na@b.c\n")
    assert list(table) == list(table) == [(2, ("a@b.c",))]


def test_a_header_alone_is_a_table_without_records(read: Callable[..., Table]) -> None:
    assert list(read(b"email,name")) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_counts_once(end: str, read: Callable[..., Table]) -> None:
    text = end.join(["email,note", 'a@b.c,"1', "2", '3"', "", "b@b.c,x", ""])
    assert list(read(text.encode())) == [
        (2, ("a@b.c", f"1{end}2{end}3")),
        (6, ("b@b.c", "x")),
    ]


def test_mixed_line_ends_count_as_in_an_editor(read: Callable[..., Table]) -> None:
    table = read(b'email,note\r\na@b.c,"1\r2\r\n3\n\n"\rb@b.c,x\n')
    assert list(table) == [(2, ("a@b.c", "1\r2\r\n3\n\n")), (7, ("b@b.c", "x"))]


@pytest.mark.parametrize("character", "\v\f\x1c\x1d\x1e\x85\u2028\u2029")
def test_other_separators_do_not_end_a_line(character: str, read: Callable[..., Table]) -> None:
    table = read(f"email,note\na@b.c,1{character}2\nb@b.c,x\n".encode())
    assert list(table) == [(2, ("a@b.c", f"1{character}2")), (3, ("b@b.c", "x"))]


def test_empty_lines_are_no_records_but_are_counted(read: Callable[..., Table]) -> None:
    assert list(read(b"email\n\na@b.c\n\r\n\nb@b.c\n\n")) == [(3, ("a@b.c",)), (6, ("b@b.c",))]


def test_a_quoted_empty_cell_is_a_record(read: Callable[..., Table]) -> None:
    assert list(read(b'email\n""\n')) == [(2, ("",))]


def test_names_lose_surrounding_white_space_and_cells_keep_it(read: Callable[..., Table]) -> None:
    table = read("  email ,  name\u00a0\n a@b.c , Ann\n".encode())
    assert table.columns == ("email", "name")
    assert list(table) == [(2, (" a@b.c ", " Ann"))]


def test_a_quote_inside_a_bare_cell_is_text(read: Callable[..., Table]) -> None:
    assert list(read(b'email,size\na@b.c,5" pipe\n')) == [(2, ("a@b.c", '5" pipe'))]


def test_the_last_record_needs_no_line_end(read: Callable[..., Table]) -> None:
    assert list(read(b'email,note\na@b.c,"x\ny"')) == [(2, ("a@b.c", "x\ny"))]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("email", ","),
        ("email,name", ","),
        ("email;name", ";"),
        ("email\tname", "\t"),
        ("email|name", "|"),
        ("email;name,first;city", ";"),
        ('email;"a,b,c,d";name', ";"),
        ('email;"a ""quoted, name"", with, commas";name', ";"),
        ("", ","),
    ],
)
def test_the_delimiter_is_found_on_the_header_line(header: str, delimiter: str) -> None:
    assert find_delimiter(header + "\n", shown="recipients.csv") == delimiter


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":", "^", " ", "§"])
def test_a_given_delimiter_is_used(delimiter: str, read: Callable[..., Table]) -> None:
    table = read(f"email{delimiter}a,b;c\na@b.c{delimiter}x\n".encode(), delimiter=delimiter)
    if delimiter in ",;":
        assert len(table.columns) == 3
    else:
        assert list(table) == [(2, ("a@b.c", "x"))]


TEXT = "email,name\na@b.c,Zoë\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-8-sig"), "UTF8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode(), "utf-8-sig"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("latin-1"), "latin-1"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "utf-16-le"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32"),
        (TEXT.encode("mac-roman"), "mac-roman"),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_header(
    content: bytes, encoding: str, read: Callable[..., Table]
) -> None:
    table = read(content, encoding=encoding)
    assert table.columns == ("email", "name")
    assert list(table) == [(2, ("a@b.c", "Zoë"))]


def test_a_cell_may_be_as_long_as_the_limit(read: Callable[..., Table]) -> None:
    cell = "line of text\r\n" * 9_362
    assert len(cell) == 131_068
    assert list(read(f'email,body\na@b.c,"{cell}"\n'.encode())) == [(2, ("a@b.c", cell))]


@pytest.mark.parametrize(
    "cell",
    [
        "Hello\n",
        "Hello Ann,\n\nsee you, Bob\n",
        "Write to\nbob@example.com\n",
        "bob@example.com, tel. 1\nor, by post\nsomewhere",
        "a\n,\n",
        "\n",
        "\r\r",
        "one@example.com\ntwo@example.com",
    ],
)
def test_text_over_several_lines_is_not_taken_for_records(
    cell: str, read: Callable[..., Table]
) -> None:
    assert list(read(f'email,body\na@b.c,"{cell}"\n'.encode())) == [(2, ("a@b.c", cell))]
    assert list(read(f'body,email\n"{cell}",a@b.c\n'.encode())) == [(2, (cell, "a@b.c"))]
    assert list(read(f'body\n"{cell}"\n'.encode())) == [(2, (cell,))]


BLOCKS = 'email,note\r\na@b.c,"1\r\n2\r3"\r\n\r\nb@b.c,é\U0001f600\n\u2028c@b.c,\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("size", range(4, 24))
def test_where_the_blocks_end_makes_no_difference(
    size: int, encoding: str, read: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [
        (2, ("a@b.c", "1\r\n2\r3")),
        (6, ("b@b.c", "é\U0001f600")),
        (7, ("\u2028c@b.c", "")),
    ]
    monkeypatch.setattr(source, "_BLOCK", size)
    assert list(read(BLOCKS.encode(encoding), encoding=encoding)) == expected


@pytest.mark.parametrize("size", range(4, 40))
def test_where_the_blocks_end_does_not_move_a_mistake(
    size: int, read: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_BLOCK", size)
    for end in (b"\n", b"\r\n", b"\r"):
        content = end.join([b"email,note", b'a@b.c,"1', b'2"', "b@b.c,éé".encode() + b"\xff"])
        with pytest.raises(RecipientError) as caught:
            list(read(content))
        assert str(caught.value) == "recipients.csv:4:9: byte 0xFF is not valid utf-8"


@pytest.mark.parametrize("special", ['"two\nlines"', "'0171", '="007"', '"a ""quote"""', "", " x "])
@pytest.mark.parametrize("place", [0, 255, 256, 257, 511, 599])
def test_a_record_is_read_alike_wherever_it_stands_in_a_long_table(
    place: int, special: str, read: Callable[..., Table]
) -> None:
    """Records are checked in blocks; a line, and the form of a spreadsheet, count in each."""
    lines = [f"a{number}@b.c,{number}" for number in range(600)]
    lines[place] = f"odd@b.c,{special}"
    alone = next(iter(read(f"email,note\nodd@b.c,{special}\n".encode())))[1]
    found = list(read("\n".join(["email,note", *lines, ""]).encode()))
    more = special.count("\n")
    assert found == [
        (number + 2 + (more if number > place else 0),
         alone if number == place else (f"a{number}@b.c", f"{number}"))
        for number in range(600)
    ]  # fmt: skip


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    path = tmp_path / "recipients.csv"
    row = "someone@example.com,Some,One,with some more text to make it longer\n"
    path.write_text("email,first_name,last_name,note\n" + row * 60_000)
    table = open_table(path, shown="recipients.csv", delimiter=None, encoding="utf-8")
    tracemalloc.start()
    try:
        assert sum(1 for _ in table) == 60_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 4_000_000
    assert peak < 3_000_000


# Properties

CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
PITFALLS = st.sampled_from(
    ["", '"', '""', ",", ";", "\t", "|", "\n", "\r", "\r\n", "\n\n", ' "a"', "a@b.c", "\ufeff", "é"]
)
WIDTH = st.integers(1, 4)
ROWS = WIDTH.flatmap(
    lambda width: st.lists(
        st.lists(CELLS | PITFALLS, min_size=width, max_size=width), max_size=8
    ).map(lambda rows: (width, rows))
)


def texts_of(cells: Sequence[str]) -> list[str]:
    return [bare_text(cell) for cell in cells if cell.strip()]


def lines_in(text: str) -> int:
    return len(re.findall(r"\r\n|\r|\n", text))


@settings(deadline=None, max_examples=100)
@given(
    table=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quote_all=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    given_delimiter=st.booleans(),
)
@example((1, [[""], ["\r"]]), ",", "\n", False, "utf-8", False)
def test_what_a_csv_writer_writes_is_read_back_with_its_lines(
    table: tuple[int, list[list[str]]],
    delimiter: str,
    end: str,
    quote_all: bool,
    encoding: str,
    given_delimiter: bool,
) -> None:
    width, rows = table
    # Before Python 3.13 a writer quotes only those line ends that it writes itself.
    quoting = csv.QUOTE_ALL if quote_all or end != "\r\n" else csv.QUOTE_MINIMAL
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting)
    columns = tuple(f"column {number}" for number in range(width))
    writer.writerow(columns)
    expected = []
    for row in rows:
        cells = tuple(bare_text(cell) for cell in row)
        expected.append((lines_in(written.getvalue()) + 1, cells))
        writer.writerow(row)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recipients.csv")
        path.write_bytes(written.getvalue().encode(encoding))
        opened = open_table(
            path,
            shown="recipients.csv",
            # One column does not show its delimiter.
            delimiter=delimiter if given_delimiter or width == 1 else None,
            encoding=encoding,
        )
        assert opened.columns == columns
        assert list(opened) == expected


TEXTS = ["email", "a@b.c", "x", ",", ";", '"', "\n", "\r", "\r\n", " ", "\0", "é", "\ufeff", "sep="]
BYTES = [b"\xff", b"\xfe", b"\xe9", b"PK\x03\x04"]
SCRAPS = st.lists(st.sampled_from([*(text.encode() for text in TEXTS), *BYTES]), max_size=25).map(
    b"".join
)


@settings(deadline=None, max_examples=200)
@given(
    content=st.binary(max_size=60) | SCRAPS | SCRAPS.map(b"email,name\n".__add__),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-7", "shift_jis", "gb18030"]),
)
def test_any_bytes_give_whole_records_or_a_recipient_error(content: bytes, encoding: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recipients.csv")
        path.write_bytes(content)
        try:
            table = open_table(path, shown="recipients.csv", delimiter=None, encoding=encoding)
            records = list(table)
        except RecipientError:
            return
        text = content.decode(encoding).removeprefix("\ufeff")
    # Everything is accounted for: the texts that csv sees below the header, and nothing else.
    below = "".join(list(split_lines(text))[table.header - 1 :])
    lines = io.StringIO(below, newline="")
    seen = [texts_of(cells) for cells in csv.reader(lines, delimiter=table.delimiter, strict=True)]
    told = [texts_of(cells) for _, cells in records]
    assert list(filter(None, told)) == list(filter(None, seen))[1:]
    assert all(len(cells) == len(table.columns) for _, cells in records)
    numbers = [line for line, _ in records]
    assert numbers == sorted(set(numbers))


def test_the_source_closes_its_file_even_if_reading_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("one\ntwo\n")
    with Source(path, shown="list.txt", encoding="utf-8") as opened:
        lines = opened.lines()
        assert next(lines) == "one\n"
    assert next(lines) == "two\n"
    with pytest.raises(ValueError, match="closed file"):
        next(lines)
