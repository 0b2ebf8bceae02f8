"""A damaged ledger is refused with what to do; never guessed, never created anew."""

import os
import random
import shutil
import sqlite3

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.witness import witness_of
from mailbatch.outcome import Status
from tests.ledger.steps import (
    NOW,
    copy_files,
    forget_the_seal,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    settle,
    standing,
)

NAMES = [f"someone-{n}@example.org" for n in range(40)]


def fill(ledger):
    """Everybody is accepted but the last one."""
    plan(ledger, people(*NAMES))
    for delivery in ledger.leases.lease(len(NAMES) - 1, now=NOW):
        settle(ledger, delivery)


@pytest.fixture
def put_away(path):
    """A ledger that its run closed in order."""
    with open_ledger(path) as ledger:
        fill(ledger)
    return path


@pytest.fixture
def died(path, folder):
    """A ledger whose run was killed: a journal stands beside it."""
    with open_ledger(path) as ledger:
        fill(ledger)
        return copy_files(path, folder / "dead")


def lock_of(path):
    return path.with_name(path.name + ".lock")


def journal_of(path):
    return path.with_name(path.name + "-wal")


def assert_refused(path, *words):
    before = path.read_bytes() if path.exists() else None
    for _ in range(2):
        with pytest.raises(LedgerError) as caught:
            open_ledger(path)
        assert caught.value.exit_code == 74
        assert caught.value.hint
        for word in words:
            assert word in caught.value.message
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_truncated_ledger_is_refused_at_every_length(put_away):
    whole = put_away.read_bytes()
    for length in {0, 1, 15, 16, 99, 100, 4095, 4096, *range(0, len(whole), 1021)}:
        put_away.write_bytes(whole[:length])
        assert_refused(put_away, "damaged, or an older copy")
    put_away.write_bytes(whole)
    with open_ledger(put_away) as ledger:
        assert numbers(ledger) == {"accepted": 39, "pending": 1}


def test_a_flipped_bit_anywhere_is_refused(put_away):
    whole = bytearray(put_away.read_bytes())
    chance = random.Random(7)
    for place in [*range(0, 100, 9), *(chance.randrange(len(whole)) for _ in range(40))]:
        whole[place] ^= 1 << chance.randrange(8)
        put_away.write_bytes(whole)
        assert_refused(put_away, "damaged, or an older copy")


def test_an_older_copy_is_refused_until_somebody_asks_for_it(path, folder):
    """Whoever was mailed since the copy was made would be mailed again."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b"))
    older = folder / "older"
    shutil.copyfile(path, older)
    with open_ledger(path) as ledger:
        settle(ledger, lease_one(ledger))
    shutil.copyfile(older, path)
    assert_refused(path, "an older copy")
    lock_of(path).unlink()  # what people do to a lock that is in their way
    assert_refused(path, "an older copy")
    with Ledger.reopen(path, boot_id="boot-1", restored=True) as ledger:
        assert numbers(ledger) == {"pending": 2}
    with open_ledger(path) as ledger:
        assert numbers(ledger) == {"pending": 2}


@pytest.mark.parametrize("with_witness", [True, False])
def test_a_ledger_can_be_moved_with_its_lock_file(put_away, folder, with_witness):
    """It is what its last run put away, as far as anybody can tell, and says where that was."""
    target = folder / "with" / put_away.name
    target.parent.mkdir()
    shutil.copyfile(put_away, target)
    shutil.copyfile(lock_of(put_away), lock_of(target))
    if with_witness:
        shutil.copyfile(witness_of(put_away), witness_of(target))
    with open_ledger(target, boot="another machine") as ledger:
        assert numbers(ledger) == {"accepted": 39, "pending": 1}
        assert ledger.moved == (str(put_away), os.uname().nodename)
    with open_ledger(target, boot="another machine") as ledger:
        assert ledger.moved is None


def test_a_ledger_without_lock_file_and_witness_may_be_of_any_age(put_away, folder):
    target = folder / "without" / put_away.name
    target.parent.mkdir()
    shutil.copyfile(put_away, target)
    assert_refused(target, "an older copy", "its lock file and its witness are gone")
    with Ledger.reopen(target, restored=True):
        pass
    with open_ledger(target) as ledger:
        assert numbers(ledger) == {"accepted": 39, "pending": 1}


def test_without_a_seal_a_truncated_ledger_is_refused_all_the_same(put_away):
    forget_the_seal(put_away)
    whole = put_away.read_bytes()
    for length in {0, 1, 15, 16, 99, 100, 4095, 4096, *range(0, len(whole), 2048)}:
        put_away.write_bytes(whole[:length])
        assert_refused(put_away, "damaged")


def test_without_a_seal_a_flipped_header_changes_nobody(put_away):
    """Refused, or harmless: a bit that SQLite does not use."""
    forget_the_seal(put_away)
    with Ledger.read(put_away) as ledger:
        before = standing(ledger)
    notes = {p.name: p.read_bytes() for p in (lock_of(put_away), witness_of(put_away))}
    whole = put_away.read_bytes()
    refused = 0
    for place in range(100):
        flipped = bytearray(whole)
        flipped[place] ^= 0x55
        put_away.write_bytes(flipped)
        try:
            with open_ledger(put_away) as ledger:
                assert standing(ledger) == before
        except LedgerError:
            refused += 1
        for name, data in notes.items():
            put_away.with_name(name).write_bytes(data)
        forget_the_seal(put_away)
        journal_of(put_away).unlink(missing_ok=True)
    assert refused > 40


def test_without_a_seal_a_status_that_is_none_is_found(put_away):
    forget_the_seal(put_away)
    connection = sqlite3.connect(put_away)
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute("UPDATE recipient SET status = 'acceptec' WHERE id = 3")
    connection.commit()
    connection.close()
    assert_refused(put_away, "damaged")


def test_without_a_seal_an_index_that_misses_somebody_is_found(put_away):
    """Two rows could then claim one address, and it would be mailed twice."""
    forget_the_seal(put_away)
    connection = sqlite3.connect(put_away)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, '= ''own''', '= ''shared''')"
        " WHERE name = 'recipient_by_key'"
    )
    connection.commit()
    connection.close()
    assert_refused(put_away, "damaged")


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_text("my notes")
    assert_refused(path)
    assert path.read_text() == "my notes"


def test_another_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text)")
    connection.close()
    assert_refused(path, "not a ledger of mailbatch")


def test_a_ledger_of_a_newer_mailbatch_is_refused(put_away):
    forget_the_seal(put_away)
    connection = sqlite3.connect(put_away)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    assert_refused(put_away, "version 99")
    with pytest.raises(LedgerError, match="version 99"):
        Ledger.read(put_away)


# A run that died


def test_a_journal_that_is_gone_is_missed(died):
    journal_of(died).unlink()
    assert_refused(died, "its journal", "is gone")


def test_a_tool_that_took_the_journal_over_leaves_the_last_lot_in_doubt(path, folder):
    """`sqlite3` without -readonly, on the ledger of a dead run: nothing is lost by looking.

    But nobody could tell it from a journal that was removed behind the last lot.
    """
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b", "c", "d"))
        settle(ledger, lease_one(ledger))
        ledger.leases.lease(2, now=NOW)
        dead = copy_files(path, folder / "dead")
    connection = sqlite3.connect(dead)
    assert connection.execute("SELECT count(*) FROM recipient").fetchone() == (4,)
    connection.close()
    assert not journal_of(dead).exists()
    with open_ledger(dead) as ledger:
        assert standing(ledger) == {
            "a": "accepted",
            "b": "in_doubt",
            "c": "in_doubt",
            "d": "pending",
        }


def test_a_journal_that_is_gone_is_missed_after_a_look(died):
    """Whoever looks makes an empty journal; that is not the one that was lost."""
    journal_of(died).unlink()
    with pytest.raises(LedgerError, match=r"its journal .* is gone"):
        Ledger.read(died)
    assert_refused(died, "its journal", "is gone")


def test_a_journal_that_changed_is_refused(died):
    """SQLite would silently forget every commit behind the change, and mail them again."""
    whole = journal_of(died).read_bytes()
    chance = random.Random(11)
    last_frame = len(whole) - 4096 - 24
    for place in [0, 9, 17, 25, *(chance.randrange(32, last_frame) for _ in range(40))]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        journal_of(died).write_bytes(flipped)
        died.with_name(died.name + "-shm").unlink(missing_ok=True)
        assert_refused(died, "its journal", "has changed")
        assert journal_of(died).read_bytes() == flipped, "what can be saved is not touched"
    journal_of(died).write_bytes(whole)
    died.with_name(died.name + "-shm").unlink()
    with open_ledger(died) as ledger:
        assert numbers(ledger) == {"accepted": 39, "pending": 1}


@pytest.mark.parametrize("behind", [b"", bytes(9000), b"\x55" * 9000], ids=["end", "zeros", "old"])
def test_a_commit_that_was_cut_off_is_no_damage(died, behind):
    """kill -9 in the middle of a write into room that was taken, or into an older journal."""
    whole = journal_of(died).read_bytes()
    for cut in (4096, 4000, 1234):
        target = copy_files(died, died.with_name(f"cut-{cut}"))
        torn = whole[: len(whole) - cut] + behind
        assert not torn.startswith(whole)
        journal_of(target).write_bytes(torn)
        with open_ledger(target) as ledger:
            assert numbers(ledger) == {"accepted": 38, "in_doubt": 1, "pending": 1}


def test_what_a_torn_write_left_is_not_taken_for_damage_of_the_next_run(died, folder):
    """The next run writes into the same journal, and dies as well."""
    whole = journal_of(died).read_bytes()
    journal_of(died).write_bytes(whole[:-4096] + bytes(3 * 4120))
    with open_ledger(died) as ledger:
        lease_one(ledger)
        again = copy_files(died, folder / "again")
    with open_ledger(again) as ledger:
        assert ledger.recovered.released == 1


def test_the_torn_end_of_a_journal_is_an_earlier_moment(died):
    """kill -9 in the middle of a write: what was not committed did not happen."""
    whole = journal_of(died).read_bytes()
    seen = []
    for cut in (0, 1, 4096, 4120, 4121, 8240, 8241):
        target = copy_files(died, died.with_name(f"cut-{cut}"))
        journal_of(target).write_bytes(whole[: len(whole) - cut])
        with open_ledger(target) as ledger:
            found = ledger.standing.counts()
        seen.append((found[Status.ACCEPTED], found[Status.IN_DOUBT], found[Status.PENDING]))
    settled, committed = (39, 0, 1), (38, 1, 1)
    # No kill loses a commit point that was passed: without it, all that was leased is in doubt.
    assert seen == [settled, *[committed] * 3, *[committed] * 2, (37, 2, 1)]


def test_a_ledger_that_vanished_is_not_created_anew(died):
    died.unlink()
    assert_refused(died, "the ledger is gone")
    journal_of(died).unlink()
    assert_refused(died, "the ledger is gone")


@pytest.mark.parametrize("first", ["lock", "witness"])
def test_an_edition_is_begun_anew_when_lock_file_and_witness_are_removed_too(put_away, first):
    """One file may be lost by mistake; all are not."""
    put_away.unlink()
    assert_refused(put_away, "the ledger is gone")
    files = lock_of(put_away), witness_of(put_away)
    files[first == "witness"].unlink()
    assert_refused(put_away, "the ledger is gone")
    for file in files:
        file.unlink()
    with open_ledger(put_away) as ledger:
        assert numbers(ledger) == {}


def test_a_creation_that_was_cut_off_leaves_no_ledger(path):
    path.parent.mkdir()
    for suffix in (".new", ".new-journal", ".new-wal"):
        path.with_name(path.name + suffix).write_bytes(b"half")
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        assert numbers(ledger) == {"pending": 1}
    names = [".news.ledger.seen", "news.ledger", "news.ledger.lock"]
    assert sorted(p.name for p in path.parent.iterdir()) == names


# Reading


def test_there_is_nothing_to_read_before_the_first_run(path):
    for look in (Ledger.read, Ledger.reopen):
        with pytest.raises(LedgerError, match="there is no ledger of this edition") as caught:
            look(path)
        assert "mailbatch run" in caught.value.hint
    assert not path.parent.exists()


def test_a_dead_run_can_be_read(died):
    with Ledger.read(died) as ledger:
        assert numbers(ledger) == {"accepted": 39, "pending": 1}


def test_a_reader_cannot_write(put_away):
    with Ledger.read(put_away) as ledger:
        for step in (
            ledger.plan.reopen_deferred,
            ledger.plan.reserve_space,
            lambda: ledger.leases.lease(1, now=NOW),
            lambda: ledger.plan.mark_finished(NOW),
            lambda: ledger.doubts.resolve("skip", now=NOW),
            lambda: ledger.plan.set_content_digests({}),
        ):
            with pytest.raises(LedgerError, match="not open"):
                step()
        assert ledger.standing.counts()[Status.ACCEPTED] == 39


def test_a_damaged_ledger_cannot_be_read(put_away):
    put_away.write_bytes(put_away.read_bytes()[:5000])
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.read(put_away).counts()
