"""Composing ahead in a process of its own, so that a second core makes what the first one sends.

The process is forked when the mailing is planned and its messages are compiled: it has the same
templates, the same key and the same rows, and makes the same bytes. It owns nothing: it closes
every file, the ledger and its lock included, before it does anything, and ends with this process,
whatever ends this one. What it cannot make, this process makes (and reports) itself.
This module must never decide what is sent, nor keep a reply waiting for a message.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mailbatch.delivery import signals
from mailbatch.envelope import Delivery, Recipient
from mailbatch.render.composer import Composer
from mailbatch.render.message import Message
from mailbatch.smtp.content import stuff

#: Fewer messages are composed sooner than a process is started for them.
LEAST_MESSAGES = 500
#: Messages with more attached than this take longer to hand over than to compose.
MOST_ATTACHED_BYTES = 64 * 1024
_READ_BYTES = 1 << 18
_LENGTH = struct.Struct("!I")
_STANDARD_STREAMS = 3
_OPEN_FILES = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Composed:
    """A message, its SHA-256, and its content with dots stuffed, None where that is not known."""

    message: Message
    digest: bytes
    stuffed: bytes | None = None


@contextmanager
def composing_ahead(
    composer: Composer, messages: int, note: Callable[[str], None]
) -> Iterator[Ahead | None]:
    """Have so many messages composed in a process of their own; None where that is no faster.

    The process ends with the block. A fork copies the thread that calls it and the locks of all
    the others: whoever embeds a run in a program with threads composes in its own process.
    """
    ahead = None
    if messages >= LEAST_MESSAGES and _is_small(composer) and _may_fork() and _cores() > 1:
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
    """Whether nothing else is copied, and what is copied can be found and closed again."""
    return sys.platform == "linux" and _OPEN_FILES.exists() and threading.active_count() == 1


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Ahead:
    """A process that composes deliveries in the order in which it is told of them."""

    def __init__(self, pid: int, ours: socket.socket, note: Callable[[str], None]) -> None:
        self._pid = pid
        self._note = note
        self._socket = ours
        self._eight_bit = True
        self._serial = 0
        #: delivery id -> the number under which its message will come, and how it is encoded.
        self._expected: dict[int, tuple[int, bool]] = {}
        self._awaited: set[int] = set()
        self._made: dict[int, Composed | None] = {}
        self._received = bytearray()
        self._unsent = b""
        self._readable: asyncio.Future[None] | None = None
        self._ended = False

    @classmethod
    def start(cls, composer: Composer, note: Callable[[str], None]) -> Ahead:
        """Fork the process; `note` hears of its death. Raises OSError where the system refuses."""
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            try:
                _be_alone_with(theirs)
                _compose_all(composer, theirs)
            finally:
                os._exit(0)
        theirs.close()
        ours.setblocking(False)
        return cls(pid, ours, note)

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        """Have these deliveries composed next, in their order."""
        if self._ended or not deliveries:
            return
        orders = []
        for delivery in deliveries:
            self._serial += 1
            self._forget(delivery)  # what was made for an attempt that never came
            self._awaited.add(self._serial)
            self._expected[delivery.id] = (self._serial, self._eight_bit)
            orders.append((self._serial, self._eight_bit, _as_tuple(delivery)))
        self._unsent += _frame(orders)
        self._send()

    def is_at_hand(self, delivery: Delivery, *, eight_bit: bool) -> bool:
        """Whether nothing more has to come before `take`.

        `eight_bit` says whether 8-bit bytes may be sent, in this message and in those that come.
        """
        self._eight_bit = eight_bit
        if not self._is_missing(delivery):
            return True
        self._receive()
        return not self._is_missing(delivery)

    def take(self, delivery: Delivery) -> Composed | None:
        """Return what was made of a delivery; None if it is to be made here."""
        made, encoded = self._forget(delivery)
        return made if encoded == self._eight_bit else None

    def more(self) -> Awaitable[None]:
        """Return what is over when something has come since now, or nothing will."""
        readable = self._readable
        if readable is None:
            loop = asyncio.get_running_loop()
            readable = self._readable = loop.create_future()
            if self._ended:
                self._wake()
            else:
                loop.add_reader(self._socket, self._wake)
        return asyncio.shield(readable)

    def _is_missing(self, delivery: Delivery) -> bool:
        serial, encoded = self._expected.get(delivery.id, (0, None))
        return serial in self._awaited and encoded == self._eight_bit and serial not in self._made

    def _forget(self, delivery: Delivery) -> tuple[Composed | None, bool | None]:
        """Expect nothing of a delivery any more; return what has come, and how it is encoded."""
        serial, encoded = self._expected.pop(delivery.id, (0, None))
        self._awaited.discard(serial)
        return self._made.pop(serial, None), encoded

    def end(self) -> None:
        """End the process, whatever it is doing: nothing is lost with it."""
        self._give_up()
        pid, self._pid = self._pid, 0
        if not pid:
            return
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
        self._awaited.clear()
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
        """Hand over what the system takes now, and the rest when it takes more."""
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
        """Take what has come, without waiting."""
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        received = self._received
        received += data
        start = 0
        while len(received) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(received, start)
            end = start + _LENGTH.size + length
            if len(received) < end:
                break
            serial, made = pickle.loads(received[start + _LENGTH.size : end])  # noqa: S301 - our own
            if serial in self._awaited:
                self._made[serial] = made and Composed(Message(*made[0]), *made[1:])
            start = end
        del received[:start]
        self._wake()  # another worker's may be among them, and the socket tells nobody any more

    def _wake(self) -> None:
        readable, self._readable = self._readable, None
        if readable is None:
            return
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
        if not readable.done():
            readable.set_result(None)


def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


_delivery_values: Callable[[Delivery], tuple[Any, ...]] = attrgetter(*_names(Delivery))
_recipient_values: Callable[[Recipient], tuple[Any, ...]] = attrgetter(*_names(Recipient))
_message_values: Callable[[Message], tuple[Any, ...]] = attrgetter(*_names(Message))
_ROWS = _names(Delivery).index("rows")


def _as_tuple(delivery: Delivery) -> tuple[Any, ...]:
    values = _delivery_values(delivery)
    return (*values[:_ROWS], [*map(_recipient_values, delivery.rows)], *values[_ROWS + 1 :])


def _delivery(values: tuple[Any, ...]) -> Delivery:
    delivery = list(values)
    delivery[_ROWS] = tuple([Recipient(*row) for row in values[_ROWS]])
    return Delivery(*delivery)


def _frame(value: object) -> bytes:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


# -- in the other process --------------------------------------------------------------------------


def _be_alone_with(theirs: socket.socket) -> None:
    """Let go of everything that was inherited but the socket."""
    signals.ignore()  # whoever stops the run stops this process with it
    gc.freeze()
    kept = theirs.fileno()
    for fd in sorted(int(entry.name) for entry in _OPEN_FILES.iterdir()):
        if fd != kept:
            with suppress(OSError):  # the listing's own
                os.close(fd)
    for fd in range(_STANDARD_STREAMS):
        if fd != kept:
            os.dup2(os.open(os.devnull, os.O_RDWR), fd)


def _compose_all(composer: Composer, theirs: socket.socket) -> None:
    orders: SimpleQueue[list[Any]] = SimpleQueue()
    threading.Thread(target=_hear, args=(theirs, orders), daemon=True).start()
    while True:
        for serial, eight_bit, values in orders.get():
            made = _made(composer, _delivery(values), eight_bit=eight_bit)
            theirs.sendall(_frame((serial, made)))


def _hear(theirs: socket.socket, orders: SimpleQueue[list[Any]]) -> None:
    """Take orders, and end the process with the run, also while a letter takes for ever."""
    try:
        stream = theirs.makefile("rb")
        while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            orders.put(pickle.loads(stream.read(length)))  # noqa: S301 - our own
    finally:
        os._exit(0)


def _made(composer: Composer, delivery: Delivery, *, eight_bit: bool) -> tuple[Any, ...] | None:
    """Compose a message; None where it cannot be: the other process finds the same and says it."""
    try:
        message = composer.compose(delivery, eight_bit=eight_bit)
        stuffed = stuff(message.content)
    except Exception:  # noqa: BLE001 - whatever it is, it happens there again
        return None
    return (_message_values(message), sha256(message.content).digest(), stuffed)
