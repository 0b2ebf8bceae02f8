"""The way into the store: one commit for many, and nothing acknowledged that is not in the file."""

import asyncio
import sqlite3

import pytest

from mailbatch.errors import StoreError
from mailbatch.receiver.intake import Intake
from mailbatch.reports.journal import journal_mode
from mailbatch.reports.store import Body, Origin
from tests.receiver.receiving import bodies
from tests.support.waiting import until


def body(number):
    return Body(b"body %d" % number, Origin.SERVE, 1795950000.0, "x")


def numbered(*numbers):
    return [b"body %d" % number for number in numbers]


class Opened:
    """An intake that is open for a test."""

    def __init__(self, path, **more):
        self.told = []
        self.intake = Intake(path, tell=self.told.append, **more)

    async def keep(self, *numbers):
        """Keep bodies at once; the error of each that was not kept, else None."""
        kept = [self.intake.keep(body(number)) for number in numbers]
        return await asyncio.gather(*kept, return_exceptions=True)

    def __enter__(self):
        self.intake.start()
        return self

    def __exit__(self, *_):
        self.intake.stop()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reports.sqlite3"


def locked(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def commits(path):
    """The file change counter in SQLite's header: each commit of a rollback journal raises it."""
    return int.from_bytes(path.read_bytes()[24:28])


@pytest.mark.skipif(
    journal_mode(sqlite3.sqlite_version_info) == "wal", reason="a WAL does not count commits there"
)
@pytest.mark.parametrize(("most", "wanted"), [(500, 2), (40, 6), (1, 200)])
def test_bodies_that_wait_share_a_commit(path, most, wanted):
    async def run(opened):
        other = locked(path)
        begun = commits(path)
        kept = [asyncio.ensure_future(opened.intake.keep(body(number))) for number in range(200)]
        await asyncio.sleep(0)  # all are in the queue now, but for those that wait for the lock
        other.execute("ROLLBACK")
        other.close()
        await asyncio.gather(*kept)
        return commits(path) - begun

    with Opened(path, most=most) as opened:
        made = asyncio.run(run(opened))
    assert made in (wanted - 1, wanted)  # the first may have gone alone
    assert bodies(path) == numbered(*range(200))
    assert opened.intake.bodies == 200


def test_a_locked_store_keeps_nothing_and_goes_on_afterwards(path):
    with Opened(path, busy=0.02) as opened:
        other = locked(path)
        failures = asyncio.run(opened.keep(1, 2, 3))
        assert [type(one) for one in failures] == [StoreError] * 3
        assert [type(one) for one in asyncio.run(opened.keep(4))] == [StoreError]
        other.close()
        assert asyncio.run(opened.keep(5)) == [None]
    assert bodies(path) == numbered(5)
    (failed, again) = opened.told
    assert "database is locked" in failed
    assert "close it, then try again" in failed
    assert again == f"{path} can be written again"


def test_a_store_that_was_taken_away_is_missed(path, tmp_path):
    """A file without a name still takes commits: none of these is acknowledged."""
    with Opened(path) as opened:
        assert asyncio.run(opened.keep(1)) == [None]
        path.unlink()
        assert asyncio.run(opened.keep(2)) == [None]
        assert bodies(path) == numbered(2)
        path.rename(tmp_path / "away")
        assert asyncio.run(opened.keep(3)) == [None]
    assert bodies(path) == numbered(3)
    assert bodies(tmp_path / "away") == numbered(2)


def test_a_store_that_is_taken_away_under_a_commit_is_missed(path):
    """The commit waits for a lock of the file that goes away; then it is done again."""

    async def run(opened):
        other = locked(path)
        kept = asyncio.ensure_future(opened.intake.keep(body(1)))
        await asyncio.sleep(0)
        until(lambda: opened.intake._queue.qsize() == 0, what="the writer has the body")
        path.unlink()
        other.execute("ROLLBACK")
        other.close()
        await kept

    with Opened(path) as opened:
        asyncio.run(run(opened))
    assert bodies(path) == numbered(1)


def test_another_file_in_its_place_is_no_store(path):
    with Opened(path) as opened:
        path.unlink()
        path.write_text("email,reason\n" * 100)
        (failure,) = asyncio.run(opened.keep(1))
        assert "file is not a database" in str(failure)
        path.unlink()
        assert asyncio.run(opened.keep(2)) == [None]
    assert bodies(path) == numbered(2)


def test_a_sender_that_went_away_holds_up_nobody(path):
    async def run(opened):
        other = locked(path)
        first = asyncio.ensure_future(opened.intake.keep(body(1)))
        second = asyncio.ensure_future(opened.intake.keep(body(2)))
        await asyncio.sleep(0)
        first.cancel()
        other.execute("ROLLBACK")
        other.close()
        await second

    with Opened(path) as opened:
        asyncio.run(run(opened))
    assert bodies(path) == numbered(1, 2)


def test_what_waits_at_the_stop_is_kept(path):
    async def run(opened):
        kept = [asyncio.ensure_future(opened.intake.keep(body(number))) for number in range(50)]
        await asyncio.sleep(0)
        opened.intake.stop()
        await asyncio.gather(*kept)

    opened = Opened(path)
    opened.intake.start()
    asyncio.run(run(opened))
    assert bodies(path) == numbered(*range(50))


def test_a_store_that_cannot_be_opened_ends_the_start(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        Opened(tmp_path / "none" / "reports.sqlite3").intake.start()


def test_the_store_of_a_receiver_is_for_its_owner_alone(path):
    with Opened(path):
        assert path.stat().st_mode & 0o077 == 0
