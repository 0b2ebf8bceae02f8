"""What the policy of a run says of a transaction and of a session, and what it is told of them.

Values only: they are worked out in `trouble` and acted upon in `sender` and `link`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from mailbatch.outcome import Outcome


class Entry(Enum):
    """What to do about a session that was not let in."""

    AGAIN = auto()  # it is lost; try again
    GIVE_UP = auto()  # the others are enough
    END = auto()  # end the run


@dataclass(slots=True)
class Worker:
    """What is known of one worker's sessions, from one to the next.

    `refused_mails` counts the MAILs of the open session that were not accepted. `used_up` is how
    many transactions the session before had when it took no more, until the first MAIL of the next
    one is answered; `closed`, that the server closed it then.
    """

    refused_mails: int = 0
    used_up: int | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a transaction comes to, once it is known whose trouble its refusals are.

    `renew`: the session is to be ended, and another one opened. `excused`: that it was lost is no
    reason to give the server up. Whoever has no attempt counted is not tried before `resume_at`.
    """

    outcomes: Sequence[Outcome]
    renew: bool = False
    excused: bool = False
    resume_at: float = 0.0
