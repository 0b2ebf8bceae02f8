"""What the policy of a run says of a transaction and of a session, and what it notes of them.

Worked out in `trouble`, acted upon in `sender` and `link`; nothing is decided here.
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

    `refused_mails` counts the MAILs of the open session that were not accepted, `refused_in_a_row`
    those of the last ones that were refused for now, `out_of_step` the sessions that ended by 503.
    `used_up` is how many transactions the session before had when it took no more, until the first
    MAIL of the next one is answered; `closed`, that the server closed it then.
    """

    refused_mails: int = 0
    refused_in_a_row: int = 0
    out_of_step: int = 0
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
