r"""The pipeline: bytes that may leave, and the replies owed (command groups, RFC 2920).

One entry for every reply owed, pushed where the bytes are handed over; replies take entries from
the left, by counting. Matching replies by code or text is forbidden by RFC 2920 3.1. The meaning of
a command is unknown here.

    queue(b"MAIL ...RCPT ...DATA\r\n", MAIL, RCPT, DATA)    nothing has left yet
    hand_over()                                             these bytes; three replies are owed
    answered()                                              MAIL; RCPT and DATA are still owed

Tests: tests/smtp/test_conversations.py, tests/smtp/test_properties.py.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from mailbatch.smtp.commands import FACTS, Verb

#: Bytes that leave together; the verbs that the replies will be owed for; other bytes for a
#: transcript, or None; and whether nothing leaves behind before all these replies have come.
Flight: TypeAlias = tuple[bytes, tuple[Verb, ...], bytes | None, bool]
_ENDING = frozenset(verb for verb, facts in FACTS.items() if facts.ends_group)


class Pipeline:
    """The commands not sent yet, and those in flight; the greeting is owed from the start.

    `grouping`: commands may be sent in groups; else one leaves at a time.
    """

    __slots__ = ("_in_flight", "_unsent", "_waits", "grouping", "owed")

    def __init__(self) -> None:
        self._unsent: deque[Flight] = deque()
        self._in_flight: deque[Verb] = deque((Verb.GREETING,))
        self._waits = False
        self.grouping = False
        #: The verb of the oldest reply that is missing, or None.
        self.owed: Verb | None = Verb.GREETING

    @property
    def unsent(self) -> int:
        """The number of flights that wait."""
        return len(self._unsent)

    def queue(
        self, data: bytes, *verbs: Verb, shown: bytes | None = None, waits: bool = False
    ) -> None:
        """Let bytes leave when it is safe to; one reply will be owed for each verb.

        `shown` stands in for the bytes in a transcript. `waits`: bytes queued later wait for all of
        these replies.
        """
        self._unsent.append((data, verbs, shown, waits))

    def keep_last(self, count: int) -> None:
        """Drop the flights that wait, except the last `count`."""
        while len(self._unsent) > count:
            self._unsent.popleft()

    def hand_over(self) -> list[Flight]:
        """Return the flights that may leave now, and count the replies to these as owed."""
        unsent, in_flight = self._unsent, self._in_flight
        flights: list[Flight] = []
        if not unsent:
            return flights
        while unsent:
            if in_flight and (self._waits or not self.grouping or in_flight[-1] in _ENDING):
                break
            flight = unsent.popleft()
            in_flight.extend(flight[1])
            self._waits = flight[3]
            flights.append(flight)
        self.owed = in_flight[0] if in_flight else None
        return flights

    def answered(self) -> Verb | None:
        """Take the verb that a reply was owed for; None if no reply was."""
        in_flight = self._in_flight
        verb = in_flight.popleft() if in_flight else None
        self.owed = in_flight[0] if in_flight else None
        return verb

    def answered_alike(self, verb: Verb, most: int) -> int:
        """Take the next verbs that are `verb`, at most so many; return the number."""
        in_flight, count = self._in_flight, 0
        while count < most and in_flight and in_flight[0] is verb:
            in_flight.popleft()
            count += 1
        self.owed = in_flight[0] if in_flight else None
        return count

    def clear(self) -> None:
        """Forget all: nothing leaves any more and nothing is owed."""
        self._unsent.clear()
        self._in_flight.clear()
        self.owed = None
