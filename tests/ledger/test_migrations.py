"""Ledgers of earlier versions: read as they are, migrated by the next run, and finished.

Their rows come from the mailbatch that wrote that version (`tests/ledger/earlier`).
"""

import hashlib
import shutil
import sqlite3
from contextlib import closing

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.migrations import VERSION
from mailbatch.ledger.opening import lock_of
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from mailbatch.results.file import write_results
from tests.ledger.earlier import VERSION_2, VERSION_3, VERSION_4, VERSION_5, rebuild, results_of
from tests.ledger.opening_to_death import die_at_every_step
from tests.ledger.steps import (
    NOW,
    by_row,
    copy_files,
    names_of,
    open_ledger,
    people,
    plan,
    settle,
)

#: Who has, or may have, the message of a ledger before it is migrated.
ARRIVED = {"killed": "abefik", "grouped": "abcdghi", "put_away": "ad", "children": "a"}
#: Of them, those whom nobody can know about, after kill -9 and after a power loss.
DOUBTFUL = {
    "killed": ("ei", "eij"),
    "grouped": ("ghi", "ghijkl"),
    "put_away": ("d", "de"),
    "children": ("", "d"),
}
EARLIER = [
    (version, name)
    for version, names in ((2, VERSION_2), (3, VERSION_3), (4, VERSION_4), (5, VERSION_5))
    for name in names
]


def version_of(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def files(path):
    places = [path.with_name(name) for name in names_of(path)]
    return {place.name: place.read_bytes() for place in places if _has_bytes(place)}


def _has_bytes(place):
    return place.exists() and place.stat().st_size


def finish(path, *, boot="boot-1"):
    """Open and mail everybody who is due, now and later: who was mailed, and the last results."""
    mailed = []
    with open_ledger(path, boot=boot) as ledger:
        ledger.plan.reopen_deferred()
        while leased := ledger.leases.lease(3, now=NOW):
            for delivery in leased:
                mailed += delivery.unsettled
                settle(ledger, delivery)
        rows = list(ledger.standing.result_rows())
    return "".join(sorted(address[0] for address in mailed)), rows


# Reading


@pytest.mark.parametrize(("version", "name"), EARLIER)
def test_an_earlier_version_reads_as_it_did(path, tmp_path, version, name):
    """The results are those of the mailbatch that wrote it, and nothing is written."""
    rebuild(name, path, version=version)
    before = files(path)
    with Ledger.read(path, boot_id="boot-1") as ledger:
        write_results(ledger, tmp_path / "results.csv")
        statuses = [row.status for row in ledger.standing.result_rows()]
        counts = {status: n for status, n in ledger.standing.counts().items() if n}
        assert {doubt.address[0] for doubt in ledger.doubts.in_doubt()} == set(DOUBTFUL[name][0])
    assert (tmp_path / "results.csv").read_bytes() == results_of(name, version=version)
    assert counts == {status: statuses.count(status) for status in set(statuses)}
    assert files(path) == before
    assert version_of(path) == version


def test_an_earlier_version_is_read_while_a_run_holds_it(path):
    """Its lock is nothing to a reader."""
    rebuild("killed", path)
    with open_ledger(path.with_name("another")) as other:
        shutil.copyfile(other._lock.path, lock_of(path))
        with Ledger.read(path, boot_id="boot-1") as ledger:
            assert len(list(ledger.standing.result_rows())) == 14


# Migrating


@pytest.mark.parametrize(("version", "name"), EARLIER)
def test_a_run_migrates_the_ledger_and_loses_nothing(path, version, name):
    """It is the same file; the rows are the same, but for what a recovery settles."""
    rebuild(name, path, version=version)
    inode = path.stat().st_ino
    with Ledger.read(path, boot_id="boot-1") as ledger:
        before = by_row(ledger)
    with open_ledger(path) as ledger:
        assert by_row(ledger) == before
        assert ledger.moved is None
    assert version_of(path) == VERSION
    assert path.stat().st_ino == inode
    with open_ledger(path) as ledger:
        assert by_row(ledger) == before


@pytest.mark.parametrize(("version", "name"), EARLIER)
def test_a_migrated_ledger_has_the_layout_of_a_new_one(path, folder, version, name):
    rebuild(name, path, version=version)
    open_ledger(path).close()
    with open_ledger(folder / "new"):
        pass
    assert layout(path) == layout(folder / "new")


def layout(path):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        objects = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        ).fetchall()
        tables = {
            name: (
                connection.execute(f"PRAGMA table_xinfo({name})").fetchall(),
                connection.execute(f"PRAGMA table_list({name})").fetchall(),
            )
            for kind, name, _, _ in objects
            if kind == "table"
        }
    others = {(kind, name, sql) for kind, name, _, sql in objects if kind != "table"}
    return tables, others


def test_a_message_of_an_earlier_version_has_the_name_that_it_would_have_had(path):
    """Without a secret, which that version did not make: one edition has one way of naming."""
    rebuild("killed", path)
    with open_ledger(path) as ledger:
        (again,) = ledger.leases.lease(1, now=NOW, address="m@example.org")
    name = hashlib.sha256(b'["news", "48"]m@example.org').hexdigest()[:32]
    assert again.message_id == f"{name}@example.com"


def test_the_server_names_are_kept_beside_the_replies(path):
    rebuild("killed", path)
    with open_ledger(path) as ledger:
        found = ledger._database.connection.execute(
            "SELECT text, message_id FROM reply ORDER BY id"
        ).fetchall()
    assert found == [
        ("Message queued as <0b3f-0001>", "0b3f-0001"),
        ("OK", None),
        ("no such user", None),
        ("try again", None),
        ("Message queued as <0b3f-0002>", "0b3f-0002"),
        ("try again", None),
        ("no such user", None),
        ("Message queued as <0b3f-0003>", "0b3f-0003"),
    ]


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
@pytest.mark.parametrize(("version", "name"), EARLIER)
def test_a_mailing_is_migrated_and_finished(path, version, name, boot):
    """Nobody twice: whoever has it, or may have it, is not mailed. Nobody lost: all the others."""
    rebuild(name, path, version=version)
    mailed, rows = finish(path, boot=boot)
    assert not set(mailed) & set(ARRIVED[name])
    assert len(mailed) == len(set(mailed))
    doubtful = {row.email[0] for row in rows if row.status is Status.IN_DOUBT}
    assert doubtful == set(DOUBTFUL[name][boot == "boot-2"])
    assert {row.status for row in rows} - {Status.DUPLICATE} <= {
        Status.ACCEPTED, Status.IN_DOUBT, Status.REJECTED, Status.INVALID, Status.WITHDRAWN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "boot"),
    [("killed", "boot-1"), ("killed", "boot-2"), ("grouped", "boot-1"), ("put_away", "boot-1")],
)
def test_kill_at_every_step_of_a_migration(path, folder, name, boot):
    """Whatever the moment, the mailing ends as if nothing had died."""
    expected = finish(rebuild(name, folder / "whole" / path.name), boot=boot)
    versions = []
    for step, place in enumerate(die_at_every_step(name, folder / "dead", boot=boot), start=1):
        versions.append(version_of(place))
        assert finish(place, boot=boot) == expected, f"step {step}"
    assert set(versions) == {2, VERSION}
    assert versions == sorted(versions), "one moment parts the two"


@pytest.mark.parametrize("name", ["killed", "put_away"])
def test_a_power_loss_tears_a_migration(path, folder, name):
    """The journal may end anywhere: the version before it or the present one, never a mixture."""
    whole = rebuild(name, folder / "whole" / path.name)
    expected = finish(whole, boot="boot-2")
    deaths = die_at_every_step(name, folder / "dead", boot="boot-2")
    # Committed, and nothing is written down of it.
    place = next(place for place in deaths if version_of(place) == VERSION)
    journal = place.with_name(path.name + "-wal")
    size, frame = journal.stat().st_size, 4096 + 24
    seen = set()
    for end in [*range(32, size, frame), size - 1, size]:
        torn = copy_files(place, folder / f"torn {end}")
        with torn.with_name(journal.name).open("r+b") as stream:
            stream.truncate(end)
        seen.add(version_of(torn))
        assert finish(torn, boot="boot-3") == expected, f"torn at {end}"
    assert seen == {2, VERSION}


def test_a_ledger_of_before_the_migration_is_refused_behind_it(path):
    """Alone, with its journal and lock file, and with all of its files."""
    before = files(rebuild("killed", path))
    with open_ledger(path) as ledger:
        plan(ledger, people("a@example.org"))
    after = files(path)
    for names in ([path.name], [path.name, f"{path.name}-wal", f"{path.name}.lock"], list(before)):
        for name in names:
            path.with_name(name).write_bytes(before[name])
        with pytest.raises(LedgerError, match=r"older copy|put back from a copy"):
            open_ledger(path)
        with pytest.raises(LedgerError, match=r"older copy|put back from a copy"):
            Ledger.read(path, boot_id="boot-1")
        path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
        for name, content in after.items():
            path.with_name(name).write_bytes(content)


@pytest.mark.parametrize("name", ["killed", "put_away"])
def test_what_is_damaged_is_not_migrated(path, name):
    rebuild(name, path)
    with path.open("r+b") as stream:
        stream.seek(4096 * 2)
        stream.write(b"\xff" * 600)
    before = files(path)
    with pytest.raises(LedgerError, match="damaged"):
        open_ledger(path)
    after = files(path)
    assert after[path.name] == before[path.name]
    assert version_of(path) == 2


@pytest.mark.parametrize(
    ("version", "words", "hint"),
    [
        (VERSION + 1, "a newer mailbatch wrote it", "use that mailbatch, or a newer one"),
        (1, "a release candidate of mailbatch wrote it", "finish the edition with 1.0.0rc1"),
    ],
)
def test_a_version_that_nothing_leads_to_is_refused_and_left_alone(path, version, words, hint):
    rebuild("killed", path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={version}")
    before = path.read_bytes()
    for step in (open_ledger, Ledger.read):
        with pytest.raises(LedgerError, match=f"version {version}") as caught:
            step(path)
        assert words in caught.value.message
        assert hint in caught.value.hint
    assert path.read_bytes() == before
