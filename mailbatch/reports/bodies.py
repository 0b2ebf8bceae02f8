"""A body of others as a tree of values: JSON, and XML without the dangers of XML.

A body that is too long, too deep, not in UTF-8 or of another form is a `BodyError` with a place.
XML with a DOCTYPE is refused before the rest is read: entities and external files begin there. This
module must never know the meaning of a member.

Tests: tests/reports/test_hostile.py.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn
from xml.parsers import expat

#: Bytes; 2,000 reports with 4,000 characters of callback data each have 9.3 million.
LONGEST_BODY = 16 * 1024 * 1024
#: Objects and lists in one body: each costs memory even where it is empty.
MOST_CONTAINERS = 1_000_000
_DEEPEST_XML = 16
#: 2,000 reports have 80,000 elements.
MOST_ELEMENTS = 300_000


class BodyError(Exception):
    """A body has another form than a reader wants; `place` is a line and column, or empty."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


def read_json(body: bytes) -> Any:
    """Return the value of a JSON body (RFC 8259).

    Raises:
        BodyError: the body is no JSON, not in UTF-8, too long, too deep or too much.
    """
    _check_length(body)
    if body.count(b"{") + body.count(b"[") > MOST_CONTAINERS:
        raise BodyError("", f"more than {MOST_CONTAINERS} objects and lists")
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BodyError(f"byte {error.start}", "not in UTF-8") from None
    except json.JSONDecodeError as error:
        raise BodyError(f"line {error.lineno}, column {error.colno}", error.msg) from None
    except RecursionError:
        raise BodyError("", "objects and lists lie in one another too deep") from None
    except ValueError as error:  # a number of too many digits
        raise BodyError("", str(error)) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def read_xml_results(body: bytes) -> list[dict[str, Any]]:
    """Return each element `result` of an XML body, the children by name, under any root.

    A child is a text, or a mapping where the child has children, too.

    Raises:
        BodyError: the body is no XML, has a DOCTYPE, is too long or too deep, or has neither an
            element `results` nor one `result`.

    Example:
        >>> read_xml_results(b"<r><results><result><to>a@b.c</to></result></results></r>")
        [{'to': 'a@b.c'}]
    """
    _check_length(body)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    tree = _Results(parser)
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset + 1}"
        raise BodyError(place, expat.ErrorString(error.code)) from None
    except (UnicodeError, LookupError, ValueError) as error:  # an encoding that is none
        raise BodyError("line 1", str(error)) from None
    if not tree.has_results:
        raise BodyError("", "XML, but of no report: there is no element `results`")
    return tree.results


class _Results:
    """The open elements and the results of a body, which expat reports one by one."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._elements = 0
        self.results: list[dict[str, Any]] = []
        self.has_results = False
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._add_text

    def _fail(self, reason: str) -> NoReturn:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        raise BodyError(f"line {line}, column {column}", reason)

    def _refuse_doctype(self, *_: object) -> None:
        self._fail("a DOCTYPE has no place in a report")

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) == _DEEPEST_XML:
            self._fail("elements lie in one another too deep")
        if self._elements > MOST_ELEMENTS:
            self._fail(f"more than {MOST_ELEMENTS} elements")
        name = name.rpartition(":")[2]
        self.has_results |= name in ("results", "result")
        self._open.append((name, {}, []))

    def _add_text(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)

    def _end(self, _: str) -> None:
        name, children, texts = self._open.pop()
        if name == "result":
            self.results.append(children)
        elif self._open:
            self._open[-1][1][name] = children or "".join(texts).strip()


def _check_length(body: bytes) -> None:
    if len(body) > LONGEST_BODY:
        raise BodyError("", f"longer than {LONGEST_BODY // 1024 // 1024} MiB")
