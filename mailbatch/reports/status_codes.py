"""Codes in a delivery status: the reply, the enhanced status, and whether an address is blamed.

Servers disagree: Exim, Courier, chasquid and OpenSMTPD write `Status: 5.0.0` whatever was said,
Courier even for a message that was given up behind `451 4.7.1`. So the reply decides whether a
bounce is hard, and a Status of x.0.0 gives way to the code behind the reply.

Tests: tests/reports/test_mail_reports.py.
"""

from __future__ import annotations

import re

from mailbatch.reports.report import Kind

#: Codes (RFC 3463, without their class) that speak of the address itself. Mailbox full (2.2) and
#: all of security and policy (7.x) do not; 5.0.0 says nothing.
ABOUT_ADDRESS = frozenset(
    {
        "1.1",  # bad destination mailbox address (RFC 3463 3.2)
        "1.2",  # bad destination system address
        "1.3",  # bad destination mailbox address syntax
        "1.6",  # the mailbox has moved
        "1.10",  # the domain takes no mail (RFC 7505)
        "2.1",  # mailbox disabled (RFC 3463 3.3)
    }
)
#: A reply code, behind at most three words (`MAIL+RCPT 550`), and the code directly behind it.
_REPLY = re.compile(
    r"(?:[^\d\s]\S{0,60}\s+){0,3}([245]\d\d)(?:[ -]+([245]\.\d{1,3}\.\d{1,3})(?![\d.]))?(?![\d.])"
)
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?![\d.])")


def reply_in(words: str) -> tuple[str, str]:
    """Return the reply code and the enhanced status that a server's words begin with.

    Either is empty where missing.

    Example:
        >>> reply_in("MAIL+RCPT 550 5.1.1 No such mailbox here, see 5.0.0 in our manual")
        ('550', '5.1.1')
    """
    found = _REPLY.match(words.strip())
    return (found[1], found[2] or "") if found else ("", "")


def status_in(text: str) -> str:
    """Return the enhanced status that a field begins with; empty for any other text."""
    found = _STATUS.match(text.strip())
    return found[1] if found else ""


def kind_of(reply: str, status: str) -> Kind:
    """Return the kind of a bounce: the class of the reply, else of the enhanced status."""
    match (reply or status)[:1]:
        case "5":
            return Kind.HARD
        case "4":
            return Kind.SOFT
        case _:
            return Kind.UNKNOWN


def code_of(status: str, enhanced: str) -> str:
    """Return Status, or the enhanced status of the reply where Status is x.0.0 or missing."""
    if enhanced and (not status or status.endswith(".0.0")):
        return enhanced
    return status


def speaks_of_address(code: str) -> bool:
    """Tell whether an enhanced status of class 5 speaks of the address itself."""
    return code.startswith("5.") and code[2:] in ABOUT_ADDRESS
