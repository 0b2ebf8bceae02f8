"""The codes of the checks: each with its severity, the reason for it, and how to mend the cause.

    MB206 warning  An image has no alt text
    why            Most programs show no images until they are asked to; screen readers never do.
    mend           Write `alt="..."`, and `alt=""` for mere decoration.

A code keeps its meaning for ever: scripts and the annotations of `--format github` are written
against codes. The rows are in code_table.py; docs/generate.py makes docs/reference/checks.md of
them. This module must never decide which code a message gets: the checks do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailbatch.checks.code_table import TABLE


class Severity(StrEnum):
    """The weight of a finding; with `--strict`, warnings count as well.

    An *error* is refused by `mailbatch run`, or would let it mail nobody; a *warning* would be
    noticed by readers of the mail; an *info* is good to know and changes no exit code.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding: `title` has no stop at its end, `why` and `mend` are whole sentences."""

    code: str
    severity: Severity
    title: str
    why: str
    mend: str


#: Gmail cuts an HTML part of more than this many bytes and shows a link to the rest.
CLIPPED_AT = 102 * 1024
#: RFC 5322 2.1.1: the length that a line should not exceed; programs cut subjects well before.
LONG_SUBJECT = 78
#: RFC 5322 2.1.1: the length that a line must not exceed; here of a whole field, folded or not.
LONG_HEADER = 998
#: Infobip tracks at most this many links of a message.
MOST_TRACKED_LINKS = 150
#: A certificate that expires within this many days is worth a warning.
CERTIFICATE_DAYS = 21

#: The beginnings of the codes, by the subject that they are about, as the page has them.
SECTIONS = {
    ("MB10",): "What `mailbatch run` refuses",
    ("MB11", "MB12"): "Recipients and columns",
    ("MB13",): "The edition",
    ("MB2",): "The content",
    ("MB3",): "The headers",
    ("MB4",): "The provider's callbacks",
    ("MB5",): "The server (`check --connect`)",
}

#: Every code, in the order of its number.
CODES = {
    code: Code(code, Severity(severity), title, why, mend)
    for code, severity, title, why, mend in TABLE
}


def severity_of(code: str) -> Severity:
    """Return the severity of the findings of a code."""
    return CODES[code].severity
