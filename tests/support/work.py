"""Doubles of the ports of a worker: a supply and a recorder that write into one journal, and a
session that does, too.

    scene = Scene(deliveries=2)
    await scene.work()
    assert scene.journal == ["give 1", "begin 1", "content 1", "commit 1", "finish 1", ...]
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from mailbatch.delivery.fitting import Fitting
from mailbatch.delivery.limits import Limits
from mailbatch.delivery.options import Silence
from mailbatch.delivery.pace import Pace
from mailbatch.delivery.retry import RetryPolicy
from mailbatch.delivery.sender import Sender
from mailbatch.delivery.shared import Crew, Rules, Run
from mailbatch.delivery.throttle import SharedThrottle, Throttle
from mailbatch.delivery.transport import Everything, Offers, TransportSession
from mailbatch.delivery.trouble import Troubles
from mailbatch.delivery.work import LastBytes, Prepared
from mailbatch.envelope import Delivery, Envelope, Recipient
from mailbatch.errors import ConnectionLost, SessionError
from mailbatch.octets import Octets
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from mailbatch.render.composer import Composer
from mailbatch.render.message import Message
from mailbatch.smtp.commands import Verb

NOW = 1_700_000_000.0
TAKEN = Reply(250, ("taken",), "2.0.0")


def prepared(number: int) -> Prepared:
    """A delivery with a message, ready for a transaction."""
    address = f"user{number}@example.net"
    content = b"Subject: %d\r\n\r\nHello\r\n" % number
    delivery = Delivery(
        id=number,
        key=address,
        attempt=1,
        message_id=f"{number}@example.com",
        date=int(NOW),
        unsettled=(address,),
        addresses=(address,),
        rows=(Recipient(number, address, (address,)),),
        first_try=NOW,
    )
    message = Message(
        Octets.of([content]),
        delivery.message_id,
        (),
        eight_bit=False,
        needs_smtputf8=False,
        reverse_path="news@example.com",
        parts=(("text", len(content)),),
    )
    return Prepared(delivery, message, Envelope("news@example.com", (address,)), bytes(32))


@dataclass
class Journal:
    """The steps of all doubles in their order; `at` runs something behind a step."""

    steps: list[str] = field(default_factory=list)
    at: dict[str, Callable[[], None]] = field(default_factory=dict)

    def note(self, step: str) -> None:
        """Write a step down; the deed that was put at this step may raise."""
        self.steps.append(step)
        if step in self.at:
            self.at.pop(step)()


class ListedSupply:
    """A `Supply` of a list; `ready` False: a worker has to wait for every delivery."""

    def __init__(self, journal: Journal, deliveries: Sequence[Prepared]) -> None:
        self.journal = journal
        self.left = deque(deliveries)
        self.ready = True
        self.due: float | None = None

    def next_ready(self, offers: Offers | None) -> Prepared | None:
        if not (self.left and self.ready):
            return None
        given = self.left.popleft()
        self.journal.note(f"give {given.delivery.id}")
        return given

    async def next(self, offers: Offers | None) -> Prepared | None:
        ready, self.ready = self.ready, True
        given = self.next_ready(offers)
        self.ready = ready
        return given

    def put_back(self, delivery: Delivery) -> None:
        self.journal.note(f"put back {delivery.id}")
        self.left.appendleft(prepared(delivery.id))

    def next_due(self) -> float | None:
        return self.due

    async def release(self) -> None:
        self.journal.note("release")


class WrittenRecorder:
    """A `Recorder` of a journal; `far`: records are made when `answer` is called."""

    def __init__(self, journal: Journal, *, far: bool = False) -> None:
        self.journal = journal
        self.far = far
        self.broken: Exception | None = None
        self._waiting: list[tuple[str, LastBytes | None]] = []
        self.waits = asyncio.Event()

    def _record(self, step: str, session: LastBytes | None = None) -> None:
        self._waiting.append((step, session))
        self.waits.set()
        if not self.far:
            self.answer()

    def answer(self) -> None:
        """Make the records that wait, and let the last bytes leave behind them."""
        waiting, self._waiting = self._waiting, []
        self.waits.clear()
        for step, session in waiting:
            try:
                self.journal.note(step)
            except Exception as error:
                self.fail(error)
                if session is not None:
                    session.abort()
                if not self.far:
                    raise
            else:
                if session is not None:
                    session.finish()

    def commit_point(self, delivery_id: int, digest: bytes, session: LastBytes) -> None:
        if self.broken is not None:
            session.abort()
            raise self.broken
        self._record(f"commit {delivery_id}", session)

    def settle(
        self,
        delivery: Delivery,
        outcomes: Sequence[Outcome],
        *,
        now: float,
        retry_at: float | None,
        resume_at: float = 0.0,
    ) -> None:
        again = "" if retry_at is None else ", again"
        self._record(f"settle {delivery.id} {outcomes[0].status}{again}")

    def invalidate(self, delivery: Delivery, reason: str, *, now: float) -> None:
        self._record(f"invalid {delivery.id}")

    def suspect(self, since: float | None) -> None: ...

    def flush(self) -> None:
        if self.broken is not None:
            raise self.broken

    def fail(self, error: Exception) -> None:
        self.broken = self.broken or error
        waiting, self._waiting = self._waiting, []
        for step, session in waiting:
            if session is None:
                self._waiting.append((step, session))
            else:
                session.abort()

    async def answered(self) -> None: ...

    async def drain(self) -> None:
        self.answer()
        self.flush()

    async def close(self, *, at_once: bool = False) -> None: ...

    async def release(self, delivery_ids: Sequence[int]) -> None: ...

    async def give_back(self, since: float, reply: Reply) -> None: ...

    async def acquit(self) -> None: ...


@dataclass
class WrittenAttempt:
    """A transaction of a `WrittenSession`."""

    number: int
    envelope: Envelope
    status: Status = Status.PENDING
    reply: Reply | None = None
    refusal: tuple[Verb, Reply] | None = None
    accepted: int = 1
    room: int | None = None
    answered: bool = True

    def outcomes(self) -> Sequence[Outcome]:
        return SameForAll(self.envelope.forward_paths, self.status, self.reply)


class WrittenSession:
    """A `TransportSession` with a server that takes everything."""

    def __init__(self, journal: Journal, offers: Offers) -> None:
        self.journal = journal
        self.capabilities = offers
        self.transactions = self.refusals = 0
        self.slow_at: int | None = None
        self.failure: SessionError | None = None
        self._attempt: WrittenAttempt | None = None
        self._finished = asyncio.Event()

    @property
    def usable(self) -> bool:
        return self.failure is None

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: Octets | None = None,
        at_once: int | None = None,
    ) -> WrittenAttempt:
        number = int(
            (content.joined() if content else b"").split(b"\r\n")[0].removeprefix(b"Subject: ")
        )
        self.journal.note(f"begin {number}")
        self.transactions += 1
        self._finished.clear()
        self._attempt = WrittenAttempt(number, envelope)
        return self._attempt

    @property
    def _open(self) -> WrittenAttempt:
        if self.failure is not None:
            raise self.failure
        assert self._attempt is not None
        return self._attempt

    async def content_wanted(self) -> bool:
        return bool(self._open)

    async def send_content(self, content: Octets) -> bool:
        self.journal.note(f"content {self._open.number}")
        return True

    def finish(self) -> None:
        self.journal.note(f"finish {self._open.number}")
        self._open.status = Status.IN_DOUBT
        self._finished.set()

    async def done(self) -> None:
        await self._finished.wait()
        attempt = self._open
        attempt.status, attempt.reply = Status.ACCEPTED, TAKEN
        self.journal.note(f"done {attempt.number}")

    async def quit(self) -> None:
        self.journal.note("quit")
        self.failure = self.failure or ConnectionLost("the session was ended")

    def abort(self) -> None:
        if self.failure is None:
            self.journal.note("abort")
            self.failure = ConnectionLost("the session was ended")
        self._finished.set()

    def lose(self) -> None:
        """Let the server close the connection."""
        self.failure = ConnectionLost("the server closed the connection")
        raise self.failure


class Scene:
    """A run of one worker over doubles of both ports and of its sessions."""

    def __init__(
        self,
        deliveries: int,
        *,
        far: bool = False,
        offers: Offers | None = None,
        throttle: SharedThrottle | None = None,
    ) -> None:
        self._journal = Journal()
        self.sessions: list[WrittenSession] = []
        self._offers = offers or Everything()
        self.supply = ListedSupply(self._journal, [prepared(n + 1) for n in range(deliveries)])
        self.recorder = WrittenRecorder(self._journal, far=far)
        clock = lambda: NOW  # noqa: E731
        policy, limits = RetryPolicy(initial=0.0), Limits()
        pace = Pace(policy, clock)
        troubles = Troubles(limits, pace, server="", clock=clock)
        self.run = Run(
            self.supply,
            self.recorder,
            Fitting(cast("Composer", None), self.recorder, limits, clock),  # composes nothing
            Rules(
                policy,
                throttle or Throttle(None, clock),
                limits,
                pace,
                troubles,
            ),
            Crew(),
            Silence(),
            clock,
        )
        self.sender = Sender(self.run, self._open)

    @property
    def journal(self) -> list[str]:
        """The steps so far, in their order."""
        return self._journal.steps

    def at(self, step: str, deed: Callable[[], None]) -> None:
        """Do something when a step is written down for the first time."""
        self._journal.at[step] = deed

    @property
    def session(self) -> WrittenSession:
        """The session that was opened last."""
        return self.sessions[-1]

    async def _open(self) -> TransportSession:
        self._journal.note("open")
        session = WrittenSession(self._journal, self._offers)
        self.sessions.append(session)
        return session

    async def work(self) -> None:
        """Let the worker work to its end."""
        await asyncio.wait_for(self.sender.work(), 30.0)
