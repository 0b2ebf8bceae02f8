"""Slots of one width in a file without a name: what was put is got, in whatever order."""

from __future__ import annotations

import errno
import random
import tempfile

import pytest

from mailbatch.delivery.slots import Slots
from mailbatch.errors import OutputError

#: More slots than a block has, and more bytes than are kept in memory.
MANY = 200_000


def data_of(number):
    """The eight bytes of a slot."""
    return number.to_bytes(8, "big")


def test_slots_that_are_put_in_order_are_got_in_any_order():
    slots = Slots(8)
    for number in range(MANY):
        slots.append(data_of(number))
    assert len(slots) == MANY
    for number in random.Random(1).sample(range(MANY), 2_000):
        assert slots.get(number) == data_of(number)
    assert b"".join(slots.pieces()) == b"".join(map(data_of, range(MANY)))
    assert slots.get(MANY) == b""
    assert slots.get(MANY * 2) == b""


def test_slots_that_are_put_in_any_order_are_got_and_those_left_out_are_nul():
    order = random.Random(2).sample(range(5_000), 2_500)
    slots = Slots(8)
    for turn, number in enumerate(order):
        slots.put(number, data_of(number + 1))
        if turn % 500 == 0:
            assert slots.get(number) == data_of(number + 1)
    put = set(order)
    assert len(slots) == max(put) + 1
    for number in range(len(slots)):
        assert slots.get(number) == (data_of(number + 1) if number in put else bytes(8))


def test_a_slot_that_is_put_again_has_the_later_data():
    slots = Slots(8)
    slots.append(b"".join(map(data_of, range(600))))
    assert slots.get(300) == data_of(300)
    slots.put(300, data_of(7))
    assert (slots.get(300), slots.get(301), len(slots)) == (data_of(7), data_of(301), 600)


def test_a_full_folder_of_temporary_files_is_an_error_with_the_next_step(monkeypatch):
    def full(*_arguments, **_named):
        raise OSError(errno.ENOSPC, "No space left on device")

    slots = Slots(8)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OutputError, match="No space left on device") as raised:
        slots.append(bytes(8 * MANY))
    assert "TMPDIR" in (raised.value.hint or "")
