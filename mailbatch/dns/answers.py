"""The answers to a question of DNS: records, no such name, no such record, or no answer.

    match ask("_dmarc.example.com", "TXT"):
        case Records(values): ...          # octets of TXT, texts of all other types
        case Absent(name_exists): ...      # NODATA, or NXDOMAIN (RFC 2308)
        case Unanswered(why): ...          # SERVFAIL, REFUSED, a timeout, no network

Three classes, so that no code can take a failure of DNS for an absent record by comparing with an
empty list. This module must never ask.

Tests: tests/dns/test_asking.py.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from mailbatch.frozen import frozen

#: The types of records that a mailing's domains are asked for.
Kind: TypeAlias = Literal["A", "AAAA", "MX", "TXT"]


@frozen
class Records:
    """The records of a name: of TXT the joined strings, each as octets in latin-1.

    `values` of A and AAAA are addresses, those of MX are host names in lower case without the dot
    at the end, by preference; the root, of a null MX, is "".
    """

    values: tuple[str, ...]


@frozen
class Absent:
    """The certain answer that there is no such record; `name_exists` is false with NXDOMAIN."""

    name_exists: bool


@frozen
class Unanswered:
    """A question without an answer; the record may be there or not."""

    why: str


#: The answer to one question.
Answer: TypeAlias = Records | Absent | Unanswered


class Ask(Protocol):
    """A port that asks for the records of a name, and waits for the answer."""

    def __call__(self, name: str, kind: Kind) -> Answer:
        """Return the answer about the records of a name; never raise."""
        ...
