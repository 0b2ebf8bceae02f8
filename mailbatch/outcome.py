"""The outcome of a recipient: a `Status`, the server's `Reply`, and both as an `Outcome`.

These are values: no I/O, no clock, no wording for people. The `Reply` that the server gave travels
unchanged from the wire to the ledger and the results.

Tests: tests/smtp/test_transaction.py, tests/smtp/test_details.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Self, overload

from mailbatch.frozen import frozen


class Status(StrEnum):
    """The state of a recipient; the words of the results CSV."""

    PENDING = "pending"  # not tried yet, or tried and certainly not taken
    ACCEPTED = "accepted"  # 2yz to the end of data, and to this RCPT
    REJECTED = "rejected"  # refused for good (5yz)
    DEFERRED = "deferred"  # refused for now (4yz)
    IN_DOUBT = "in_doubt"  # the end of data was sent and its reply never came
    INVALID = "invalid"  # the row cannot be mailed
    SUPPRESSED = "suppressed"  # on a suppression list
    DUPLICATE = "duplicate"  # the key, by default the address, stood in an earlier row
    FILTERED = "filtered"  # `where` is false, or the sheet hides the row
    WITHDRAWN = "withdrawn"  # the row left the table before it was sent
    SKIPPED = "skipped"  # an in_doubt that `resolve --skip` settled


#: What no later run touches, unless a person asks for that.
SETTLED = frozenset({Status.ACCEPTED, Status.REJECTED, Status.IN_DOUBT, Status.SKIPPED})
#: What a later run still has to do something about.
UNFINISHED = frozenset({Status.PENDING, Status.DEFERRED})
#: Statuses of rows that are no message of a run.
NEVER_MAILED = frozenset({Status.INVALID, Status.SUPPRESSED, Status.DUPLICATE, Status.FILTERED})

# The classes of a reply (RFC 5321 4.2.1): 2yz completion, 3yz intermediate, 4yz transient and 5yz
# permanent refusal.
_COMPLETION, _FIRST_NEGATIVE, _FIRST_PERMANENT = 2, 400, 500
_CLOSING = 421  # RFC 5321 3.8


@frozen
class Reply:
    """One complete reply of the server (RFC 5321 4.2).

    `lines` are the texts after the code, without line ends and without the enhanced status code.
    That one is `enhanced` (RFC 3463, `"2.1.5"`) where class and code agree, else None. Text is
    decoded as UTF-8, with backslash escapes for other bytes; no text decides anything.
    `negative`: the command was refused, 4yz or 5yz (RFC 5321 4.2.1).
    """

    code: int
    lines: tuple[str, ...] = ()
    enhanced: str | None = None
    negative: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Tell the class once: each reply to a group is asked for it several times."""
        object.__setattr__(self, "negative", self.code >= _FIRST_NEGATIVE)

    @property
    def positive(self) -> bool:
        """Whether the command was carried out: 2yz (RFC 5321 4.2.1)."""
        return self.code // 100 == _COMPLETION

    @property
    def transient(self) -> bool:
        """Whether the command was refused for now: 4yz."""
        return _FIRST_NEGATIVE <= self.code < _FIRST_PERMANENT

    @property
    def permanent(self) -> bool:
        """Whether the command was refused for good: 5yz."""
        return self.code >= _FIRST_PERMANENT

    @property
    def closing(self) -> bool:
        """Whether the server ends the session with this reply: 421 (RFC 5321 3.8)."""
        return self.code == _CLOSING

    @property
    def text(self) -> str:
        """The text of all lines, joined by a space."""
        return " ".join(self.lines)

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.code, self.enhanced, self.text) if part)


@frozen
class Outcome:
    """The outcome of one transaction for one recipient address.

    `status` is PENDING (certainly not taken), ACCEPTED, REJECTED, DEFERRED or IN_DOUBT.
    `reply` is the deciding reply: to RCPT, MAIL, DATA or the end of data; None where the
    conversation broke off. The reply of an accepted recipient is that to the end of data, which
    names the server's message id. `reason` is a reason in words that no reply holds.
    `counted` is False where no attempt was used up (452 "too many recipients", not sent at all).
    """

    address: str
    status: Status
    reply: Reply | None = None
    reason: str | None = None
    counted: bool = True


@frozen
class SameForAll(Sequence[Outcome]):
    """The outcomes of a transaction that are the same for all addresses.

    A sequence of `Outcome`, each made at access: a reader of the status alone need not make
    thousands of outcomes. The sequence is equal to no tuple of the same outcomes.
    """

    addresses: tuple[str, ...]
    status: Status
    reply: Reply | None = None
    reason: str | None = None
    counted: bool = True

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self | None:
        """Return outcomes as one sequence; None where two differ in more than the address."""
        if not outcomes:
            return None
        first = outcomes[0]
        said = (first.status, first.reply, first.reason, first.counted)
        for other in outcomes:
            if (other.status, other.reply, other.reason, other.counted) != said:
                return None
        return cls(tuple([outcome.address for outcome in outcomes]), *said)

    def __len__(self) -> int:
        return len(self.addresses)

    def __iter__(self) -> Iterator[Outcome]:
        for address in self.addresses:
            yield Outcome(address, self.status, self.reply, self.reason, self.counted)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Outcome | Self:
        chosen = self.addresses[index]
        if isinstance(chosen, str):
            return Outcome(chosen, self.status, self.reply, self.reason, self.counted)
        return type(self)(chosen, self.status, self.reply, self.reason, self.counted)
