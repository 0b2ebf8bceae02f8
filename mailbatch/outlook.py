"""The outlook of a mailing: the next real run, foretold from the files and the ledger.

    outlook = Outlook({"accepted": 2}, finished_at=1_795_767_300.0, changed=("letter.txt.j2",))
    assert outlook.reached == 0 and outlook.is_wrong

Values only: `delivery.outlook` reads the ledger, the checks and the summary of a rehearsal say the
words.

Tests: tests/delivery/test_outlook.py, tests/checks/test_edition_checks.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from mailbatch.errors import InputError, InputErrors, MailbatchError
from mailbatch.frozen import frozen
from mailbatch.outcome import SETTLED, UNFINISHED, Status
from mailbatch.times import iso_time


class Moved(Protocol):
    """A row that gets nothing: its key had the message at another address."""

    @property
    def line(self) -> int:
        """The line of the row."""

    @property
    def address(self) -> str:
        """The address of the row."""

    @property
    def mailed(self) -> str:
        """The address that had the message."""

    @property
    def status(self) -> Status:
        """The status of the recipient."""


@frozen
class Outlook:
    """The result of a real run of a mailing, as far as the files and the ledger tell.

    `counts` are the rows of the table by status, before the first transaction of that run; empty
    where the ledger cannot be read. `finished_at` (seconds since the epoch) is None where the
    edition is not finished. `changed` names the inputs of the message that are new since recipients
    had the message. `refused` is the error with which that run would end before it sends. `moved`
    are the first rows that get nothing, as their key was mailed at another address; `moves` is the
    number of all of these.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    finished_at: float | None = None
    changed: tuple[str, ...] = ()
    refused: MailbatchError | None = None
    moved: tuple[Moved, ...] = ()
    moves: int = 0

    @property
    def reached(self) -> int:
        """The number of recipients that the run would send to."""
        return sum(self.counts.get(status, 0) for status in UNFINISHED)

    @property
    def is_over(self) -> bool:
        """Whether earlier runs have left no recipient to be mailed."""
        return not self.reached and any(self.counts.get(status) for status in SETTLED)

    @property
    def is_wrong(self) -> bool:
        """Whether the message, as the files have it now, would reach no recipient by mistake.

        The edition is over, and the message is new since; or the run would refuse the files.
        """
        return (self.is_over and bool(self.changed)) or isinstance(
            self.refused, InputError | InputErrors
        )

    @property
    def remedy(self) -> str | None:
        """The next step behind `refused`: of several errors that of the last one."""
        return None if self.refused is None else self.refused.errors[-1].hint

    def told(self, edition: str) -> str:
        """Return in words that an edition is over, and which inputs of the message are new since.

        >>> Outlook({"accepted": 2}, 1_795_767_300.0, ("letter.txt.j2",)).told("one")
        'edition one was finished on 2026-11-27T08:15:00Z, before letter.txt.j2 changed'
        """
        done = iso_time(self.finished_at)
        text = f"edition {edition} was finished on {done}" if done else f"edition {edition} is over"
        return f"{text}, before {', '.join(self.changed)} changed" if self.changed else text
