"""A plan that a function makes: what the server says at a stage, where it is not the right reply.

    def suspended(turn):
        late = turn.stage is Stage.DOT and turn.count > 10
        return "554 5.7.1 Sending suspended" if late else None

    with FaultServer(Script(suspended)) as server: ...

A text with 421 ends the connection behind it; `CLOSE` ends it without a word.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tests.support.faults import Fault, FaultPlan, Kind, Stage

CLOSE = "close"


@dataclass(frozen=True)
class Turn:
    """The server's turn to speak: at `stage` for the `count`-th time, over all connections.

    `connection` counts connections, `in_session` the MAILs of this one, this one's included.
    `recipient` is the number of the RCPT in its transaction, and its address.
    """

    stage: Stage
    count: int
    connection: int
    in_session: int
    recipient: tuple[int, str] | None


class Script(FaultPlan):
    """Asks `decide` at each stage of each connection."""

    def __init__(self, decide: Callable[[Turn], str | None]) -> None:
        super().__init__([])
        self._decide = decide
        self._guard = threading.Lock()
        self._counts: Counter[Stage] = Counter()
        self._mails: Counter[int] = Counter()
        #: Once True every answer is the right one.
        self.healed = False

    def take(
        self,
        stages: Collection[Stage],
        *,
        connection: int,
        transaction: int,
        recipient: tuple[int, str] | None = None,
        early: bool = False,
    ) -> Fault | None:
        """Have the function decide; nothing happens early."""
        if early:
            return None
        stage = next(
            (stage for stage in Stage if stage in stages and stage is not Stage.HALF), None
        )
        if stage is None:
            return None
        with self._guard:
            self._counts[stage] += 1
            if stage is Stage.MAIL:
                self._mails[connection] += 1
            if self.healed:
                return None
            text = self._decide(
                Turn(stage, self._counts[stage], connection, self._mails[connection], recipient)
            )
        if text is None:
            return None
        if text == CLOSE:
            return Fault(stage, Kind.FIN, taken=False)
        kind = Kind.SHUTDOWN if text.startswith("421") else Kind.REPLY
        return Fault(stage, kind, text=text, taken=False)
