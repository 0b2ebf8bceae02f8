"""The store: bodies first, every statement once, several writers, and nothing lost."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mailbatch.errors import StoreError
from mailbatch.reports.cursor import Cursor
from mailbatch.reports.journal import journal_mode
from mailbatch.reports.reading import read_body
from mailbatch.reports.refusal import Cause, Refusal
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.standing import standing_of
from mailbatch.reports.store import Body, Origin, ReportStore
from tests.reports.test_golden import BODIES

NOW = 1795950000.0
DELIVERED = b'{"results": [{"messageId": "%d", "to": "a@example.org", "status": {"groupId": 3}}]}'
OPENED = b'{"notificationType": "OPENED", "messageId": 1, "recipient": "a@example.org"}'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reports.sqlite3"


def kept(content, *, received=NOW, once=False, place="x"):
    return Body(content, Origin.READ, received, place, once)


def reports(store):
    return [stored.report for stored in store.reports()]


def test_what_is_read_again_equals_what_the_readers_made(path):
    bodies = [body.read_bytes() for body in BODIES]
    made = [one for body in bodies for one in read_body(body, received=NOW)]
    with ReportStore(path) as store:
        assert store.keep(map(kept, bodies)) == len(bodies)
        assert store.read_kept().bodies == len(bodies)
        assert store.read_kept().bodies == 0
    with ReportStore(path) as store:
        wanted = {one.identity: one for one in reversed(made) if isinstance(one, Report)}
        assert {one.identity: one for one in reports(store)} == wanted
        refused = [one.refusal for one in store.refusals(*Cause)]
        assert refused == [one for one in made if isinstance(one, Refusal)]


@pytest.mark.parametrize("is_pulled_first", [True, False])
def test_a_repetition_without_the_words_of_the_server_never_hides_these(path, is_pulled_first):
    """Log entries are asked for again and again, and have the provider's words alone."""
    entry = {
        "messageId": "7", "to": "a@example.org", "doneAt": "2026-11-29T12:00:00Z",
        "status": {"groupId": 2, "id": 4},
        "error": {"groupId": 2, "id": 6012, "name": "EC_HARD_BOUNCE", "description": "Hard bounce",
                  "permanent": True},
    }  # fmt: skip
    posted = {**entry, "smtp": {"response": "550 5.1.1 unknown user"}}
    bodies = [json.dumps({"results": [one]}).encode() for one in (posted, entry)]
    with ReportStore(path) as store:
        for body in reversed(bodies) if is_pulled_first else bodies:
            store.keep([kept(body)])
            store.read_kept()
        told = standing_of(reports(store)).report
        assert (told.code, told.text) == ("6012", "EC_HARD_BOUNCE: 550 5.1.1 unknown user")


@pytest.mark.parametrize("is_named_first", [True, False])
def test_the_order_of_two_reports_of_one_bounce_decides_nothing(path, is_named_first):
    """A webhook that leaves out the name of the error says less: nothing of the address."""
    entry = {"messageId": "7", "to": "a@example.org", "status": {"groupId": 2, "id": 4}}
    errors = [{"groupId": 2, "permanent": True, "name": "EC_HARD_BOUNCE", "id": 6012},
              {"groupId": 2, "permanent": True}]  # fmt: skip
    bodies = [json.dumps({"results": [{**entry, "error": error}]}).encode() for error in errors]
    with ReportStore(path) as store:
        store.keep([kept(body) for body in (bodies if is_named_first else reversed(bodies))])
        store.read_kept()
        told = standing_of(reports(store)).report
        assert (told.kind, told.code, told.about_address) == (Kind.HARD, "6012", True)


def test_a_statement_counts_once_and_every_open_counts(path):
    with ReportStore(path) as store:
        store.keep([kept(DELIVERED % 1), kept(DELIVERED % 1), kept(OPENED)])
        store.keep([kept(OPENED, received=NOW + 61)])
        store.read_kept()
        assert [one.event for one in reports(store)] == [Event.DELIVERED, *[Event.OPENED] * 2]


def test_a_statement_that_was_asked_for_takes_the_place_of_one_that_was_posted(path):
    """It may count for more: by bulk id and address a posted one counts for nobody."""
    entry = {"messageId": "1", "to": "a@example.org", "status": {"groupId": 3}, "bulkId": "b"}
    body = json.dumps({"results": [entry]}).encode()
    bodies = [Body(body, origin, NOW) for origin in (Origin.SERVE, Origin.PULL, Origin.SERVE)]
    with ReportStore(path) as store:
        for one, (new, wanted) in zip(
            bodies, [(1, Origin.SERVE), (0, Origin.PULL), (0, Origin.PULL)], strict=True
        ):
            store.keep([one])
            assert store.read_kept().reports == new
            assert [stored.origin for stored in store.reports()] == [wanted]
    with ReportStore(path, version=99) as store:
        assert store.read_kept().bodies == 3
        assert [stored.origin for stored in store.reports()] == [Origin.PULL]


def test_a_body_that_counts_once_is_kept_once(path):
    with ReportStore(path) as store:
        again = kept(DELIVERED % 1, once=True, received=NOW + 5)
        assert store.keep([kept(DELIVERED % 1, once=True), again]) == 1
        assert store.keep([again]) == 0
        store.read_kept()
        assert [one.received for one in store.reports()] == [NOW]


def test_newer_readers_read_everything_again(path):
    def old(content, received):
        return (Refusal("", "not known yet"), Report(event=Event.SENT, source=Source.DSN))

    with ReportStore(path, read=old, version=1) as store:
        store.keep([kept(b"new form"), kept(b"new form")])
        assert store.read_kept().bodies == 2
        assert reports(store) == [Report(event=Event.SENT, source=Source.DSN)]
        assert len(list(store.refusals(Cause.UNREADABLE))) == 2
    hard = Report(event=Event.BOUNCED, kind=Kind.HARD, source=Source.DSN, about_address=True)
    with ReportStore(path, read=lambda *_: (hard,), version=2) as store:
        assert store.read_kept().bodies == 2
        assert reports(store) == [hard]
        assert list(store.refusals(*Cause)) == []
    with ReportStore(path, read=old, version=1) as store:  # an older one leaves it alone
        assert store.read_kept().bodies == 0
        assert reports(store) == [hard]


def test_the_body_behind_a_report_is_the_one_that_came(path):
    with ReportStore(path) as store:
        store.keep([kept(DELIVERED % 1)])
        store.read_kept()
        (stored,) = store.reports()
        assert store.body_of(stored.id) == DELIVERED % 1
        with pytest.raises(LookupError):
            store.body_of(stored.id + 1)


def test_more_reports_than_one_look_takes_come_all_and_in_order(path):
    many = b'{"results": [%s]}' % b",".join(
        b'{"messageId": %d, "to": "a@example.org", "status": {"groupId": 3}}' % number
        for number in range(12_001)
    )
    with ReportStore(path) as store:
        store.keep([kept(many)])
        store.read_kept()
        assert [int(one.message_id) for one in reports(store)] == list(range(12_001))


def test_the_store_is_for_its_owner_alone(path):
    with ReportStore(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "truncate"),
        ((3, 44, 5), "truncate"),
        ((3, 44, 6), "wal"),
        ((3, 45, 0), "truncate"),
        ((3, 50, 6), "truncate"),
        ((3, 50, 7), "wal"),
        ((3, 51, 0), "truncate"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
    ],
)
def test_a_write_ahead_log_only_where_two_writers_lose_nothing(version, mode):
    assert journal_mode(version) == mode


def test_the_store_has_the_journal_of_its_sqlite(path):
    with ReportStore(path) as store:
        (mode,) = store._connection.execute("PRAGMA journal_mode").fetchone()
        assert mode == journal_mode(sqlite3.sqlite_version_info)


unsafe = pytest.mark.skipif(
    journal_mode(sqlite3.sqlite_version_info) == "wal", reason="this SQLite is safe with a WAL"
)


@unsafe
def test_a_write_ahead_log_of_a_newer_sqlite_is_taken_away(path):
    with ReportStore(path) as store:
        store.keep([kept(DELIVERED % 1)])
        store.read_kept()
    other = sqlite3.connect(path, isolation_level=None)
    assert other.execute("PRAGMA journal_mode=wal").fetchone() == ("wal",)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process holds the store"):
        ReportStore(path)
    other.execute("ROLLBACK")
    other.close()
    with ReportStore(path) as store:
        assert len(reports(store)) == 1
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("truncate",)


def strange_file(path):
    path.write_text("email,reason\n" * 100)


def strange_database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name)")


def newer(path):
    with ReportStore(path) as store:
        store._connection.execute("PRAGMA user_version=3")


def folder(path):
    path.mkdir()


@pytest.mark.parametrize("is_writable", [True, False])
def test_a_store_of_the_version_before_goes_on(path, tmp_path, is_writable):
    """It lacks the table of unfinished pulls: a writer adds it, a reader needs it not."""
    with ReportStore(path) as store:
        store.keep([Body(b"{}", Origin.READ, 1.0)])
        store._connection.execute("DROP TABLE pull")
        store._connection.execute("PRAGMA user_version=1")
    if not is_writable:
        path.chmod(0o400)
        tmp_path.chmod(0o500)
    try:
        with ReportStore(path, to_look=True) as store:
            assert store.unread() in {0, 1}
            if is_writable or os.geteuid() == 0:
                cursor = Cursor("https://a.example/logs", "2", 1.0)
                store.keep([], cursor=cursor)
                assert store.cursor(cursor.question) == cursor
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (strange_file, "file is not a database"),
        (strange_database, "this is no store of reports"),
        (newer, "the store has version 3"),
        (folder, "Is a directory"),
    ],
)
def test_what_is_no_store_is_left_alone(path, make, message):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=message) as caught:
        ReportStore(path)
    assert caught.value.exit_code == 74
    assert str(path) in caught.value.message
    assert before is None or path.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        ReportStore(tmp_path / "no" / "reports.sqlite3")


def test_a_full_disk_keeps_nothing_of_a_commit_and_all_of_those_before(path):
    with ReportStore(path) as store:
        store.keep([kept(DELIVERED % 1)])
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError, match="full") as caught:
            store.keep([kept(DELIVERED % 2), kept(b"y" * 100_000)])
        assert "free some space" in caught.value.hint
        store._connection.execute("PRAGMA max_page_count=100000")
        store.keep([kept(DELIVERED % 3)])
        store.read_kept()
        assert [one.message_id for one in reports(store)] == ["1", "3"]


def worker(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reports.store_worker", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )


def check_whole(path):
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_several_processes_keep_and_read_at_once_and_nothing_is_lost(path):
    workers = [worker(path, first, 60, 25) for first in (0, 10_000, 20_000)]
    assert [one.communicate()[0].split()[-1] for one in workers] == ["done"] * 3
    assert [one.returncode for one in workers] == [0, 0, 0]
    with ReportStore(path) as store:
        store.read_kept()
        ids = [int(one.message_id) for one in reports(store)]
    wanted = [first + n for first in (0, 10_000, 20_000) for n in range(60 * 25)]
    assert sorted(ids) == wanted
    check_whole(path)


def kill_some(path, kills):
    """Kill a writer again and again behind an acknowledgement; return all that it acknowledged."""
    acknowledged = []
    for life in range(kills):
        with worker(path, life * 100_000, 1_000_000, 3) as one:
            acknowledged += [int(one.stdout.readline()) for _ in range(1 + life % 7)]
            os.kill(one.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in one.stdout if line.endswith("\n")]
    return acknowledged


def check_kills(path, kills):
    acknowledged = kill_some(path, kills)
    with ReportStore(path) as store:
        store.read_kept()
        there = {int(one.message_id) for one in reports(store)}
    assert {number + n for number in acknowledged for n in range(3)} <= there
    check_whole(path)


def test_a_killed_writer_has_kept_all_that_it_acknowledged(path):
    check_kills(path, 4)


@pytest.mark.long
def test_a_hundred_killed_writers_have_kept_all_that_they_acknowledged(path):
    check_kills(path, 100)


def test_the_schema_is_in_the_package():
    assert Path(sys.modules["mailbatch.reports.store"].__file__).with_name("schema.sql").is_file()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_store_that_cannot_be_written_is_looked_at_as_it_stands(path, monkeypatch, journal):
    with ReportStore(path) as store:
        store.keep([kept(DELIVERED % 1)])
        store.read_kept()
        store.keep([kept(DELIVERED % 2)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
    # For root only a file system can refuse; the command is tested on one that does.
    monkeypatch.setattr(os, "access", lambda *_: False)
    before = path.read_bytes(), sorted(path.parent.iterdir())
    with ReportStore(path, to_look=True) as store:
        assert (store.read_kept().bodies, store.unread()) == (0, 1)
        assert [one.message_id for one in reports(store)] == ["1"]
        with pytest.raises(StoreError, match="readonly"):
            store.keep([kept(OPENED)])
    assert (path.read_bytes(), sorted(path.parent.iterdir())) == before


def test_a_disk_that_becomes_full_loses_nothing_that_was_acknowledged(tmp_path):
    seen = on_new_disk("2m", tmp_path, "tests.reports.small_disk")
    assert seen.pop("kept") > 10
    hint = "free some space; what was kept so far stands, and nothing is lost that was acknowledged"
    assert seen == {"exit": 74, "hint": hint, "reading": 74, "lost": []}


# A mount that only the command sees, and that is gone with it.
MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'


def on_new_disk(size, folder, module):
    command = [sys.executable, "-m", module, str(folder)]
    if shutil.which("unshare") is None or os.geteuid():
        pytest.skip("a file system cannot be mounted here: unshare is missing, or not root")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", MOUNT, "sh", size, str(folder), *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    if "mount:" in done.stderr:
        pytest.skip("a file system cannot be mounted here")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_rehearsal_is_forgotten_and_nothing_else(path):
    """Bodies, reports and refusals of one place; the same bodies count anew afterwards."""
    with ReportStore(path) as store:
        store.keep([kept(DELIVERED % 1, place="one"), kept(b"{}", place="one")])
        store.keep([kept(DELIVERED % 2, place="two"), kept(b"[]", place="two")])
        store.read_kept()
        store.forget("one")
        assert [one.message_id for one in reports(store)] == ["2"]
        assert [one.body for one in store.refusals(Cause.UNREADABLE)] == ["two"]
        store.keep([kept(DELIVERED % 1, place="one")])
        assert store.read_kept().reports == 1
