"""A watch on how long replies take: some servers answer ever more slowly behind refusals.

Postfix answers every command a second late from the tenth error of a session on
(`smtpd_soft_error_limit`), sendmail every recipient beyond `BadRcptThrottle`. A new session is
quick again. This module must never decide about a session: it knows times only.
"""

from __future__ import annotations

from collections.abc import Callable

from mailbatch.smtp.commands import Verb

#: A reply that takes so many seconds longer than usual, and more than so many times as long, is
#: slow. Postfix and sendmail wait a second; half of that is more than a busy network adds.
SECONDS, TIMES = 0.5, 4.0
#: Commands that a server answers without any look-up. The content takes its time at any server.
_PROMPT = frozenset({Verb.EHLO, Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.CLEAR, Verb.CLEAR_BDAT})


class Watch:
    """The waits of one session for replies, before the first refusal and behind.

    Behind twelve refusals a reply takes a second longer than usual:

        watch.said()
        watch.heard(Verb.RCPT, refusals=12)
        watch.slow_at                           12
    """

    __slots__ = ("_clock", "_last", "_usual", "slow_at")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._usual: float | None = None
        #: Behind how many refusals a reply took much longer than usual; None if none did.
        self.slow_at: int | None = None

    def said(self) -> None:
        """Note that a command has left."""
        self._last = self._clock()

    def heard(self, owed: Verb | None, *, refusals: int) -> None:
        """Note that bytes came; `owed` is the verb of the oldest reply that was awaited.

        `refusals` is how many commands the server had refused in this session before.
        """
        now = self._clock()
        waited, self._last = now - self._last, now
        if owed not in _PROMPT:
            return
        if not refusals:
            # The longest: a server may look up some recipients, and that is no punishment.
            self._usual = waited if self._usual is None else max(self._usual, waited)
        elif self.slow_at is None and waited > SECONDS + TIMES * (self._usual or 0.0):
            self.slow_at = refusals
