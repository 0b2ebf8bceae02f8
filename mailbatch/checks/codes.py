"""The codes of the checks: each with its severity, the reason for it, and how to mend the cause.

    MB206 warning  An image has no alt text
    why            Most programs show no images until they are asked to; screen readers never do.
    mend           Write `alt="..."`, and `alt=""` for mere decoration.

A code keeps its meaning for ever: scripts and the annotations of `--format github` are written
against codes. The page docs/reference/checks.md is generated from the tables by docs/generate.py.
Each subject has its table beside this module: `mailing_codes`, `message_codes`, `outside_codes`,
`published_codes`, `link_codes`, `access_codes`.
This module must never decide which code a message gets: the checks do.
"""

from __future__ import annotations

from mailbatch.checks.access_codes import ACCESS_CODES
from mailbatch.checks.code import Code, Severity
from mailbatch.checks.link_codes import LINK_CODES
from mailbatch.checks.mailing_codes import MAILING_CODES
from mailbatch.checks.message_codes import MESSAGE_CODES
from mailbatch.checks.outside_codes import OUTSIDE_CODES
from mailbatch.checks.published_codes import PUBLISHED_CODES

__all__ = [
    "CERTIFICATE_DAYS", "CLIPPED_AT", "CODES", "LONG_HEADER", "LONG_SUBJECT", "MOST_BYTES",
    "MOST_TRACKED_LINKS", "SECTIONS", "Code", "Severity", "severity_of",
]  # fmt: skip

#: Gmail cuts an HTML part of more than this many bytes and shows a link to the rest.
CLIPPED_AT = 102 * 1024
#: Postfix takes a message of at most this many bytes where `message_size_limit` is not set
#: (postconf(5)).
MOST_BYTES = 10_240_000
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
    ("MB14",): "Suppression lists",
    ("MB15",): "The time",
    ("MB20", "MB21", "MB22", "MB23"): "The content",
    ("MB24",): "Access for everybody",
    ("MB3",): "The headers",
    ("MB4",): "The provider's callbacks",
    ("MB501", "MB502", "MB503", "MB504", "MB505"): "The server (`check --connect`)",
    ("MB506", "MB507", "MB508", "MB509", "MB51"): "DNS (`check --connect`)",
    ("MB52",): "Links that are asked for (`check --links`)",
}

_TABLES = (
    MAILING_CODES, MESSAGE_CODES, ACCESS_CODES, OUTSIDE_CODES, PUBLISHED_CODES, LINK_CODES,
)  # fmt: skip
#: Every code, in the order of its number.
CODES = dict(sorted((code.code, code) for table in _TABLES for code in table))


def severity_of(code: str) -> Severity:
    """Return the severity of the findings of a code."""
    return CODES[code].severity
