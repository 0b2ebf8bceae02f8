"""JSON lines are read exactly, object by object, and what is none is refused with its line."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import RecipientError
from mailbatch.recipients.json_lines import JsonLines, open_json_lines

Read = Callable[..., JsonLines]


def opened(path: Path, encoding: str = "utf-8") -> JsonLines:
    return open_json_lines(path, shown="recipients.jsonl", encoding=encoding)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write bytes or text as recipients.jsonl and open them."""

    def written(content: bytes | str, encoding: str = "utf-8") -> JsonLines:
        path = tmp_path / "recipients.jsonl"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return opened(path, encoding)

    return written


def test_the_keys_of_the_first_object_are_the_columns(read: Read) -> None:
    lines = read('{"email": "a@b.c", "name": "Ann"}\n{"name": "Bob", "email": "b@b.c"}\n')
    assert lines.columns == ("email", "name")
    assert list(lines) == [(1, ("a@b.c", "Ann")), (2, ("b@b.c", "Bob"))]


def test_it_can_be_read_again(read: Read) -> None:
    lines = read('{"email": "a@b.c"}')
    assert list(lines) == list(lines) == [(1, ("a@b.c",))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_no_records_but_are_counted(end: str, read: Read) -> None:
    lines = read(end.join(["", '{"email": "a@b.c"}', " \t", '  {"email": "b@b.c"} ', ""]))
    assert lines.header == 2
    assert list(lines) == [(2, ("a@b.c",)), (4, ("b@b.c",))]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"Ann"', "Ann"),
        ('" Zo\\u00eb\\n\\"\\\\ \\ud83d\\ude00 "', ' Zoë\n"\\ \U0001f600 '),
        ('""', ""),
        ("17", "17"),
        ("-0", "-0"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("0.1", "0.1"),
        ("1.50", "1.50"),
        ("5.0", "5.0"),
        ("1e3", "1e3"),
        ("1E400", "1E400"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
    ],
)
def test_every_value_becomes_text(written: str, text: str, read: Read) -> None:
    assert list(read(f'{{"v": {written}}}')) == [(1, (text,))]


def test_keys_stay_as_they_are(read: Read) -> None:
    assert read('{" email ": "", "größe\\u0021": 1}').columns == (" email ", "größe!")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_that_of_the_job(encoding: str, read: Read) -> None:
    assert list(read('{"name": "Zoë"}\n', encoding)) == [(1, ("Zoë",))]


OBJECT = "Each line is one whole object"
#: What a file holds, what is said about it behind its name, and how the hint begins.
REFUSED: list[tuple[bytes, str, str | None]] = [
    (b"", ":1: the file is empty", OBJECT),
    (b"\n \n", ":1: the file is empty", OBJECT),
    (b"email,name\n", ":1:1: this is no JSON: expecting value", OBJECT),
    (b'{"a": 1}{"a": 2}', ":1:9: this is no JSON: extra data", OBJECT),
    (b'[{"a": 1},\n{"a": 2}]', ":1:11: this is no JSON: ", "A JSON array is no JSON lines"),
    (b'[{"a": 1}]', ":1: this is a list, not an object", "A JSON array is no JSON lines"),
    (b'{\n"a": 1\n}', ":1:2: this is no JSON: ", OBJECT),
    (b"17", ":1: this is a single value, not an object", OBJECT),
    (b"null", ":1: this is a single value, not an object", OBJECT),
    (b"{}", ":1: the first object has no keys", OBJECT),
    (b'{"a": 1, "a": 1}', ":1: the key 'a' stands there twice", OBJECT),
    (b'{"": 1}', ":1: column 1 of 1 has no name", OBJECT),
    (b'{"a\\u0000": 1}', ":1: column 1 has a control character in its name: 'a\\x00'", OBJECT),
    (b'{"a\\ud800": 1}', ":1: a key holds half a surrogate pair", OBJECT),
    (b'{"a": NaN}', ":1: this is no JSON: NaN is no number there", None),
    (b'{"a": -Infinity}', ":1: this is no JSON: -Infinity is no number there", None),
    (
        b'{"a": [1]}',
        ":1: the value of 'a' is a list; a cell holds a text, a number, true, false or null",
        None,
    ),
    (
        b'{"a": {"b": 1}}',
        ":1: the value of 'a' is an object; a cell holds a text, a number, true, false or null",
        None,
    ),
    (b'{"a": "\\ud800"}', ":1: the value of 'a' holds half a surrogate pair", None),
    (b'{"a": "\\u0000"}', ":1: the value of 'a' holds a NUL character", None),
    (b'{"a": "\t"}', ":1:8: this is no JSON: invalid control character", OBJECT),
    (
        b'{"a": "' + b"x" * 131_073 + b'"}',
        ":1: the value of 'a' has more than 131072 characters",
        None,
    ),
    (b'{"a": "' + b"x" * (1 << 20) + b'"}', ":1: a line of more than 1048576 characters", None),
    (b"[" * 200_000, ":1: this is no JSON: nested too deep", None),
    (b'\n{"a": 1}\n{"a": 1, "a": 2}', ":3: the key 'a' stands there twice", None),
    (
        b'\n{"name": 1, "b": 2}\n{"nmae": 1, "b": 2}',
        ":3: the key 'nmae' is not on line 2, which names the columns",
        "Did you mean 'name'?",
    ),
    (
        b'{"a": 1}\n{"a": 1, "more": 2}',
        ":2: the key 'more' is not on line 1, which names the columns",
        "There are: a.",
    ),
    (
        b'{"a": 1, "b": 2}\n{"a": 1}',
        ":2: the key 'b' is missing, which line 1 has",
        "Write null where there is no value.",
    ),
    (b'{"a": 1}\n{"a": 1', ":2:8: this is no JSON: expecting ',' delimiter", OBJECT),
    (b'{"a": 1}\n{"a": "\xff"}', ":2:8: byte 0xFF is not valid utf-8", None),
    (b"PK\x03\x04", ": the file is an Excel workbook or another zip archive, not text", None),
]


@pytest.mark.parametrize(("content", "message", "hint"), REFUSED, ids=[m for _, m, _ in REFUSED])
def test_what_is_refused_says_where_and_why(
    content: bytes, message: str, hint: str | None, read: Read
) -> None:
    with pytest.raises(RecipientError) as caught:
        list(read(content))
    assert str(caught.value).startswith(f"recipients.jsonl{message}")
    if hint is not None:
        assert (caught.value.hint or "").startswith(hint)


def test_records_before_the_mistake_are_given(read: Read) -> None:
    records = iter(read('{"a": 1}\n{"a": 2}\n{"b": 3}\n'))
    assert [next(records), next(records)] == [(1, ("1",)), (2, ("2",))]
    with pytest.raises(RecipientError, match="jsonl:3:"):
        next(records)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "recipients.jsonl"
    row = '{"email": "someone@example.com", "note": "some more text to make it longer", "n": 1}\n'
    path.write_text(row * 40_000)
    lines = opened(path)
    tracemalloc.start()
    try:
        assert sum(1 for _ in lines) == 40_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 3_000_000
    assert peak < 3_000_000


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NAMES = st.lists(
    st.sampled_from(["email", "Größe", "a b", '"', "\\", "x"]), min_size=1, unique=True
)


@settings(deadline=None, max_examples=100)
@given(
    names=NAMES,
    data=st.data(),
    ascii_only=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_a_json_writer_writes_is_read_back(
    names: list[str], data: st.DataObject, ascii_only: bool, end: str
) -> None:
    row = st.fixed_dictionaries(dict.fromkeys(names, TEXTS | st.integers() | st.booleans()))
    rows = data.draw(st.lists(row, min_size=1, max_size=6))
    written = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recipients.jsonl")
        path.write_bytes(end.join(written).encode())
        lines = opened(path)
        assert lines.columns == tuple(rows[0])
        cells = [
            tuple(v if isinstance(v := one[name], str) else json.dumps(v) for name in lines.columns)
            for one in rows
        ]
        assert list(lines) == list(enumerate(cells, 1))


SCRAPS = ['{"a":1}', '{"a":"b"}', "\n", "\r", "{", "}", "[", "]", '"', ",", ":", "a", "\\u0000"]


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=40)
    | st.lists(st.sampled_from(SCRAPS), max_size=12).map("".join).map(str.encode)
)
def test_any_bytes_give_whole_records_or_a_recipient_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recipients.jsonl")
        path.write_bytes(content)
        try:
            lines = opened(path)
            records = list(lines)
        except RecipientError:
            return
    seen = [json.loads(line) for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    assert len(records) == len(seen)
    assert all(set(one) == set(lines.columns) for one in seen)
