"""What is not a table is refused with its line, in these words."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from mailbatch.errors import RecipientError
from mailbatch.recipients import source
from mailbatch.recipients.table import Table, open_table

UTF16 = "email,name\nann@example.com,Ann\n"
LONG = b"x" * 131_073
#: What a file holds, and what is said about it behind its name.
NOT_TABLES: dict[str, tuple[bytes, str]] = {
    # What the file is
    "empty file": (b"", ":1: the file is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", ":1: the file is empty"),
    "Excel workbook": (
        b"PK\x03\x04\x14\0\x06\0",
        ": the file is an Excel workbook or another zip archive, not text",
    ),
    "old Excel workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        ": the file is an old Excel workbook, not text",
    ),
    "gzip": (b"\x1f\x8b\x08\0", ": the file is a gzip archive, not text"),
    "PDF": (b"%PDF-1.7\n", ": the file is a PDF document, not text"),
    # Encodings
    "UTF-16 LE with mark": (
        UTF16.encode("utf-16"),
        ": the file is UTF-16 by its byte order mark, not utf-8",
    ),
    "UTF-16 BE with mark": (
        b"\xfe\xff" + UTF16.encode("utf-16-be"),
        ": the file is UTF-16 by its byte order mark, not utf-8",
    ),
    "UTF-16 LE without mark": (
        UTF16.encode("utf-16-le"),
        ": the file looks like UTF-16 without a byte order mark, not utf-8",
    ),
    "UTF-16 BE without mark": (
        UTF16.encode("utf-16-be"),
        ": the file looks like UTF-16 without a byte order mark, not utf-8",
    ),
    "UTF-32 with mark": (
        UTF16.encode("utf-32"),
        ": the file is UTF-32 by its byte order mark, not utf-8",
    ),
    "UTF-8 mark in a cp1252 job": (
        b"\xef\xbb\xbfemail\n",
        ": the file is UTF-8 by its byte order mark, not cp1252",
    ),
    "UTF-8 in a cp1252 job": (
        "email,name\na@b.c,Jörg\n".encode(),
        ": the file is UTF-8 by all of its letters beyond ASCII, not cp1252",
    ),
    "UTF-16 LE mark in a UTF-16 BE job": (
        UTF16.encode("utf-16"),
        ": the file is UTF-16 by its byte order mark, not utf-16-be",
    ),
    "Latin-1 in the header": (
        "email,Größe\n".encode("latin-1"),
        ":1:9: byte 0xF6 is not valid utf-8",
    ),
    "Latin-1 in a cell": (
        "email,name\na@b.c,Zoë\n".encode("latin-1"),
        ":2:9: byte 0xEB is not valid utf-8",
    ),
    "Latin-1 behind UTF-8": (
        "email,name\na@b.c,é".encode() + b"\xe9\n",
        ":2:8: byte 0xE9 is not valid utf-8",
    ),
    "Latin-1 behind a quoted line end": (
        b'email,name\r\na@b.c,"x\r\ny"\r\nb@b.c,\xe9\r\n',
        ":4:7: byte 0xE9 is not valid utf-8",
    ),
    "UTF-8 cut off at the end": (
        b"email,name\na@b.c,\xe2\x82",
        ":2:7: byte 0xE2 is not valid utf-8",
    ),
    "overlong UTF-8": (b"email\na@b.c\xc0\x80\n", ":2:6: byte 0xC0 is not valid utf-8"),
    "surrogate in UTF-8": (b"email\n\xed\xa0\x80\n", ":2:1: byte 0xED is not valid utf-8"),
    "undefined byte in cp1252": (b"email\nx\x81\n", ":2:2: byte 0x81 is not valid cp1252"),
    "lone surrogate in UTF-16": (
        b"\xff\xfe" + "email\n".encode("utf-16-le") + b"\0\xd8x\0",
        ":2:1: byte 0x00 is not valid utf-16",
    ),
    "UTF-16 job and no mark": (
        UTF16.encode("utf-16-be"),
        ": the file has no byte order mark, which utf-16 needs",
    ),
    "odd number of bytes in UTF-16": (b"\xff\xfee\0\n\0x", ":2:1: byte 0x78 is not valid utf-16"),
    "encoding of no file": (b"email\n", ": there is no text encoding 'unicode_escape'"),
    "unknown encoding": (b"email\n", ": there is no text encoding 'klingon'"),
    "encoding that makes no text": (b"email\n", ": there is no text encoding 'hex'"),
    "NUL in the header": (b"email,na\0me\n", ":1:9: a NUL character, which no text has"),
    "NUL in a cell": (b"email\na@b.c\nb@b.c\0\n", ":3:6: a NUL character, which no text has"),
    # Headers
    "blank lines": (b"\n  \t\r\n,,\r\n", ":1: the file is empty"),
    "Excel's mark alone": (b"sep=;\n\n", ":1: there is nothing below Excel's mark"),
    "no header": (
        b"ann@example.com,Ann\nbob@example.com,Bob\n",
        ":1: the first line holds an address, not column names: 'ann@example.com'",
    ),
    "no header, one column": (
        b"ann@example.com\n",
        ":1: the first line holds an address, not column names: 'ann@example.com'",
    ),
    "column twice, behind one without a name": (
        b"email,,name,name\na,,b,c\n",
        ":1: columns 3 and 4 are both named 'name'",
    ),
    "column twice": (b"email,name,name\na,b,c\n", ":1: columns 2 and 3 are both named 'name'"),
    "column twice but for space": (
        b"email, name ,name\n",
        ":1: columns 2 and 3 are both named 'name'",
    ),
    "value without a name": (
        b"email,,name\na@b.c,,Ann\nb@b.c,x,Bob\n",
        ":3: cell 2 has a value, but its column has no name",
    ),
    "value behind the delimiter at the end": (
        b"email,name,\na@b.c,Ann,\nb@b.c,Bob,x\n",
        ":3: cell 3 has a value, but its column has no name",
    ),
    "index of another program": (
        b",email,name\n0,a@b.c,Ann\n",
        ":2: cell 1 has a value, but its column has no name",
    ),
    "quote of a name that swallows a record": (
        b'email,"first\na@b.c,Ann"\n',
        ":1:7: the quote that opens here is never closed on the header line",
    ),
    "more delimiters at the end than in the header": (
        b"email,name\na@b.c,Doe, Ann,\n",
        ":2: 4 cells where the header has 2 columns",
    ),
    "column with a control character": (
        b"email,na\x07me\n",
        ":1: column 2 has a control character in its name: 'na\\x07me'",
    ),
    "open quote in the header": (
        b'email,"name\na@b.c,Ann\n',
        ":1:7: the quote that opens here is never closed on the header line",
    ),
    "text behind a quoted name": (
        b'email,"name"s\n',
        ":1:7: text follows the quoted cell that begins here and ends in column 12",
    ),
    "endless name": (b"email," + LONG + b"\n", ":1: a name of more than 131072 characters"),
    "two delimiters": (
        b"email,name;city\n",
        ":1: the delimiter is unclear: comma, semicolon stand equally often in the header",
    ),
    "three delimiters": (
        b"a,b;c\td\n",
        ":1: the delimiter is unclear: comma, semicolon, TAB stand equally often in the header",
    ),
    "delimiter of two characters": (b"email\n", ":1: '||' cannot be a delimiter"),
    "quote as the delimiter": (b"email\n", ":1: '\"' cannot be a delimiter"),
    # Records
    "one cell too few": (
        b"email,name,city\na@b.c,Ann,Bonn\nb@b.c,Bob\n",
        ":3: 2 cells where the header has 3 columns",
    ),
    "one cell too many": (
        b"email,name\na@b.c,Ann\nb@b.c,Bob,x\n",
        ":3: 3 cells where the header has 2 columns",
    ),
    "other delimiter than the header": (
        b"email,name\na@b.c;Ann\n",
        ":2: 1 cell where the header has 2 columns",
    ),
    "unquoted delimiter": (
        b"email,name\na@b.c,Doe, Ann\n",
        ":2: 3 cells where the header has 2 columns",
    ),
    "space before the quote": (
        b'email,name\na@b.c, "Doe, Ann"\n',
        ":2: 3 cells where the header has 2 columns",
    ),
    "too few behind blank lines": (
        b"email,name\n\n\r\n\na@b.c\n",
        ":5: 1 cell where the header has 2 columns",
    ),
    "too few behind quoted line ends": (
        b'email,name\na@b.c,"1\r\n2\r3\n"\nb@b.c\n',
        ":6: 1 cell where the header has 2 columns",
    ),
    "too few in old Mac line ends": (
        b"email,name\ra@b.c,Ann\rb@b.c\r",
        ":3: 1 cell where the header has 2 columns",
    ),
    "record over two lines too long": (
        b'email,name\na@b.c,"x\ny",z\n',
        ":2: the record from here to line 3 has 3 cells where the header has 2 columns",
    ),
    # Quotes
    "open quote to the end": (
        b'email,name\na@b.c,Ann\nb@b.c,"Bob\nc@b.c,Cid\n',
        ":3:7: the quote that opens here is never closed",
    ),
    "open quote in the last line": (
        b'email,name\na@b.c,Ann\nb@b.c,"Bob',
        ":3:7: the quote that opens here is never closed",
    ),
    "open quote before another": (
        b'email,name\na@b.c,"Ann\nb@b.c,"Bob"\n',
        ":2:7: the quote that opens here is closed on line 3, inside a cell",
    ),
    "open quote behind doubled ones": (
        b'email,name\n"a@b.c","An""n"\n"b@b.c","B""ob\n',
        ":3:9: the quote that opens here is never closed",
    ),
    "text behind a quoted cell": (
        b'email,name\na@b.c,"Ann" Doe\n',
        ":2:7: text follows the quoted cell that begins here and ends in column 11",
    ),
    "text behind a cell over lines": (
        b'email,name\na@b.c,"An\nn" Doe\n',
        ":2:7: the quote that opens here is closed on line 3, inside a cell",
    ),
    "two stray quotes": (
        b'email,name\na@b.c,"Ann\nb@b.c,Bob\nc@b.c,Cid"\nd@b.c,Dan\n',
        ":2: a quoted cell holds what looks like all records from here to line 4",
    ),
    "two stray quotes in the middle": (
        b'id,email,name,city\n1,a@b.c,"Ann,Bonn\n2,b@b.c,Bob,Bern\n3,c@b.c,Cid",Kiel\n',
        ":2: a quoted cell holds what looks like all records from here to line 4",
    ),
    "two stray quotes before the address": (
        b'name,email\n"Ann,a@b.c\nBob,b@b.c\nCid",c@b.c\n',
        ":2: a quoted cell holds what looks like all records from here to line 4",
    ),
    # Sizes
    "endless cell": (
        b"email,name\na@b.c," + LONG + b"\n",
        ":2: a cell of more than 131072 characters",
    ),
    "endless quoted cell": (
        b'email,name\na@b.c,"' + b"Ann\n" * 40_000,
        ":2:7: a cell of more than 131072 characters: the quote that opens here is not closed",
    ),
    "endless line": (
        b"email,name\na@b.c,Ann\n" + b"x," * (1 << 20),
        ":3: a line of more than 1048576 characters",
    ),
    "endless record": (
        b"email,name\na@b.c,Ann\n" + b'"\n",' * 600_000,
        ":3: a record of more than 1048576 characters",
    ),
}
OPTIONS: dict[str, dict[str, str]] = {
    "UTF-16 job and no mark": {"encoding": "utf-16"},
    "UTF-8 mark in a cp1252 job": {"encoding": "cp1252"},
    "UTF-8 in a cp1252 job": {"encoding": "cp1252"},
    "UTF-16 LE mark in a UTF-16 BE job": {"encoding": "utf-16-be"},
    "undefined byte in cp1252": {"encoding": "cp1252"},
    "lone surrogate in UTF-16": {"encoding": "utf-16"},
    "odd number of bytes in UTF-16": {"encoding": "utf-16"},
    "encoding of no file": {"encoding": "unicode_escape"},
    "unknown encoding": {"encoding": "klingon"},
    "encoding that makes no text": {"encoding": "hex"},
    "delimiter of two characters": {"delimiter": "||"},
    "quote as the delimiter": {"delimiter": '"'},
}


@pytest.mark.parametrize("name", NOT_TABLES)
def test_what_is_not_a_table_is_refused_with_its_place(
    name: str, read: Callable[..., Table]
) -> None:
    content, expected = NOT_TABLES[name]
    with pytest.raises(RecipientError) as caught:
        list(read(content, **OPTIONS.get(name, {})))
    assert str(caught.value) == f"recipients.csv{expected}"


QUOTES = (
    'A cell that begins with a quote must end with one; a quote inside it is written twice: "".'
)
HINTS = {
    b"email,name\na@b.c,Zo\xeb\n": (
        "The cell would be 'Zoë' in Windows-1252 (`encoding: cp1252`) and 'ZoÎ' in Mac Roman "
        "(`encoding: mac_roman`): write the one that is right under `recipients:`, or save the "
        "file as UTF-8."
    ),
    b"\xff\xfee\0\n\0": (
        "Write `encoding: utf-16` under `recipients:`, or save the file as UTF-8."
    ),
    b"a@b.c,Ann\n": "The first line names the columns, such as: email,first_name",
    b"email,name,name\n": "Rename one of them: a name means one column.",
    b"email,name\na@b.c,Zo\xc3\xab\xeb\n": (
        "What stands before it is UTF-8: the file mixes encodings, so mend this place."
    ),
    b"a,b;c\n": "Name it by `delimiter:` under `recipients:`.",
    b"email,name,city\na@b.c,Ann\n": (
        "The first cell that is missing is 'city'; an empty cell needs its delimiter."
    ),
    b"email;name\na@b.c;Doe; Ann\n": "A cell that contains a semicolon must be in quotes.",
    b'email,name\na@b.c, "Doe, Ann"\n': (
        "A quote counts only at the very start of a cell: remove the space before it."
    ),
    b'email,name\na@b.c,"Ann\n': QUOTES,
    b'email,name\na@b.c,"Ann"x\n': QUOTES,
}


@pytest.mark.parametrize("content", HINTS)
def test_a_refusal_says_what_to_do(content: bytes, read: Callable[..., Table]) -> None:
    with pytest.raises(RecipientError) as caught:
        list(read(content))
    assert caught.value.hint == HINTS[content]


def test_a_missing_file_is_named_as_the_job_names_it(tmp_path: Path) -> None:
    with pytest.raises(RecipientError) as caught:
        open_table(tmp_path / "none.csv", shown="none.csv", delimiter=None, encoding="utf-8")
    assert str(caught.value) == "none.csv: cannot be read: No such file or directory"
    assert caught.value.exit_code == 65


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(RecipientError, match=r"^lists: not a regular file$"):
        open_table(tmp_path, shown="lists", delimiter=None, encoding="utf-8")


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecipientError, match=r"^pipe: not a regular file$"):
        open_table(tmp_path / "pipe", shown="pipe", delimiter=None, encoding="utf-8")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens only")
def test_a_file_that_cannot_be_read_is_an_error() -> None:
    path = Path("/proc/self/mem")
    with pytest.raises(RecipientError, match=r"^mem: cannot be read: Input/output error$"):
        open_table(path, shown="mem", delimiter=None, encoding="utf-8")


def test_a_header_that_changes_while_the_file_is_read_is_noticed(
    read: Callable[..., Table],
) -> None:
    table = read(b"email,name\na@b.c,Ann\n")
    table.origin.write_bytes(b"name,email\nAnn,a@b.c\n")
    with pytest.raises(RecipientError, match=r"^recipients.csv:1: the header changed"):
        list(table)


def test_a_file_that_vanishes_while_it_is_read_is_noticed(read: Callable[..., Table]) -> None:
    table = read(b"email\na@b.c\n")
    table.origin.unlink()
    with pytest.raises(RecipientError, match=r"^recipients.csv: cannot be read"):
        list(table)


def test_records_before_the_mistake_are_given(read: Callable[..., Table]) -> None:
    records = iter(read(b"email,name\na@b.c,Ann\nb@b.c\n"))
    assert next(records) == (2, ("a@b.c", "Ann"))
    with pytest.raises(RecipientError, match=r"^recipients.csv:3: "):
        next(records)


@pytest.mark.parametrize("fault", [b"\xff,x", b'a@b.c,"x', b"a@b.c\0,x"])
@pytest.mark.parametrize("place", [0, 255, 256, 299])
def test_the_first_mistake_of_a_table_is_named_whatever_is_read_together(
    fault: bytes, place: int, read: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_BLOCK", 64)
    lines = [b"a@b.c,x"] * 320
    lines[place] = b"ragged"
    records = iter(read(b"\n".join([b"email,note", *lines, fault, b""])))
    assert [line for line, _ in islice(records, place)] == list(range(2, place + 2))
    with pytest.raises(RecipientError, match=rf"^recipients.csv:{place + 2}: 1 cell where"):
        next(records)
