"""The verdicts of a run's policy about a transaction and about a session, and its notes.

Worked out in `trouble`, acted upon in `sender` and `link`; nothing is decided here.

Tests: tests/delivery/test_trouble.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from mailbatch.frozen import frozen
from mailbatch.outcome import Outcome


class Entry(Enum):
    """The decision about a session that was not let in."""

    AGAIN = auto()  # it is lost; try again
    GIVE_UP = auto()  # the others are enough
    END = auto()  # end the run


@dataclass(slots=True)
class Worker:
    """The notes about the sessions of one worker, from one session to the next.

    `refused_mails` counts the refused MAILs of the open session, `refused_in_a_row` the last ones
    that were refused for now, `out_of_step` the sessions that ended by 503. `used_up` is the number
    of transactions of the session before, where no more were taken, until the first MAIL of the
    next session is answered; `closed`: the server closed that session.
    """

    refused_mails: int = 0
    refused_in_a_row: int = 0
    out_of_step: int = 0
    used_up: int | None = None
    closed: bool = False


@frozen
class Verdict:
    """The outcomes of a transaction, once the trouble of each refusal is known.

    `renew`: the session is to be ended, and another one opened. `excused`: the loss of the session
    is no reason to give the server up. A recipient without an attempt counted is not tried before
    `resume_at` (seconds since the epoch).
    """

    outcomes: Sequence[Outcome]
    renew: bool = False
    excused: bool = False
    resume_at: float = 0.0
