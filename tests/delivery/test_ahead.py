"""Composing ahead: the same bytes as here, in any order, and nothing is lost with the process.

A fork wants a process without threads: each conversation is held in one of its own.
"""

import asyncio
import functools
import os
import select
import signal
import sys
import threading
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from mailbatch.delivery.ahead import (
    LEAST_MESSAGES,
    LONGEST_WAIT,
    MADE_HERE,
    MOST_ATTACHED_BYTES,
    MOST_ORDERS,
    Ahead,
    composing_ahead,
)
from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import TemplateError
from mailbatch.job.loader import load_job
from mailbatch.octets import digest_of
from mailbatch.render.composer import Composer
from mailbatch.smtp.content import blocks, stuff
from tests.certainty import dying
from tests.support.forkserver import processes

JOB = """\
version: 1
name: letter
server: {host: localhost, port: 25, security: plaintext, auth: none}
sender: {from: News <news@example.com>}
recipients: {file: recipients.csv}
message: {subject: "Hello {{ name }}", text: letter.txt.j2}
"""
TEXT = """\
.Dear {{ name }}
{{ 1 // (0 if name == 'Nobody' else 1) }} größer
{% if name == 'Endless' %}
{%- for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}
{%- endif %}
"""


@pytest.fixture
def folder(tmp_path):
    """A job whose letters have dots to stuff, 8-bit text, and no letter for Nobody."""
    (tmp_path / "job.yaml").write_text(JOB, encoding="utf-8")
    (tmp_path / "recipients.csv").write_text("email,name\n", encoding="utf-8")
    (tmp_path / "letter.txt.j2").write_text(TEXT, encoding="utf-8")
    return tmp_path


def composer_of(folder):
    job = load_job(Path(folder) / "job.yaml")
    now = datetime(2026, 11, 26, tzinfo=UTC)
    return Composer(job, edition="1", columns=("email", "name"), now=now, variables={})


def delivery(number, name="Ada"):
    address = f"user{number}@example.net"
    return Delivery(
        id=number,
        key=address,
        attempt=1,
        message_id=f"{number:032x}@example.com",
        date=1764144000 + number,
        unsettled=(address,),
        addresses=(address,),
        rows=(Recipient(number + 1, address, (address, name)),),
        resent=frozenset({address}),
        digests=frozenset({bytes(32)}),
    )


async def message(ahead, one, *, eight_bit):
    while not ahead.is_at_hand(one, eight_bit=eight_bit):
        await ahead.more()
    return ahead.take(one)


def hold(conversation, folder, *rest):
    """Hold a conversation with a process that composes ahead; it must end well."""
    process = processes.Process(target=_held, args=(conversation, str(folder), *rest))
    process.start()
    process.join(120.0)  # on a busy machine it has to wait for its turn
    if process.exitcode is None:
        process.kill()
    assert dying.ended(process) == 0


def _held(conversation, folder, *rest):
    notes = []
    composer = composer_of(folder)
    ahead = Ahead.start(composer, notes.append)
    try:
        asyncio.run(conversation(composer, ahead, notes, *rest))
    finally:
        ahead.end()
        ahead.end()  # without effect the second time


async def same_bytes(composer, ahead, notes):
    lots = [[delivery(number) for number in range(lot, lot + 300)] for lot in (0, 300)]
    for lot in lots:
        ahead.expect(lot)  # more than the system holds for us: the rest goes when it can
    for one in (*reversed(lots[0]), *lots[1]):
        made = await message(ahead, one, eight_bit=True)
        here = composer.compose(one, eight_bit=True)
        assert here.eight_bit
        assert made == here
        (piece,) = made.octets.pieces
        assert made.octets.digest == sha256(here.content).digest()
        assert piece.once(blocks) == (stuff(here.content),) != (here.content,)
        assert piece._found.keys() == {digest_of, blocks, bytes.isascii}  # all was found there
    assert notes == []


def test_it_makes_the_bytes_that_are_made_here(folder):
    """All of them, in whatever order they are asked for, with their dots stuffed."""
    hold(same_bytes, folder)


async def one_file(composer, ahead, notes):
    ahead.expect([delivery(1), delivery(2)])
    made = [await message(ahead, delivery(number), eight_bit=True) for number in (1, 2)]
    here = composer.compose(delivery(1), eight_bit=True)
    assert made[0] == here
    assert made[0].octets.digest == here.octets.digest
    (shared,) = composer.shared_pieces
    assert all(one.octets.pieces[1] is shared for one in (here, *made))
    assert notes == []


def test_a_large_file_is_one_piece_of_every_message(folder):
    """The process names the file; the bytes are those that the run has."""
    _attach(folder, [2 * MOST_ATTACHED_BYTES])
    hold(one_file, folder)


async def many_wait(composer, ahead, notes):
    ahead.expect([delivery(number) for number in range(8)])
    # The last one is asked for first: whoever comes later takes what had come for it.
    waiting = [
        asyncio.ensure_future(message(ahead, delivery(number), eight_bit=True))
        for number in reversed(range(8))
    ]
    made = [await one for one in waiting]
    assert [one.message_id for one in reversed(made)] == [
        delivery(number).message_id for number in range(8)
    ]
    # One waits; before it is told, another one takes in all that has come.
    ahead.expect([delivery(8), delivery(9)])
    waiting = ahead.more()
    while not ahead.is_at_hand(delivery(9), eight_bit=True):
        select.select([ahead._socket], [], [])
    await asyncio.wait_for(waiting, 20)
    assert ahead.is_at_hand(delivery(8), eight_bit=True)
    assert notes == []


def test_everybody_who_waits_is_told_when_another_one_takes_in_what_has_come(folder):
    """The socket is readable only once."""
    hold(many_wait, folder)


async def not_to_be_made(composer, ahead, notes):
    ahead.expect([delivery(1, "Nobody"), delivery(2)])
    assert await message(ahead, delivery(1, "Nobody"), eight_bit=True) is None
    with pytest.raises(TemplateError):
        composer.compose(delivery(1, "Nobody"), eight_bit=True)
    assert await message(ahead, delivery(2), eight_bit=True) is not None
    assert notes == []


def test_what_cannot_be_composed_is_left_to_whoever_reports_it(folder):
    """None for this one; the next ones come as ever."""
    hold(not_to_be_made, folder)


async def once(composer, ahead, notes):
    assert await message(ahead, delivery(1), eight_bit=True) is None  # nobody has told it
    ahead.expect([delivery(1), delivery(2)])
    ahead.expect([delivery(2, "Eve")])  # leased again, with another row
    assert (await message(ahead, delivery(1), eight_bit=True)).message_id.startswith("0")
    assert await message(ahead, delivery(1), eight_bit=True) is None
    made = await message(ahead, delivery(2, "Eve"), eight_bit=True)
    assert b"Dear Eve" in made.content


def test_a_message_is_given_once_and_is_that_of_the_last_lease(folder):
    """An attempt that was put back is composed anew; an older message of it is never sent."""
    hold(once, folder)


async def seven_bit(composer, ahead, notes):
    ahead.expect([delivery(1)])
    assert await message(ahead, delivery(1), eight_bit=False) is None
    ahead.expect([delivery(2)])
    made = await message(ahead, delivery(2), eight_bit=False)
    assert made == composer.compose(delivery(2), eight_bit=False)
    assert made.content.isascii()


def test_what_the_server_does_not_take_is_not_used(folder):
    """From the first answer on the process encodes as the server wants it."""
    hold(seven_bit, folder)


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


async def death(composer, ahead, notes, told_before):
    ahead.expect([delivery(number) for number in range(9)])
    waiting = [
        asyncio.ensure_future(message(ahead, delivery(number, "Nobody"), eight_bit=True))
        for number in range(9, 12)
    ]
    if told_before:
        assert await message(ahead, delivery(0), eight_bit=True) is not None
    kill(ahead._pid)
    for lot in range(2):
        ahead.expect([delivery(number) for number in range(20 + lot, 400)])
        await message(ahead, delivery(30), eight_bit=True)
    assert [await one for one in waiting] == [None] * 3
    assert await message(ahead, delivery(399), eight_bit=True) is None
    assert notes == ["the process that composed ahead is gone; composing goes on without it"]


@pytest.mark.parametrize("told_before", [True, False])
def test_when_the_process_dies_everything_is_composed_here(folder, told_before):
    """Whoever waits gets None, and there is one note."""
    hold(death, folder, told_before)


async def starved(composer, ahead, notes):
    os.kill(ahead._pid, signal.SIGSTOP)
    for lot in range(0, MADE_HERE + 9, 100):
        ahead.expect([delivery(number) for number in range(lot, min(lot + 100, MADE_HERE + 9))])
    at_hand = functools.partial(ahead.is_at_hand, eight_bit=True)
    assert not at_hand(delivery(0))
    now, had = ahead.times()
    ahead.note_wait((now - LONGEST_WAIT, had - LONGEST_WAIT))  # it has worked meanwhile
    assert not at_hand(delivery(0))
    for _ in range(3):  # many short waits are one long one
        now, had = ahead.times()
        ahead.note_wait((now - LONGEST_WAIT / 2, had))
    for number in range(MADE_HERE):
        assert at_hand(delivery(number))
        assert ahead.take(delivery(number)) is None  # it is composed here
    assert not at_hand(delivery(MADE_HERE))
    os.kill(ahead._pid, signal.SIGCONT)
    last = delivery(MADE_HERE + 8)
    made = await message(ahead, last, eight_bit=True)
    assert made == composer.compose(last, eight_bit=True)
    # What was composed here it has not composed as well.
    assert len(ahead._made) == 8
    assert notes == []


def test_where_it_is_not_let_run_messages_are_composed_here(folder):
    """Many of them, before somebody waits again; what it need not make it leaves out."""
    hold(starved, folder)


def wait_until_at_work(ahead):
    began = ahead.processor_time()
    while ahead.processor_time() < began + 0.02:
        select.select([], [], [], 0.001)


async def left_alone(composer, ahead, notes):
    ahead.expect([delivery(1, "Endless")])
    wait_until_at_work(ahead)
    end = os.pidfd_open(ahead._pid)
    ahead._socket.close()
    assert select.select([end], [], [], 60.0)[0], "it outlives the run"
    os.close(end)


def test_it_ends_with_the_run_also_in_a_letter_without_end(folder):
    """Nobody is there any more to stop it."""
    hold(left_alone, folder)


async def behind(composer, ahead, notes):
    os.kill(ahead._pid, signal.SIGSTOP)
    for lot in range(100):
        ahead.expect([delivery(number) for number in range(lot * 256, (lot + 1) * 256)])
    assert ahead._serial <= MOST_ORDERS
    assert ahead.is_at_hand(delivery(25_000), eight_bit=True)  # nobody has ordered it
    assert ahead.take(delivery(25_000)) is None
    os.kill(ahead._pid, signal.SIGCONT)
    await message(ahead, delivery(max(ahead._expected)), eight_bit=True)
    ahead.expect([delivery(30_000)])
    assert await message(ahead, delivery(30_000), eight_bit=True) is not None
    assert notes == []


def test_what_is_ordered_is_bounded_however_far_behind_it_is(folder):
    """Lots that are not ordered are composed here; later ones are ordered again."""
    hold(behind, folder)


def files_of(pid):
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        yield str(entry.readlink()).partition(":")[0]


def ignored_by(pid):
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
    return {number for number in signal.Signals if mask >> number - 1 & 1}


async def alone(composer, ahead, notes):
    ahead.expect([delivery(1)])
    await message(ahead, delivery(1), eight_bit=True)
    assert sorted(files_of(ahead._pid)) == ["/dev/null"] * 3 + ["socket"]
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= ignored_by(ahead._pid)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
def test_the_process_owns_nothing(folder):
    """No file, no lock, no terminal: a socket, and signals are for the run."""
    hold(alone, folder)


def _is_used(folder, messages, threads):
    stop = threading.Event()
    others = [threading.Thread(target=stop.wait) for _ in range(threads)]
    for other in others:
        other.start()
    with composing_ahead(composer_of(folder), messages, print) as ahead:
        os._exit(10 if ahead is None else 11)


def _attach(folder, sizes, path="a{}.bin"):
    for number, size in enumerate(sizes):
        (folder / f"a{number}.bin").write_bytes(b"x" * size)
    files = ", ".join(f'{{path: "{path.format(number)}"}}' for number in range(len(sizes)))
    job = JOB.replace("letter.txt.j2}", f"letter.txt.j2, attachments: [{files}]}}")
    (folder / "job.yaml").write_text(job, encoding="utf-8")


@pytest.mark.parametrize(
    ("messages", "threads", "attached", "used"),
    [
        (LEAST_MESSAGES, 0, None, True),
        (LEAST_MESSAGES - 1, 0, None, False),
        (LEAST_MESSAGES, 1, None, False),
        (LEAST_MESSAGES, 0, [1000], True),
        (LEAST_MESSAGES, 0, [MOST_ATTACHED_BYTES // 2] * 2, False),
        (LEAST_MESSAGES, 0, [10 * MOST_ATTACHED_BYTES], True),  # it is named, not handed over
    ],
)
def test_where_it_pays_and_where_it_is_safe(folder, messages, threads, attached, used):
    """Not for a few, not for much to hand over, and never beside other threads."""
    if used and (sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2):
        pytest.skip("this machine has one core, or is no Linux")
    if attached is not None:
        _attach(folder, attached)
    process = processes.Process(target=_is_used, args=(str(folder), messages, threads))
    process.start()
    assert dying.ended(process) == (11 if used else 10)


def test_attachments_that_vary_are_composed_where_they_are_sent(folder):
    """Nobody knows how large they are."""
    _attach(folder, [1], path="{{{{ name }}}}.bin")
    assert composer_of(folder).attached_bytes is None
