"""The process that composes ahead: its orders, its answers, its life.

The process owns nothing. Every inherited file is closed, the ledger and its lock included; the
process ends with the run, and gets only the processor time that no other process wants. A message
that cannot be composed is left to the run. This module must never decide about an outcome.

Tests: tests/delivery/test_ahead.py.
"""

from __future__ import annotations

import gc
import mmap
import os
import pickle
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mailbatch.delivery import signals
from mailbatch.envelope import Delivery, Recipient
from mailbatch.octets import Octets, Piece, digest_of
from mailbatch.render.composer import Composer
from mailbatch.render.message import Message
from mailbatch.smtp.content import blocks

#: The open files of a process, by their descriptors.
OPEN_FILES = Path("/proc/self/fd")
_LENGTH = struct.Struct("!I")
_STANDARD_STREAMS = 3
#: More orders than are ever under way: each has a mark of its own.
_MARKS = 4096


class Marks:
    """The orders that are not wanted any more, by their numbers, in memory of both processes."""

    def __init__(self) -> None:
        self._marks = mmap.mmap(-1, _MARKS)

    def set(self, serial: int, *, unwanted: bool) -> None:
        """Say whether an order is unwanted."""
        self._marks[serial % _MARKS] = unwanted

    def unwanted(self, serial: int) -> bool:
        """Say whether an order is unwanted."""
        return bool(self._marks[serial % _MARKS])

    def close(self) -> None:
        """Let go of the memory."""
        self._marks.close()


def orders(numbered: list[tuple[int, bool, Delivery]]) -> bytes:
    """Write orders: the number of each, whether 8-bit bytes may be sent, and the delivery."""
    return _frame([(serial, eight_bit, _as_tuple(one)) for serial, eight_bit, one in numbered])


def answers(received: bytearray, shared: Sequence[Piece]) -> list[tuple[int, Message | None]]:
    """Take the complete answers from the front of the received bytes, each with its number.

    `shared` are the pieces that many messages have, which are named by their place and not sent.
    """
    found = []
    start = 0
    while len(received) - start >= _LENGTH.size:
        (length,) = _LENGTH.unpack_from(received, start)
        begin, start = start + _LENGTH.size, start + _LENGTH.size + length
        if len(received) < start:
            start = begin - _LENGTH.size
            break
        serial, made = pickle.loads(received[begin:start])  # noqa: S301 - our own
        found.append((serial, made and Message(_octets(made[0], shared), *made[1:])))
    del received[:start]
    return found


def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


_delivery_values: Callable[[Delivery], tuple[Any, ...]] = attrgetter(*_names(Delivery))
# All but the octets, which stand first.
_message_values: Callable[[Message], tuple[Any, ...]] = attrgetter(*_names(Message)[1:])
_ROWS = _names(Delivery).index("rows")


#: What is found of each piece in the process, in the order of an answer.
_WORK = (digest_of, blocks, bytes.isascii)


def _octets(pieces: Sequence[Any], shared: Sequence[Piece]) -> Octets:
    return Octets(
        tuple(
            [
                shared[piece]
                if isinstance(piece, int)
                else Piece.known(piece[0], dict(zip(_WORK, piece[1], strict=True)))
                for piece in pieces
            ]
        )
    )


def _as_tuple(delivery: Delivery) -> tuple[Any, ...]:
    values = _delivery_values(delivery)
    return (*values[:_ROWS], [*map(tuple, delivery.rows)], *values[_ROWS + 1 :])


def _delivery(values: tuple[Any, ...]) -> Delivery:
    delivery = list(values)
    delivery[_ROWS] = tuple([Recipient(*row) for row in values[_ROWS]])
    return Delivery(*delivery)


def _frame(value: object) -> bytes:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


# -- in the process --------------------------------------------------------------------------------


def live(composer: Composer, theirs: socket.socket, marks: Marks) -> None:
    """Compose every order until the run ends; never returns."""
    try:
        _be_alone_with(theirs)
        _step_aside()
        _compose_all(composer, theirs, marks)
    finally:
        os._exit(0)


def _step_aside() -> None:
    """Run only where no other process wants to: sending must not wait for composing ahead."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError:  # a sandbox may forbid it
        os.nice(19)


def _be_alone_with(theirs: socket.socket) -> None:
    """Close every inherited file but the socket, and ignore signals."""
    signals.ignore()  # whoever stops the run stops this process with it
    gc.freeze()
    kept = theirs.fileno()
    for fd in sorted(int(entry.name) for entry in OPEN_FILES.iterdir()):
        if fd != kept:
            with suppress(OSError):  # the listing's own
                os.close(fd)
    for fd in range(_STANDARD_STREAMS):
        if fd != kept:
            os.dup2(os.open(os.devnull, os.O_RDWR), fd)


def _compose_all(composer: Composer, theirs: socket.socket, marks: Marks) -> None:
    ordered: SimpleQueue[list[Any]] = SimpleQueue()
    shared = {id(piece): number for number, piece in enumerate(composer.shared_pieces)}
    threading.Thread(target=_hear, args=(theirs, ordered), daemon=True).start()
    while True:
        for serial, eight_bit, values in ordered.get():
            made = None
            if not marks.unwanted(serial):
                made = _made(composer, _delivery(values), shared, eight_bit=eight_bit)
            theirs.sendall(_frame((serial, made)))


def _hear(theirs: socket.socket, ordered: SimpleQueue[list[Any]]) -> None:
    """Take orders, and end the process with the run, also while a letter takes for ever."""
    try:
        stream = theirs.makefile("rb")
        while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            ordered.put(pickle.loads(stream.read(length)))  # noqa: S301 - our own
    finally:
        os._exit(0)


def _made(
    composer: Composer, delivery: Delivery, shared: Mapping[int, int], *, eight_bit: bool
) -> tuple[Any, ...] | None:
    """Compose a message; None where that fails: the run composes again, and tells the failure."""
    try:
        message = composer.compose(delivery, eight_bit=eight_bit)
        pieces = [
            shared[id(piece)]
            if id(piece) in shared
            else (piece.data, [piece.once(work) for work in _WORK])
            for piece in message.octets.pieces
        ]
    except Exception:  # noqa: BLE001 - whatever it is, it happens there again
        return None
    return (pieces, *_message_values(message))
