"""The dialogues of an edition: each line finds its command, and the file survives every end."""

from __future__ import annotations

import errno
import os

import pytest

from mailbatch.delivery import dialogues as module
from mailbatch.delivery.dialogues import (
    LONGEST_REPLY,
    Dialogue,
    Dialogues,
    Exchange,
    dialogues_in,
    forget,
    mentions,
    read,
)
from mailbatch.delivery.kept_session import Hearing
from mailbatch.errors import LedgerLocked, OutputError

ANN, BOB = "ann@example.net", "Bob@example.net"
TOKEN = "57049136f20f7a33"


def dialogue(*recipients, token=TOKEN, said="250 OK"):
    """A dialogue that went well."""
    rcpts = [Exchange(f"RCPT TO:<{one}>", [said]) for one in recipients]
    mail, end = Exchange("MAIL FROM:<n@example.com>", ["250 OK"]), Exchange(".", ["250 2.0.0 id 7"])
    return Dialogue(token, "smtp.example.com:587", 1.0, 2.5, 300, "ab" * 32, [mail, *rcpts, end])


def no_trouble(text):
    raise AssertionError(text)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "news@1.smtp"


def keep(path, *found, tell=no_trouble):
    with Dialogues.to_append(path, tell=tell) as kept:
        for one in found:
            kept.append(one)


def hear(hearing, text):
    """Give a hearing the lines of a conversation."""
    for line in text.splitlines():
        hearing(line[0], line[3:].encode())


def told(found):
    return [(one.command, one.reply) for one in found.exchanges]


def test_each_line_finds_its_command_though_the_next_ones_have_left():
    """A pipelined transaction behind a refused one: RSET leaves with the next MAIL."""
    heard = []
    hearing = Hearing(lambda direction, line: heard.append(direction + line.decode()))
    hear(
        hearing,
        "S: 220 hello\nC: EHLO me\nS: 250-me\nS: 250 PIPELINING\nC: AUTH PLAIN x\nS: 235 in",
    )
    first = hearing.dialogue = dialogue()
    first.exchanges.clear()
    hear(hearing, "C: MAIL FROM:<a@b.c>\nC: RCPT TO:<x@b.c>\nC: DATA\nS: 250 OK")
    hear(hearing, "S: 550-no\nS: 550 really\nS: 503 none")
    second = hearing.dialogue = dialogue()
    second.exchanges.clear()
    second.size = 0
    hear(hearing, "C: RSET\nC: MAIL FROM:<a@b.c>\nC: RCPT TO:<y@b.c>\nC: DATA\nS: 250 reset")
    hear(hearing, "S: 250 sender\nS: 250 recipient\nS: 354 go on")
    hear(hearing, "C: <300 bytes of content>\nC: <20 bytes of content>\nC: .\nS: 250 queued")
    assert told(first) == [
        ("MAIL FROM:<a@b.c>", ["250 OK"]),
        ("RCPT TO:<x@b.c>", ["550-no", "550 really"]),
        ("DATA", ["503 none"]),
    ]
    assert told(second) == [
        ("MAIL FROM:<a@b.c>", ["250 sender"]),
        ("RCPT TO:<y@b.c>", ["250 recipient"]),
        ("DATA", ["354 go on"]),
        (".", ["250 queued"]),
    ]
    assert second.size == 320
    assert len(heard) == 25


def test_an_unasked_line_and_a_reply_that_never_came_are_no_trouble():
    hearing = Hearing(None)
    hearing.dialogue = found = dialogue()
    found.exchanges.clear()
    hear(hearing, "S: 220 hello\nS: 421 going down\nC: MAIL FROM:<a@b.c>\nC: DATA\nS: 250-half")
    assert told(found) == [("MAIL FROM:<a@b.c>", ["250-half"]), ("DATA", [])]


def test_a_server_that_talks_costs_no_more_than_the_bound():
    one = Exchange("MAIL FROM:<a@b.c>")
    for _ in range(1000):
        one.hear("250-" + "x" * 100)
    assert sum(map(len, one.reply)) == LONGEST_REPLY


def test_what_was_kept_is_read_by_the_token(path):
    one, other = dialogue(ANN), dialogue(BOB, token="0" * 16)
    keep(path, one, other)
    keep(path, dialogue(ANN, said="450 later"))
    first, second = read(path, TOKEN)
    assert (first, second.exchanges[1].reply) == (one, ["450 later"])
    assert list(read(path, "f" * 16)) == []
    assert list(read(path.with_name("none@1.smtp"), TOKEN)) == []
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b'{"token":"5', b"x" * 200_000])
def test_a_torn_line_of_a_process_that_died_is_cut_off(path, torn):
    keep(path, dialogue(ANN))
    whole = path.read_bytes()
    with path.open("ab") as stream:
        stream.write(torn)
    assert len(list(read(path, TOKEN))) == 1
    keep(path)
    assert path.read_bytes() == whole
    path.write_bytes(torn)
    keep(path, dialogue(ANN))
    assert path.read_bytes() == whole


def test_a_disk_that_is_full_is_told_once_and_leaves_whole_lines(path, monkeypatch):
    trouble = []
    with Dialogues.to_append(path, tell=trouble.append) as kept:
        kept.append(dialogue(ANN))
        monkeypatch.setattr(module.os, "write", lambda fd, data: os.pwrite(fd, data[:9], 10**6))
        kept.append(dialogue(BOB))
        kept.append(dialogue(BOB))
        monkeypatch.undo()
        kept.append(dialogue(BOB))
    assert trouble == [f"no dialogue is kept from now on: {path}: {os.strerror(errno.ENOSPC)}"]
    assert path.read_bytes() == dialogue(ANN).line()


def test_a_file_that_cannot_be_made_is_an_error_before_anything_is_sent(path):
    path.mkdir()
    with pytest.raises(OutputError, match=r"news@1\.smtp"):
        keep(path)


def test_a_line_that_mailbatch_did_not_write_has_its_place(path):
    keep(path, dialogue(ANN))
    with path.open("ab") as stream:
        stream.write(b'{"token":"%s","said":[[]]}\n' % TOKEN.encode())
    with pytest.raises(OutputError, match=r"smtp:2: is no dialogue"):
        list(read(path, TOKEN))


def test_a_person_is_forgotten_and_others_stay(path):
    alone, other = dialogue(ANN), dialogue(BOB, token="0" * 16)
    shared = dialogue(ANN, BOB, said="250 not <ann@Example.NET> alone", token="1" * 16)
    keep(path, alone, shared, other)
    assert mentions(path, ANN.upper()) == 2
    forget(path, ANN.upper(), "unknown@forgotten.invalid")
    assert (mentions(path, ANN), b"ann@" in path.read_bytes().lower()) == (0, False)
    (left,) = read(path, "1" * 16)
    assert [one.recipient for one in left.exchanges] == [None, BOB, None]
    assert left.exchanges[1].reply == ["250 not <unknown@forgotten.invalid> alone"]
    assert list(read(path, "0" * 16)) == [other]
    assert list(read(path, TOKEN)) == []
    assert dialogues_in(path.parent) == [path]


def test_an_address_beyond_ascii_is_found_and_forgotten(path):
    keep(path, dialogue("jörg@example.net"), dialogue(BOB))
    assert mentions(path, "jörg@example.net") == 1
    forget(path, "jörg@example.net", "unknown@forgotten.invalid")
    assert path.read_bytes() == dialogue(BOB).line()


def test_a_person_is_not_forgotten_while_a_run_writes(path):
    with Dialogues.to_append(path, tell=no_trouble) as kept:
        kept.append(dialogue(ANN))
        with pytest.raises(LedgerLocked):
            forget(path, ANN, "unknown@forgotten.invalid")
    assert len(list(read(path, TOKEN))) == 1
