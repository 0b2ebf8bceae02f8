"""The columns of the results: the one table from which all forms of the results derive.

The facts of the ledger come first, those of reports behind, and the server of the last attempt at
the end. A new column is one line here, the last of all. For a fact of the ledger,
`ledger.rows.ResultRow` has a field of the same name, and `ledger.standing` the expression of the
field; for one of reports, `results.told.Told` has the field. `python docs/generate.py` then writes
the reference and the JSON Schema.

Tests: tests/results/test_lines.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from mailbatch.frozen import frozen
from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from mailbatch.reports.standing import COUNTED
from mailbatch.times import iso_time

#: A cell that begins so is a formula to a spreadsheet; the last four are full-width forms.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: Controls, line ends, and characters that turn the direction of text around.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def defused(text: str) -> str:
    r"""Escape control characters, and put an apostrophe before the beginning of a formula.

    Source: https://owasp.org/www-community/attacks/CSV_Injection.

    >>> defused("=1+1"), defused("Message queued\x07")
    ("'=1+1", 'Message queued\\x07')
    """
    if not text.isprintable():
        text = _CONTROL.sub(_escaped, text)
    return f"'{text}" if _FORMULA.match(text) else text


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")


def _unchanged(value: Any) -> Any:
    return value


@frozen
class Type:
    """A type of value, and the form of a value in each output.

    `words` name the type in the reference, `schema` describes a value for JSON Schema. `member`
    makes the member of a JSON object out of a value, `cell` the cell of the CSV; None reaches
    neither. `plain` is a Python expression of `value`, equal to `cell` where nothing is to be
    defused; `lines` compiles the expression, and has the functions that an expression may name.
    """

    words: str
    schema: Mapping[str, Any]
    plain: str = "value"
    member: Callable[[Any], Any] = _unchanged
    cell: Callable[[Any], Any] = _unchanged


#: A text that others wrote: an address, a reply, a reason.
TEXT = Type("text", {"type": "string"}, cell=defused)
#: A text that mailbatch made or checked, and no spreadsheet takes for a formula.
TOKEN = Type("text", {"type": "string"})
NUMBER = Type("number", {"type": "integer"})
TIME = Type(
    "time, UTC",
    {"type": "string", "format": "date-time", "pattern": "Z$"},
    plain="iso_time(value)",
    member=iso_time,
    cell=iso_time,
)
STATUS = Type(
    "[status](#status)", {"enum": [str(status) for status in Status]}, member=str, cell=str
)
EVENT = Type(
    "[event](reports.md#events)",
    {"enum": [str(event) for event in Event if event not in COUNTED]},
    member=str,
    cell=str,
)
KIND = Type(
    "[kind](reports.md#events)", {"enum": [str(kind) for kind in Kind]}, member=str, cell=str
)


@frozen
class Column:
    """A column of the results; `name` is also the name of the row's field with the value.

    An empty cell stands for None, which only a `nullable` column has. `bounds` are further keywords
    of JSON Schema.
    """

    name: str
    type: Type
    description: str = ""
    nullable: bool = True
    bounds: Mapping[str, Any] = field(default_factory=dict)


LEDGER_COLUMNS = (
    Column(
        "row",
        NUMBER,
        "Line on which the record starts (the header of a CSV is line 1); null: the row left the "
        "table.",
        bounds={"minimum": 1},
    ),
    Column("email", TEXT, "The address, or the cell if it is not one.", nullable=False),
    Column("status", STATUS, nullable=False),
    Column("message_id", TEXT, "The server's name for the accepted message."),
    Column("reply_code", NUMBER, bounds={"minimum": 200, "maximum": 599}),
    Column("enhanced_status", TOKEN, bounds={"pattern": r"^[245]\.\d{1,3}\.\d{1,3}$"}),
    Column("reply", TEXT, "The text of the reply that decided it."),
    Column("attempts", NUMBER, nullable=False, bounds={"minimum": 0}),
    Column("group", TEXT, r"Values of group_by joined by '/'; '/' and '\' escaped."),
    Column("edition", TEXT, nullable=False),
    Column("header_message_id", TOKEN, "Our Message-ID, without angle brackets."),
    Column("first_attempt_at", TIME),
    Column("settled_at", TIME),
    Column("reason", TEXT, "What no reply says, and which copies were refused."),
)
REPORT_COLUMNS = (
    Column("report", EVENT, "What became of the accepted message: the strongest report."),
    Column("report_kind", KIND, "The kind of a bounce."),
    Column("report_code", TEXT, "An enhanced status, or a number of the provider."),
    Column("report_text", TEXT, "The words of the server or of the provider."),
    Column("reported_at", TIME, "When it happened, else when the report came."),
    Column("opens", NUMBER, "Empty where no report is known.", bounds={"minimum": 0}),
    Column("clicks", NUMBER, "Empty where no report is known.", bounds={"minimum": 0}),
)
#: A fact of the ledger that came when the others had their places.
SERVER = Column(
    "server",
    TOKEN,
    "Host and port of `server.fallback`, where that server had the last attempt; empty: the first "
    "server, or none.",
)
COLUMNS = (*LEDGER_COLUMNS, *REPORT_COLUMNS, SERVER)
