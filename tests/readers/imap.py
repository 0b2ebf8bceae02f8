"""The answers of an IMAP server (RFC 3501 and its BINARY, RFC 3516), as far as FETCH has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

#: An atom or a string, NIL, or a list of such values.
Value: TypeAlias = "bytes | list[Value] | None"

_TOKEN = re.compile(rb'\s*(?:(\()|(\))|~?\{(\d+)\}\r\n|"((?:[^"\\]|\\.)*)"|([^\s()"]+))', re.DOTALL)
_FETCHED = re.compile(rb"^\* (\d+) FETCH ", re.MULTILINE)


def fetched(said: bytes) -> Iterator[tuple[int, dict[str, Value]]]:
    """Yield each answer to FETCH: the number of the message, and its items by name."""
    at = 0
    while found := _FETCHED.search(said, at):
        items, at = _value(said, found.end())
        assert isinstance(items, list)
        names = [name.decode() for name in items[::2] if isinstance(name, bytes)]
        yield int(found[1]), dict(zip(names, items[1::2], strict=True))


def _value(said: bytes, at: int) -> tuple[Value, int]:
    found = _TOKEN.match(said, at)
    assert found is not None, said[at : at + 80]
    opened, closed, octets, string, atom = found.groups()
    assert not closed, said[at - 40 : at + 40]
    at = found.end()
    if opened:
        values: list[Value] = []
        while not (end := re.compile(rb"\s*\)").match(said, at)):
            value, at = _value(said, at)
            values.append(value)
        return values, end.end()
    if octets is not None:
        return said[at : at + int(octets)], at + int(octets)
    if string is not None:
        return re.sub(rb"\\(.)", rb"\1", string), at
    return (None if atom == b"NIL" else atom), at
