"""What the system refuses: said with the path and what to do, and nothing is left half done."""

import errno
import fcntl
import functools
import io
import os
import re
import resource
import sqlite3
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from mailbatch.errors import LedgerError, LedgerLocked, OutputError
from mailbatch.ledger import database, space
from mailbatch.ledger.damage import check_journal
from mailbatch.ledger.failure import from_sqlite, from_system
from mailbatch.ledger.lock import RunLock, last_holder
from mailbatch.ledger.store import Ledger
from mailbatch.results.file import check_place, write_results, write_unfinished
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
)


def lock_of(path):
    return path.with_name(path.name + ".lock")


def is_open(path):
    """Whether this process holds that file."""
    found = path.stat()
    for fd in range(256):
        with suppress(OSError):
            if os.path.samestat(os.fstat(fd), found):
                return True
    return False


@contextmanager
def refused(*words, hint="", kind=LedgerError):
    with pytest.raises(kind) as caught:
        yield
    assert caught.value.exit_code == 74
    for word in words:
        assert word in caught.value.message
    assert hint in caught.value.hint


@contextmanager
def no_file_may_grow():
    """As on a disk without room (setrlimit(2), RLIMIT_FSIZE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# The lock


def test_a_lock_that_cannot_be_opened_is_named(path):
    path.parent.mkdir()
    lock_of(path).mkdir()
    with refused(f"{lock_of(path)}: the lock cannot be taken: Is a directory", hint="permissions"):
        open_ledger(path)


def test_a_lock_that_cannot_be_written_is_given_back(path):
    with open_ledger(path):
        pass
    with no_file_may_grow(), refused("the lock cannot be written: File too large"):
        open_ledger(path)
    assert not is_open(lock_of(path))
    with open_ledger(path) as ledger:
        assert numbers(ledger) == {}


def test_a_file_system_that_cannot_lock_is_named(path, monkeypatch):
    def flock(_fd, _operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with refused("the lock cannot be taken: No locks available", hint="--state-dir"):
        open_ledger(path)
    assert not is_open(lock_of(path))


def test_a_lock_file_that_was_replaced_meanwhile_is_not_the_lock(path, monkeypatch):
    """Between opening and locking: who locks a file that is gone holds nothing."""
    with open_ledger(path):
        pass
    flock, taken = fcntl.flock, []

    def late(fd, operation):
        if not taken:
            lock_of(path).rename(path.with_name("removed"))
        taken.append(os.fstat(fd).st_ino)
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with open_ledger(path):
        assert len(taken) == 2
        assert lock_of(path).stat().st_ino == taken[1] != taken[0]
        assert is_open(lock_of(path))
        assert not is_open(path.with_name("removed"))
        assert last_holder(lock_of(path)).pid == os.getpid()


def test_a_note_that_is_none_names_nobody(path):
    with open_ledger(path):
        pass
    for note in (b"", b"{", b"[]", b'{"pid": 1}', b"\xff" * 9):
        lock_of(path).write_bytes(note)
        assert last_holder(lock_of(path)) is None
    assert last_holder(path.with_name("none.lock")) is None


def test_the_holder_of_another_user_may_be_alive(path, monkeypatch):
    """A process that may not be signalled is there."""

    def kill(_pid, _signal):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        ledger.records.commit_point(lease_one(ledger).id)
        monkeypatch.setattr(os, "kill", kill)
        with Ledger.read(path, boot_id="boot-1") as seen:
            assert numbers(seen) == {"pending": 1}


# The ledger


def test_a_folder_where_the_ledger_should_be_is_refused(path):
    with open_ledger(path):
        pass
    path.unlink()
    path.mkdir()
    with refused(f"{path}: the ledger cannot be used: Is a directory"):
        open_ledger(path)


def test_a_ledger_that_cannot_be_created_is_no_ledger(path):
    path.parent.mkdir()
    path.with_name(path.name + ".new").mkdir()
    with refused(f"{path}: the ledger cannot be created: "):
        open_ledger(path)
    assert not path.exists()
    path.with_name(path.name + ".new").rmdir()
    with open_ledger(path) as ledger:
        assert numbers(ledger) == {}


class Unswitchable(sqlite3.Connection):
    """SQLite on a disk that refuses one write: it stays with its journal, and says which."""

    def execute(self, sql, *more):
        return super().execute(sql.replace("journal_mode=WAL", "journal_mode"), *more)


def test_a_ledger_that_did_not_get_its_kind_of_journal_is_no_ledger(path, monkeypatch):
    connect = functools.partial(sqlite3.connect, factory=Unswitchable)
    monkeypatch.setattr(sqlite3, "connect", connect)
    with refused("SQLite cannot switch its journal to WAL, and left it at delete", hint="the disk"):
        open_ledger(path)
    monkeypatch.undo()
    names = [".news.ledger.seen", "news.ledger.lock"]
    assert sorted(found.name for found in path.parent.iterdir()) == names
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        assert numbers(ledger) == {"pending": 1}


def test_a_ledger_with_another_journal_gets_its_own_when_it_is_opened(path):
    """An earlier mailbatch put such a ledger into its place, and could not open it again."""
    with open_ledger(path):
        pass
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    connection.close()
    forget_the_seal(path)
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        assert path.with_name(path.name + "-wal").exists()


@pytest.mark.parametrize("name", [".news.ledger.seen", "news.ledger.lock"])
def test_a_note_that_cannot_be_opened_is_named(path, name):
    path.parent.mkdir()
    path.with_name(name).mkdir()
    with refused(f"{path.with_name(name)}: the "):
        open_ledger(path)
    assert not path.exists()
    path.with_name(name).rmdir()
    with open_ledger(path) as ledger:
        assert numbers(ledger) == {}


def test_an_old_sqlite_is_refused(path, monkeypatch):
    with open_ledger(path):
        pass
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 32, 3))
    with refused("the ledger needs SQLite 3.33", hint="newer SQLite"):
        open_ledger(path)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 33, 0))
    with open_ledger(path) as ledger:
        assert numbers(ledger) == {}


def test_a_look_that_fails_leaves_no_file_open(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        ledger.records.commit_point(lease_one(ledger).id)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE lease")
    connection.close()
    with refused("no such table"):
        Ledger.read(path, boot_id="boot-1")
    assert not is_open(path)


def test_a_transaction_that_fails_is_undone(ledger):
    def interrupted():
        with ledger._database.transaction() as connection:
            connection.execute("INSERT INTO fact VALUES ('x', 'y')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ledger._database.fact("x") is None


def test_a_transaction_that_sqlite_has_undone_already_keeps_its_error(ledger):
    """A full disk rolls back by itself; there is nothing left to undo."""
    with refused("disk is full"), ledger._database.transaction() as connection:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")
    assert numbers(ledger) == {}


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("SQLITE_FULL", "cannot be used: it failed (SQLITE_FULL)", "free some space"),
        ("SQLITE_IOERR_SHMSIZE", "(SQLITE_IOERR_SHMSIZE)", "free some space"),
        ("SQLITE_IOERR_READ", "(SQLITE_IOERR_READ)", "look at the disk"),
        ("SQLITE_READONLY_DBMOVED", "(SQLITE_READONLY_DBMOVED)", "writable for this user"),
        ("SQLITE_CANTOPEN", "(SQLITE_CANTOPEN)", "it and its folder writable"),
        ("SQLITE_BUSY", "(SQLITE_BUSY)", "another program has the ledger open"),
        ("SQLITE_PROTOCOL", "(SQLITE_PROTOCOL)", "on a local disk"),
        ("SQLITE_NOMEM", "(SQLITE_NOMEM)", "more memory"),
        ("SQLITE_CORRUPT_VTAB", "the ledger is damaged: it failed", "restore the file"),
        ("SQLITE_NOTADB", "the ledger is damaged: it failed", "restore the file"),
        ("SQLITE_MISMATCH", "(SQLITE_MISMATCH)", "run again; if it stays, report it"),
        (None, "the ledger cannot be used: it failed", "run again; if it stays, report it"),
    ],
)
def test_an_error_of_sqlite_says_what_to_do(path, name, words, hint):
    error = sqlite3.OperationalError("it failed")
    if name is not None:
        error.sqlite_errorname = name
    found = from_sqlite(path, error)
    assert found.message.startswith(f"{path}: the ledger ")
    assert found.message.endswith(words)
    assert hint in found.hint


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left"), "No space left", "free some space"),
        (OSError(errno.EDQUOT, "Quota"), "Quota", "free some space"),
        (OSError(errno.EROFS, "Read-only"), "Read-only", "--state-dir"),
        (PermissionError(errno.EACCES, "Denied"), "Denied", "writable for this user"),
        (PermissionError(errno.EPERM, "Not permitted"), "Not permitted", "writable for this user"),
        (OSError(errno.EIO, "I/O"), "I/O", "look at the disk"),
        (OSError(errno.EOPNOTSUPP, "Unsupported"), "Unsupported", "on a local disk"),
        (OSError("no number"), "no number", "look at the path and its permissions"),
    ],
)
def test_an_error_of_the_system_says_what_to_do(path, error, words, hint):
    found = from_system(path, error, what="it cannot be done")
    assert found.message == f"{path}: it cannot be done: {words}"
    assert hint in found.hint


def test_without_a_journal_nothing_in_it_can_have_changed(path):
    check_journal(path, io.BytesIO(bytes(136)))
    path.parent.mkdir()
    path.with_name(path.name + "-wal").write_bytes(bytes(32))
    with refused("the header of its journal"):
        check_journal(path, io.BytesIO(bytes(136)))


# Room


@pytest.mark.parametrize(
    "number", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get
)
def test_a_file_system_that_promises_no_room_is_used_all_the_same(ledger, monkeypatch, number):
    def fallocate(_fd, _offset, _size):
        raise OSError(number, os.strerror(number))

    plan(ledger, people("a"))
    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    ledger.plan.reserve_space()
    settle(ledger, lease_one(ledger))
    assert numbers(ledger) == {"accepted": 1}


def test_a_system_without_fallocate_is_used_all_the_same(ledger, path, monkeypatch):
    plan(ledger, people("a"))
    before = path.stat().st_size
    monkeypatch.delattr(os, "posix_fallocate")
    ledger.plan.reserve_space()
    assert path.stat().st_size > before  # room inside the ledger is made all the same


def test_room_that_the_system_refuses_ends_the_run_before_anything_is_sent(
    ledger, path, monkeypatch
):
    def fallocate(_fd, _offset, _size):
        raise OSError(errno.ENOSPC, "No space left on device")

    plan(ledger, people("a"))
    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    words = f"{path}: there is no room to record the run: No space left on device"
    with refused(words, hint="free some space"):
        ledger.plan.reserve_space()


def test_room_that_a_stopped_run_left_half_taken_is_freed(ledger, path):
    plan(ledger, people("a"))
    ledger._database.connection.execute("INSERT INTO ballast VALUES (zeroblob(1000000))")
    ledger.plan.reserve_space()
    (left,) = ledger._database.connection.execute("SELECT count(*) FROM ballast").fetchone()
    assert left == 0
    size = path.stat().st_size
    ledger.plan.reserve_space()
    assert path.stat().st_size == size


def test_the_journal_keeps_its_room_within_its_bounds(ledger, path):
    """For few recipients a little, for many what SQLite's checkpoints leave of it."""
    journal = path.with_name(path.name + "-wal")
    plan(ledger, people("a"))
    ledger.plan.reserve_space(10)
    assert journal.stat().st_size == space._JOURNAL_AT_LEAST + 10 * space._JOURNAL_A_DELIVERY
    ledger.plan.reserve_space(50_000)
    most = (database.CHECKPOINT_PAGES + 1024) * 4120
    assert most <= journal.stat().st_size < 1.1 * most


# Small things


def test_no_delivery_asked_for_is_none_leased(ledger):
    plan(ledger, people("a"))
    assert ledger.leases.lease(0, now=NOW) == []
    assert len(ledger.leases.lease(1, now=NOW)) == 1


def test_results_are_synced_before_they_take_their_place_and_the_name_behind_it(
    ledger, tmp_path, monkeypatch
):
    """A power loss leaves the old file or the new one."""
    target = tmp_path / "results.csv"
    plan(ledger, people("a"))
    fsync, synced = os.fsync, []

    def noted(fd):
        synced.append((os.fstat(fd).st_ino, target.exists()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    write_results(ledger, target)
    assert synced == [(target.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_a_run_says_in_utc_since_when_it_holds_the_lock(path):
    with open_ledger(path):
        started = last_holder(lock_of(path)).started
    began = datetime.strptime(started, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - began) < timedelta(minutes=10)


def test_a_run_that_is_refused_leaves_the_seal_of_the_one_before(path):
    """Who holds the lock is noted at once, and what was put away is still known."""
    with open_ledger(path):
        pass
    before = last_holder(lock_of(path))
    lock = RunLock(lock_of(path), boot="boot-2")
    noted = last_holder(lock_of(path))
    assert (noted.boot, noted.pid) == ("boot-2", os.getpid())
    assert (noted.running, noted.seal, noted.lots) == (False, before.seal, before.lots)
    lock.release()
    assert before.seal.startswith("sha256:")


def test_too_little_room_is_said_in_megabytes(ledger):
    with pytest.raises(LedgerError) as caught:
        ledger.plan.reserve_space(10**13)
    said = re.search(r"10000000000000 recipients need (\d+) MB$", caught.value.message)
    assert int(said[1]) == pytest.approx(320 * 10**13 / 10**6, rel=1e-3)
    assert caught.value.hint == "free some space, or set --state-dir; nothing was sent"
    assert str(space._too_little(ledger._database, 1, 10)).endswith("1 recipients need 1 MB")


def test_a_ledger_that_was_taken_over_says_where_and_what_to_do(path):
    with open_ledger(path) as first:
        plan(first, people("a"))
        delivery = lease_one(first)
        lock_of(path).unlink()
        with open_ledger(path) as second:
            lease_one(second)
            with pytest.raises(LedgerError) as caught:
                first.records.commit_point(delivery.id)
    assert caught.value.message == (
        f"{lock_of(path)}: the lock file was removed while this run was under way; "
        "it was stopped before it could mail twice"
    )
    assert "let one run work on an edition" in caught.value.hint


def test_a_broken_rule_says_where(ledger, path):
    with pytest.raises(LedgerError) as caught:
        ledger.records.commit_point(7)
    assert caught.value.message == f"{path}: delivery 7 is not leased"
    assert "the ledger was not changed" in caught.value.hint


def test_a_place_for_results_that_cannot_be_written_is_named(ledger, tmp_path):
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "results.csv"
    words = f"{below}: the file cannot be written: Not a directory"
    with refused(words, hint="choose another --results", kind=OutputError):
        check_place(below)
    with refused(words, hint="choose another --results", kind=OutputError):
        write_results(ledger, below)
    with refused(words, hint="choose another --failed", kind=OutputError):
        write_unfinished(ledger, below)
    with refused(
        f"{tmp_path}: the file cannot be written: it is not a regular file", kind=OutputError
    ):
        write_results(ledger, tmp_path)


def test_a_journal_that_is_gone_is_named(path, tmp_path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        lease_one(ledger)
        dead = copy_files(path, tmp_path / "dead")
    dead.with_name(dead.name + "-wal").unlink()
    with refused(f"{dead}: the ledger is damaged: its last run died, and its journal {dead}-wal"):
        open_ledger(dead)


@pytest.mark.parametrize("short", [0, 1])
def test_the_room_that_is_asked_for_is_that_of_the_ledger_and_of_its_journal(
    ledger, path, monkeypatch, short
):
    """To the byte, and nothing is taken where one is missing."""
    plan(ledger, people("a"))
    (pages,) = ledger._database.connection.execute("PRAGMA freelist_count").fetchone()
    journal = path.with_name(path.name + "-wal")
    needed = 65_536 + 10 * 320 - pages * 4096 + 262_144 + 10 * 12_288 - journal.stat().st_size
    disk = SimpleNamespace(f_frsize=2, f_bavail=(needed + 1) // 2 - short)
    monkeypatch.setattr(os, "statvfs", lambda folder: disk if folder == path.parent else None)
    before = journal.stat().st_size
    if short:
        with refused(f"{path}: there is no room to record the run: 10 recipients need 1 MB"):
            ledger.plan.reserve_space(10)
        assert journal.stat().st_size == before
    else:
        ledger.plan.reserve_space(10)
        assert journal.stat().st_size > before


def test_who_has_only_just_taken_the_lock_has_no_name_yet(path):
    path.parent.mkdir()
    with lock_of(path).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LedgerLocked) as caught:
            open_ledger(path)
    assert caught.value.message == (
        f"{lock_of(path)}: another run holds this edition: a process that has just started"
    )
    assert caught.value.hint == (
        "wait for it to end, or look with `mailbatch status`; this run sent nothing"
    )


def test_a_journal_whose_last_frame_but_one_has_changed_is_refused(path, tmp_path):
    """The commit in the last frame was whole once, and cannot be reached any more."""
    with open_ledger(path) as ledger:
        plan(ledger, people(*(f"somebody-{n}@example.org" for n in range(200))))
        assert len(ledger.leases.lease(100, now=NOW)) == 100
        dead = copy_files(path, tmp_path / "dead")
    journal = dead.with_name(dead.name + "-wal")
    data = bytearray(journal.read_bytes())
    frame = 24 + 4096
    assert (len(data) - 32) % frame == 0
    assert int.from_bytes(data[-frame + 4 : -frame + 8]) > 0, "the last frame is a commit"
    assert int.from_bytes(data[-2 * frame + 4 : -2 * frame + 8]) == 0, "the one before is not"
    data[-frame - 1] ^= 1
    journal.write_bytes(data)
    number = (len(data) - 32) // frame
    assert number > 2
    with refused(
        f"{dead}: the ledger is damaged: its journal {journal} has changed before frame {number}"
    ):
        open_ledger(dead)
    assert journal.read_bytes() == data
