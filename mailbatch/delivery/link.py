"""A worker's link to the server: one session, opened, renewed, given up or lost.

    session = await link.ready()   # opened where there is none, renewed behind its share
    link.lose(failure)             # counted; raised where another try is useless

A server that was lost is tried again behind a wait. This module must never begin a transaction.

Tests: tests/delivery/test_sender.py, tests/certainty/test_sessions.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mailbatch.delivery.shared import Run
from mailbatch.delivery.transport import Offers, TransportSession
from mailbatch.delivery.verdict import Entry, Worker
from mailbatch.errors import (
    AuthenticationDeferred,
    AuthenticationError,
    LocalProtocolError,
    SessionError,
    TLSError,
    UnknownHost,
)

#: A session that would idle longer than this is ended and opened again when it is needed: Amazon
#: SES closes an idle one after ten seconds.
LONGEST_IDLE = 8.0
# So many sessions in a row may end by refusals, with no recipient settled, and be followed at once.
_MOST_EXCUSED = 2


class Link:
    """At most one open session, and the history of the sessions before.

    `given_up`: the server lets in no more sessions than the other workers have.
    """

    def __init__(self, run: Run, open_session: Callable[[], Awaitable[TransportSession]]) -> None:
        self.session: TransportSession | None = None
        self.worker = Worker()
        self.given_up = False
        self._run = run
        self._open_session = open_session
        self._losses = self._excused = 0
        self._refused = False  # whether AUTH was, for now

    async def ready(self) -> TransportSession | None:
        """Return a usable session, opened if needed; None if the run was stopped meanwhile.

        None, too, where the link is `given_up`.

        Raises:
            SessionError: trying again is useless or not allowed.
        """
        run = self._run
        session = self.session
        if session is not None and session.usable and self.has_had_its_share:
            await self.quit()
        while session is None or session is not self.session or not session.usable:
            self.forget()
            if run.crew.stop.is_set() or (self._has_to_wait and not await self._wait_after_loss()):
                return None
            try:
                session = await self._open_unless_stopped()
            except SessionError as error:
                session = None
                if not self._is_worth_another_try(error):
                    return None
                continue
            if session is not None:
                self._note_opened(session)
        return session

    @property
    def offers(self) -> Offers | None:
        """The offers of the server in this session; None while there is none."""
        return None if self.session is None else self.session.capabilities

    @property
    def has_had_its_share(self) -> bool:
        """Whether the session has had as many transactions as the server takes."""
        most = self._run.rules.limits.transactions
        return most is not None and self.session is not None and most <= self.session.transactions

    def _note_opened(self, session: TransportSession) -> None:
        run = self._run
        self.session = session
        self._refused = False
        self.worker.refused_mails = self.worker.refused_in_a_row = 0
        run.crew.sessions += 1
        run.crew.open_sessions += 1
        run.crew.let_in.set()
        run.rules.troubles.let_in()
        run.rules.limits.announced(session.capabilities)
        run.progress.session_opened(run.server)

    async def _open_unless_stopped(self) -> TransportSession | None:
        """Open a session; None if the run was stopped before the session was ready."""
        opening = asyncio.ensure_future(self._open_session())
        try:
            await first(asyncio.wait({opening}), self._run.crew.stop.wait())
            if opening.done():
                return opening.result()
        finally:
            opening.cancel()
        await asyncio.wait({opening})  # it closes what it has opened
        return None

    def _is_worth_another_try(self, error: SessionError) -> bool:
        """Count a session that was not opened; False where the other sessions are enough."""
        run = self._run
        entry = run.rules.troubles.not_let_in(error, others=run.crew.open_sessions)
        if not isinstance(error, AuthenticationError | AuthenticationDeferred):
            run.crew.let_in.set()  # others may have more luck, and no password was offered
        if entry is Entry.END:
            raise run.rules.troubles.ended or error
        if entry is Entry.GIVE_UP:
            self.given_up = True
            run.progress.note(f"{error}; going on with {run.crew.open_sessions} open")
            return False
        self.lose(error)
        return True

    def lose(self, error: SessionError) -> None:
        """Count a failed conversation.

        Raises:
            SessionError: this failure, where trying again is useless.
        """
        self._losses += 1
        # The same password at once would be the same answer.
        self._refused = isinstance(error, AuthenticationDeferred)
        final = isinstance(error, AuthenticationError | TLSError | LocalProtocolError)
        final = final or (self._run.rules.attended and isinstance(error, UnknownHost))
        if final or self._losses >= self._run.rules.retry.attempts:
            raise error
        self._run.progress.note(f"{error}; trying again")

    def excuse(self) -> None:
        """Note a loss that is no reason to give the server up; from the third in a row on, wait."""
        self._excused += 1

    def serves(self) -> None:
        """Note that a conversation had an outcome."""
        self._losses = self._excused = 0

    @property
    def _has_to_wait(self) -> bool:
        return self._losses > 1 or self._excused > _MOST_EXCUSED or self._refused

    async def _wait_after_loss(self) -> bool:
        run = self._run
        seconds = run.rules.retry.wait_before(
            max(1, self._losses - 1, self._excused - _MOST_EXCUSED)
        )
        run.progress.waiting(seconds, "the server")
        return not await first(run.crew.stop.wait(), seconds=seconds)

    async def pause(
        self, seconds: float, what: str | None = None, *waits: Awaitable[object]
    ) -> bool:
        """Wait, without a session if the wait is long; False if the wait was ended.

        The stop of the run ends a wait, and so does each of `waits`. `what` names in words the end
        of the wait, for the progress; None: the job asks for the wait, and the progress is not
        told. Unit: seconds.
        """
        run = self._run
        if seconds > LONGEST_IDLE:
            await self.quit()
        if what is not None:
            run.progress.waiting(seconds, what)
        return not await first(run.crew.stop.wait(), *waits, seconds=seconds)

    async def quit(self) -> None:
        """End the session politely, if there is one."""
        session = self.session
        if session is not None:
            self.forget()
            await session.quit()

    def abort(self) -> None:
        """End the session at once, if there is one."""
        if self.session is not None:
            self.session.abort()
            self.forget()

    def forget(self) -> None:
        """Have no session any more."""
        if self.session is not None:
            self.session = None
            self._run.crew.open_sessions -= 1


async def first(*waits: Awaitable[object], seconds: float | None = None) -> bool:
    """Wait until one of `waits` is over; False if `seconds` passed first."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return bool(done)
