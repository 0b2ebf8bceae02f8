"""Composing ahead in a process of its own, so that a second core composes and the first one sends.

The process (`ahead_process`) is forked when the mailing is planned and its messages are compiled.
Templates, key and rows are the same there, and so are the bytes of every message. On a busy machine
where the system gives the process no time, messages are composed here, as without a process.
This module must never decide about an outcome, nor keep a reply waiting for a message.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from mailbatch.delivery.ahead_process import OPEN_FILES, Marks, answers, live, orders
from mailbatch.delivery.cores import cores
from mailbatch.envelope import Delivery
from mailbatch.octets import Piece
from mailbatch.render.composer import Composer
from mailbatch.render.message import Message

#: Fewer messages are composed sooner than a process is started for them.
LEAST_MESSAGES = 500
#: Messages with more attached than this take longer to hand over than to compose.
MOST_ATTACHED_BYTES = 64 * 1024
#: When so many seconds were waited, in one wait or in many, the share of the process is judged.
LONGEST_WAIT = 0.005
#: A process that got less than this part of a core meanwhile is not waited for.
_SHARE = 0.25
#: So many missing messages are composed here then, before the process is waited for again.
MADE_HERE = 1000
#: So many orders may be under way; later deliveries are composed here.
MOST_ORDERS = 2048
_READ_BYTES = 1 << 18


@contextmanager
def composing_ahead(
    composer: Composer, messages: int, note: Callable[[str], None]
) -> Iterator[Ahead | None]:
    """Have so many messages composed in a process of their own; None where that is no faster.

    The process ends with the block. A fork copies the calling thread and the locks of all other
    threads: a program with threads gets no process, and composes here.
    """
    ahead = None
    if messages >= LEAST_MESSAGES and _is_small(composer) and _may_fork() and cores() > 1:
        with suppress(OSError):  # no process, no memory: everything goes on here
            ahead = Ahead.start(composer, note)
    try:
        yield ahead
    finally:
        if ahead is not None:
            ahead.end()


def _is_small(composer: Composer) -> bool:
    attached = composer.attached_bytes
    return attached is not None and attached <= MOST_ATTACHED_BYTES


def _may_fork() -> bool:
    """Say whether a fork copies one thread only, and every open file can be found and closed."""
    return sys.platform == "linux" and OPEN_FILES.exists() and threading.active_count() == 1


class Ahead:
    """A process that composes deliveries in the order of their orders."""

    def __init__(
        self,
        pid: int,
        ours: socket.socket,
        marks: Marks,
        note: Callable[[str], None],
        shared: Sequence[Piece],
    ) -> None:
        """`shared` are pieces of messages that the process names, and does not send."""
        self._pid = pid
        self._shared = shared
        self._marks = marks
        self._note = note
        self._socket = ours
        self._eight_bit = True
        self._serial = self._answered = 0
        #: delivery id -> the number under which its message will come, and how it is encoded.
        self._expected: dict[int, tuple[int, bool]] = {}
        self._made: dict[int, Message | None] = {}
        self._received = bytearray()
        self._unsent = b""
        self._readable: asyncio.Future[None] | None = None
        self._ended = False
        # How many messages are still composed here rather than waited for.
        self._made_here_next = 0
        # The waits since the last judgement, and the processor time meanwhile: seconds.
        self._waited = self._got = 0.0

    @classmethod
    def start(cls, composer: Composer, note: Callable[[str], None]) -> Ahead:
        """Fork the process; `note` hears of its death.

        Raises:
            OSError: the system refuses another process.
        """
        ours, theirs = socket.socketpair()
        marks = Marks()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            live(composer, theirs, marks)
        theirs.close()
        ours.setblocking(False)
        return cls(pid, ours, marks, note, composer.shared_pieces)

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        """Order these deliveries, in their order, unless too many orders are under way."""
        if self._ended or not deliveries:
            return
        for delivery in deliveries:
            self._forget(delivery)  # what was made for an attempt that never came
        if self._unsent or self._serial - self._answered + len(deliveries) > MOST_ORDERS:
            return
        numbered = []
        for delivery in deliveries:
            self._serial += 1
            self._marks.set(self._serial, unwanted=False)
            self._expected[delivery.id] = (self._serial, self._eight_bit)
            numbered.append((self._serial, self._eight_bit, delivery))
        self._unsent += orders(numbered)
        self._send()

    def is_at_hand(self, delivery: Delivery, *, eight_bit: bool) -> bool:
        """Say whether `take` need not wait for the process.

        `eight_bit` says whether 8-bit bytes may be sent, in this message and in all later ones.
        """
        self._eight_bit = eight_bit
        if self._is_missing(delivery):
            self._receive()
        if not self._is_missing(delivery):
            return True
        if self._made_here_next:
            self._made_here_next -= 1
            self._forget(delivery)
            return True
        return False

    def take(self, delivery: Delivery) -> Message | None:
        """Return the message of a delivery; None: the message has to be composed here."""
        made, encoded = self._forget(delivery)
        return made if encoded == self._eight_bit else None

    def more(self) -> Awaitable[None]:
        """Return an awaitable that is over at the next answer, or at the end of the process."""
        readable = self._readable
        if readable is None:
            loop = asyncio.get_running_loop()
            readable = self._readable = loop.create_future()
            if self._ended:
                self._wake()
            else:
                loop.add_reader(self._socket, self._wake)
        return asyncio.shield(readable)

    def processor_time(self) -> float:
        """Return the seconds of processors that the process has had."""
        try:
            # Its clock, as clock_getcpuclockid(3) names it.
            return time.clock_gettime((~self._pid << 3) | 2) if self._pid else 0.0
        except OSError:  # it is gone
            return 0.0

    def times(self) -> tuple[float, float]:
        """Return the time, and that of the process, as a wait begins: for `note_wait`."""
        return time.monotonic(), self.processor_time()

    def note_wait(self, began: tuple[float, float]) -> None:
        """Note a wait that began at these times; behind long ones, compose here for a while.

        A process that works on a long message is waited for again. A process that gets no time of a
        core is not: the next `MADE_HERE` messages are composed here, and the process goes on
        behind.
        """
        now, has = self.times()
        self._waited += now - began[0]
        self._got += has - began[1]
        if self._waited >= LONGEST_WAIT:
            if self._got < _SHARE * self._waited:
                self._made_here_next = MADE_HERE
            self._waited = self._got = 0.0

    def _is_missing(self, delivery: Delivery) -> bool:
        serial, encoded = self._expected.get(delivery.id, (0, None))
        return encoded == self._eight_bit and serial not in self._made

    def _forget(self, delivery: Delivery) -> tuple[Message | None, bool | None]:
        """Forget the order of a delivery; return its answer, if one came, and its encoding."""
        serial, encoded = self._expected.pop(delivery.id, (0, None))
        made = self._made.pop(serial, None)
        if made is None and serial:
            self._marks.set(serial, unwanted=True)
        return made, encoded

    def end(self) -> None:
        """End the process at once, in the middle of a message or not: nothing is lost."""
        self._give_up()
        pid, self._pid = self._pid, 0
        if not pid:
            return
        self._marks.close()
        with suppress(ChildProcessError):  # where somebody has it reaped its number is another's
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _lost(self) -> None:
        self._give_up()
        self._note("the process that composed ahead is gone; composing goes on without it")

    def _give_up(self) -> None:
        """Expect nothing any more: everything is composed here from now on."""
        self._ended = True
        self._expected.clear()
        self._made.clear()
        self._unsent = b""
        if self._socket.fileno() >= 0:
            self._forget_loop()
            self._socket.close()
        self._wake()

    def _forget_loop(self) -> None:
        with suppress(RuntimeError):  # no loop runs
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)

    def _send(self) -> None:
        """Hand over as much as the system takes now, and the rest when the system takes more."""
        loop = asyncio.get_running_loop()
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lost()
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            loop.add_writer(self._socket, self._send)
        else:
            loop.remove_writer(self._socket)

    def _receive(self) -> None:
        """Take the answers that are there, without waiting."""
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        self._received += data
        for serial, made in answers(self._received, self._shared):
            self._answered = serial
            if not self._marks.unwanted(serial):
                self._made[serial] = made
        self._wake()  # another worker's may be among them, and the socket tells nobody any more

    def _wake(self) -> None:
        readable, self._readable = self._readable, None
        if readable is None:
            return
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
        if not readable.done():
            readable.set_result(None)
