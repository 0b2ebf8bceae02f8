"""Every conversation, in every way its bytes can be cut in two, and in some random ways."""

import random

import pytest

from tests.smtp.conversation import (
    FOLDER,
    Replay,
    byte_by_byte,
    in_two,
    longest_stream,
    read,
    whole,
)

CONVERSATIONS = sorted(FOLDER.glob("*.txt"))

#: Streams longer than this are not cut at every position but at both ends and around the bounds.
MANY = 700


def positions(length):
    """Every position where a stream can be cut in two; a choice of them where there are many."""
    if length <= MANY:
        return range(1, length)
    bounds = [4095, 4096, 4097, 65535, 65536, 65537]
    return [*range(1, 50), *(bound for bound in bounds if bound < length), length - 1]


def some_pieces(generator):
    """A cut into pieces of random lengths."""

    def cut(data):
        places = sorted(generator.sample(range(len(data) + 1), min(len(data), 5)))
        return [data[i:j] for i, j in zip([0, *places], [*places, len(data)], strict=True)]

    return cut


@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
def test_conversation(path):
    """Bytes, events and outcomes are the same however the server's bytes arrive."""
    steps = read(path)
    Replay(path.name, steps, whole).run()
    length = longest_stream(steps)
    if length <= MANY:
        Replay(path.name, steps, byte_by_byte).run()
    for position in positions(length):
        Replay(path.name, steps, in_two(position)).run()
    generator = random.Random(path.name)
    for _ in range(10):
        Replay(path.name, steps, some_pieces(generator)).run()


def test_there_are_conversations():
    """The folder was found, and every conversation says on top what it shows."""
    assert len(CONVERSATIONS) > 100
    assert [p.name for p in CONVERSATIONS if not p.read_text("utf-8").startswith("# ")] == []
