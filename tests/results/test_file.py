"""The results file: derived, complete, in order, and safe to open."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailbatch.errors import LedgerError, OutputError
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status
from mailbatch.results.file import check_place, write_results, write_unfinished
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    lease_one,
    open_ledger,
    people,
    plan,
    row,
    send,
    settle,
)
from tests.results.rows import NAMES, mixed


@pytest.fixture
def target(folder):
    return folder / "results" / "news-48.csv"


def read(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


def test_there_is_one_row_for_every_row_in_input_order(ledger, target):
    mixed(ledger)
    write_results(ledger, target)
    found = read(target)
    assert [(r["row"], r["email"], r["status"]) for r in found] == [
        ("2", "acc@x.org", "accepted"),
        ("4", "rej@x.org", "rejected"),
        ("5", "def@x.org", "deferred"),
        ("6", "new@x.org", "pending"),
        ("7", "doubt@x.org", "in_doubt"),
        ("8", "acc@x.org", "duplicate"),
        ("9", "sup@x.org", "suppressed"),
        ("10", "not an address", "invalid"),
        ("11", "fil@x.org", "filtered"),
        ("", "left@x.org", "accepted"),
    ]


def test_a_row_has_everything_that_is_known(ledger, target):
    mixed(ledger)
    write_results(ledger, target)
    accepted, rejected = read(target)[:2]
    assert list(accepted) == NAMES
    our_id = accepted.pop("header_message_id")
    assert our_id.endswith("@example.com")
    assert accepted == {
        "row": "2",
        "email": "acc@x.org",
        "status": "accepted",
        "message_id": "7f-1",
        "reply_code": "250",
        "enhanced_status": "2.6.0",
        "reply": "Message queued as 7f-1",
        "attempts": "1",
        "group": "",
        "edition": "48",
        "first_attempt_at": "2023-11-14T22:13:20Z",
        "settled_at": "2023-11-14T22:13:21Z",
        "reason": "",
        **dict.fromkeys(NAMES[14:], ""),
    }
    assert (rejected["message_id"], rejected["reply_code"]) == ("", "550")


def test_an_untouched_row_says_so(ledger, target):
    plan(ledger, [row(2, "a@x.org", group=("de", "pro"))], group_by=("locale", "plan"))
    write_results(ledger, target)
    (found,) = read(target)
    empty = {key for key, value in found.items() if value == ""}
    assert empty == set(NAMES) - {"row", "email", "status", "attempts", "group", "edition"}
    assert (found["attempts"], found["group"]) == ("0", "de/pro")


def test_the_file_is_rfc_4180(ledger, target):
    plan(ledger, [row(2, 'a"b,c\r\nd@x.org', status="invalid", reason='a "quoted", reason')])
    write_results(ledger, target)
    text = target.read_bytes()
    assert text.endswith(b"\r\n")
    assert text.count(b"\n") == text.count(b"\r\n") == 2
    assert read(target)[0]["reason"] == 'a "quoted", reason'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b"])
def test_formulas_are_defused(ledger, target, start):
    cell = f"{start}HYPERLINK(1)"
    plan(ledger, [row(2, cell, group=(cell,), status="invalid", reason=cell)], group_by=("g",))
    write_results(ledger, target)
    (found,) = read(target)
    for column in ("email", "group", "reason"):
        assert found[column][0] in "'\\"
        assert found[column].endswith("HYPERLINK(1)")


def test_a_reply_cannot_smuggle_anything(ledger, target):
    """Reply texts are the server's: formulas, escape sequences, line ends."""
    plan(ledger, people("a@x.org"))
    hostile = Reply(250, ("=cmd|' /C calc'!A0", "\x1b[2J\x07 id=\x9b1\u2028\u202ex"))
    settle(ledger, lease_one(ledger), reply=hostile)
    write_results(ledger, target)
    (found,) = read(target)
    assert found["reply"] == "'=cmd|' /C calc'!A0 \\x1b[2J\\x07 id=\\x9b1\\u2028\\u202ex"
    assert target.read_bytes().decode().replace("\r\n", "").isprintable()


def test_numbers_stay_numbers(ledger, target):
    mixed(ledger)
    write_results(ledger, target)
    for found in read(target):
        assert found["attempts"].isdigit()
        assert found["row"].isdigit() or found["row"] == ""


def test_the_same_ledger_gives_the_same_bytes(path, target):
    with open_ledger(path) as ledger:
        mixed(ledger)
        write_results(ledger, target)
        first = target.read_bytes()
        write_results(ledger, target)
        assert target.read_bytes() == first
    with Ledger.read(path) as ledger:
        write_results(ledger, target)
    assert target.read_bytes() == first


def test_outcomes_that_are_not_folded_yet_are_in_the_results(ledger, path, target):
    """A reader during the run sees what the run sees."""
    rows = people("a@x.org", "b@x.org", group=("g",))
    plan(ledger, rows, group_by=("g",))
    send(ledger)
    with Ledger.read(path) as reader:
        write_results(reader, target)
    early = target.read_bytes()
    assert {r["message_id"] for r in read(target)} == {"0b3f-77"}
    ledger.leases.lease(1, now=NOW)  # folds
    write_results(ledger, target)
    assert target.read_bytes() == early


def test_the_old_file_stays_until_the_new_one_is_whole(ledger, target, monkeypatch):
    plan(ledger, people("a@x.org"))
    write_results(ledger, target)
    old = target.read_bytes()
    send(ledger)

    def failing(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_results(ledger, target)
    assert caught.value.exit_code == 74
    assert "space" in caught.value.hint
    assert target.read_bytes() == old
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not(ledger, target):
    plan(ledger, people("a@x.org"))
    target.parent.mkdir()
    dead = target.parent / f".{target.name}.0000dead.tmp"
    dead.write_text("half")
    living = target.parent / f".{target.name}.0000live.tmp"
    script = (
        "import fcntl, sys\n"
        "stream = open(sys.argv[1], 'w')\n"
        "fcntl.flock(stream, fcntl.LOCK_EX)\n"
        "print('writing', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(living)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout.readline() == "writing\n"
        write_results(ledger, target)
        assert sorted(p.name for p in target.parent.iterdir()) == [living.name, target.name]
        writer.kill()
    write_results(ledger, target)
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_the_permissions_of_the_file_stay(ledger, target):
    plan(ledger, people("a@x.org"))
    write_results(ledger, target)
    target.chmod(0o640)
    write_results(ledger, target)
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_link_to_the_results_stays_a_link(ledger, target):
    plan(ledger, people("a@x.org"))
    link = target.with_name("latest.csv")
    target.parent.mkdir()
    link.symlink_to(target)
    write_results(ledger, link)
    assert link.is_symlink()
    assert len(read(target)) == 1


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_a_device_is_not_replaced(ledger, device):
    plan(ledger, people("a@x.org"))
    before = Path(device).stat()
    with pytest.raises(OutputError, match="not a regular file"):
        write_results(ledger, Path(device))
    assert Path(device).stat().st_rdev == before.st_rdev


def test_a_folder_that_cannot_be_made_is_an_error(ledger, folder):
    """Also for root, whom no permission stops: below a file there is no folder."""
    plan(ledger, people("a@x.org"))
    (folder / "file").write_text("")
    with pytest.raises(OutputError, match="file cannot be written") as caught:
        write_results(ledger, folder / "file" / "results.csv")
    assert caught.value.hint
    with pytest.raises(LedgerError, match="folder cannot be made"):
        open_ledger(folder / "file" / "state" / "ledger")


def test_a_place_is_checked_without_a_trace(ledger, target, folder):
    check_place(target)
    assert list(target.parent.iterdir()) == []
    (folder / "file").write_text("")
    for bad in (Path("/dev/null"), folder, folder / "file" / "results.csv"):
        with pytest.raises(OutputError, match="file cannot be written"):
            check_place(bad)


# The unfinished


def test_the_unfinished_are_a_recipient_file(ledger, target):
    plan(
        ledger,
        [
            row(2, "acc@x.org", "=1+1", "ä;b"),
            row(3, "rej@x.org", "=1+1", "ä;b"),
            row(4, "def@x.org", "'x", 'say "hi"\nthere'),
            row(5, "new@x.org", "", ""),
            row(6, "doubt@x.org", "", ""),
            row(7, "bad", "", "", status="invalid"),
            row(8, "sup@x.org", "", "", status="suppressed"),
            row(9, "new@x.org", "", "", status="pending"),
        ],
        columns=("email", "first name", "note"),
    )
    for name, status in (
        ("acc", Status.ACCEPTED),
        ("rej", Status.REJECTED),
        ("def", Status.DEFERRED),
        ("doubt", Status.IN_DOUBT),
    ):
        settle(ledger, lease_one(ledger, address=f"{name}@x.org"), status)
    assert write_unfinished(ledger, target) == 4
    with target.open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream, strict=True)) == [
            ["email", "first name", "note"],
            ["rej@x.org", "=1+1", "ä;b"],
            ["def@x.org", "'x", 'say "hi"\nthere'],
            ["new@x.org", "", ""],
            ["bad", "", ""],
        ]


def test_the_unfinished_keep_the_form_of_the_table(ledger, target):
    plan(ledger, [row(2, "a@x.org", "ä")], columns=("email", "name"))
    write_unfinished(ledger, target, delimiter=";", encoding="latin-1")
    assert target.read_bytes() == b"email;name\r\na@x.org;\xe4\r\n"


def test_nobody_unfinished_is_a_file_with_a_header(ledger, target):
    plan(ledger, people("a@x.org"))
    send(ledger)
    assert write_unfinished(ledger, target) == 0
    assert target.read_bytes() == b"email\r\n"


def test_whoever_left_the_table_is_not_among_the_unfinished(ledger, target):
    plan(ledger, people("rej@x.org", "a@x.org"))
    send(ledger, Status.REJECTED, reply=NEVER)
    plan(ledger, people("a@x.org"))
    assert write_unfinished(ledger, target) == 1


def test_the_unfinished_rows_of_one_customer_are_all_there(ledger, target):
    rows = [row(n, "a@x.org", str(n), group=("a",)) for n in (2, 3)]
    plan(ledger, rows, columns=("email", "n"), group_by=("email",))
    send(ledger, Status.DEFERRED, reply=LATER)
    assert write_unfinished(ledger, target) == 2


def test_the_text_of_a_reply_decides_nothing(ledger):
    """A refusal that reads like an acceptance is a refusal."""
    plan(ledger, people("a@x.org"))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    told = Outcome("a@x.org", Status.REJECTED, Reply(550, ("queued as 1234",), "5.0.0"))
    ledger.records.settle(delivery.id, [told], now=NOW, retry_at=None)
    (found,) = ledger.standing.result_rows()
    assert (found.status, found.message_id) == (Status.REJECTED, None)
