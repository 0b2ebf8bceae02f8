"""What may leave and what is owed: the command groups of RFC 2920, without their meaning.

One entry for every reply owed, pushed where the bytes are handed over; replies take entries from
the left, by counting. Matching them by code or text is what RFC 2920 3.1 forbids.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from mailbatch.smtp.commands import FACTS, Verb

#: Bytes that leave together; what each of the replies to them will be owed for; what stands in for
#: the bytes in a transcript, where they are not to be shown themselves; and whether nothing leaves
#: behind them before all their replies have come.
Flight: TypeAlias = tuple[bytes, tuple[Verb, ...], bytes | None, bool]


class Pipeline:
    """The commands not sent yet, and those in flight; the greeting is owed from the start.

    `grouping`: whether commands may be sent in groups. If not, one at a time leaves.
    """

    __slots__ = ("_in_flight", "_unsent", "_waits", "grouping")

    def __init__(self) -> None:
        self._unsent: deque[Flight] = deque()
        self._in_flight: deque[Verb] = deque((Verb.GREETING,))
        self._waits = False
        self.grouping = False

    @property
    def owed(self) -> Verb | None:
        """What the oldest reply is owed for."""
        return self._in_flight[0] if self._in_flight else None

    @property
    def unsent(self) -> int:
        """How many flights wait."""
        return len(self._unsent)

    def queue(
        self, data: bytes, *verbs: Verb, shown: bytes | None = None, waits: bool = False
    ) -> None:
        """Let bytes leave when their turn comes; one reply will be owed for each verb.

        `waits`: what is queued behind them waits for all these replies.
        """
        self._unsent.append((data, verbs, shown, waits))

    def keep_last(self, count: int) -> None:
        """Drop what waits, except the last `count` flights."""
        while len(self._unsent) > count:
            self._unsent.popleft()

    def hand_over(self) -> list[Flight]:
        """Return the flights that may leave now, and count their replies as owed."""
        unsent, in_flight = self._unsent, self._in_flight
        flights = []
        while unsent:
            if in_flight and (self._waits or not self.grouping or FACTS[in_flight[-1]].ends_group):
                break
            flight = unsent.popleft()
            in_flight.extend(flight[1])
            self._waits = flight[3]
            flights.append(flight)
        return flights

    def answered(self) -> Verb | None:
        """Take what a reply was owed for; None if nothing was."""
        return self._in_flight.popleft() if self._in_flight else None

    def clear(self) -> None:
        """Forget everything: nothing leaves any more and nothing is owed."""
        self._unsent.clear()
        self._in_flight.clear()
