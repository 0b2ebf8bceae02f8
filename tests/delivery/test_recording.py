"""Records of several sessions share a commit; no last byte leaves before it, nothing is lost."""

import asyncio
import sqlite3
from collections import deque
from contextlib import closing

import pytest

from mailbatch.delivery.options import Silence
from mailbatch.delivery.recording import LONGEST_WAIT, MOST_WAITING, Recording
from mailbatch.errors import ConnectionLost, LedgerError
from mailbatch.ledger.under_way import UnderWay
from mailbatch.outcome import Outcome, SameForAll, Status
from tests.ledger.steps import NEVER, NOW, TAKEN, copy_files, open_ledger, people, plan

DIGEST = bytes(32)


class Turns:
    """The turns of an event loop, taken by hand."""

    def __init__(self):
        self._next = deque()

    def call_soon(self, callback):
        self._next.append(callback)

    def take(self):
        """Take one turn; False if nothing was asked for."""
        for callback in (now := list(self._next)):
            self._next.popleft()
            callback()
        return bool(now)

    def take_all(self):
        """Take turns until nothing is asked for any more."""
        while self.take():
            pass


class Progress(Silence):
    """A progress that keeps what it hears."""

    def __init__(self):
        self.counts, self.alarms = [], []

    def settled(self, status, recipients):
        self.counts.append((status, recipients))

    def alarm(self, text):
        self.alarms.append(text)


class Scene:
    """A ledger with ten leased deliveries, a recording over it, and the sessions that wait."""

    def __init__(self, folder, *, several=True, recipients=10):
        self.path = folder / "ledger"
        self.ledger = open_ledger(self.path)
        plan(self.ledger, people(*(f"u{n}@example.net" for n in range(recipients))))
        self.deliveries = self.ledger.leases.lease(recipients, now=NOW)
        self.turns, self.progress = Turns(), Progress()
        call_soon = self.turns.call_soon if several else None
        self.now = 0.0
        self.recording = Recording(self.ledger.records, self.progress, call_soon, lambda: self.now)
        self.commits = 0
        self.ledger._database.connection.set_trace_callback(self._note)

    def _note(self, statement):
        single = statement.lstrip().startswith(("UPDATE lease", "INSERT INTO outcome"))
        if statement == "COMMIT" or (
            single and not self.ledger._database.connection.in_transaction
        ):
            self.commits += 1

    def committed(self):
        """How many commit points another process finds in the ledger."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as reader:
            (found,) = reader.execute("SELECT count(*) FROM lease WHERE committed").fetchone()
        return found

    def point(self, number):
        """A session has all of a content but its last bytes."""
        session = Session(self)
        self.recording.commit_point(self.deliveries[number].id, DIGEST, session)
        return session

    def taken(self, number):
        """A session has learnt that everybody has the message."""
        delivery = self.deliveries[number]
        outcomes = SameForAll(delivery.unsettled, Status.ACCEPTED, TAKEN)
        self.recording.settle(delivery, outcomes, now=NOW, retry_at=None)

    def refused(self, number, status=Status.REJECTED, reply=NEVER):
        """A session has learnt something else."""
        delivery = self.deliveries[number]
        outcomes = (Outcome(delivery.unsettled[0], status, reply),)
        self.recording.settle(delivery, outcomes, now=NOW, retry_at=None)

    def statuses(self):
        """What the next process makes of it if this one dies now, by the number of the delivery."""
        with open_ledger(copy_files(self.path, self.path.parent / "dead")) as ledger:
            return [row.status for row in ledger.standing.result_rows()]

    def break_ledger(self):
        """Let nothing be written any more."""
        self.ledger._database.connection.execute("PRAGMA query_only=1")

    def close(self):
        """Put the ledger away."""
        self.ledger._database.connection.execute("PRAGMA query_only=0")
        self.ledger.close()


class Session:
    """The end of a session that the recording sees."""

    def __init__(self, scene):
        self._scene = scene
        self.committed = None
        self.failure = None

    def finish(self):
        self.committed = self._scene.committed()

    def abort(self):
        self.failure = self.failure or ConnectionLost("the session was ended")

    @property
    def aborted(self):
        return self.failure is not None


def broken_with(error):
    """A method that raises."""

    def method(*_arguments, **_named):
        raise error

    return method


@pytest.fixture
def scene(tmp_path):
    with closing(Scene(tmp_path)) as scene:
        yield scene


def test_the_last_bytes_leave_behind_the_record_of_all_that_wait(scene):
    sessions = [scene.point(0), scene.point(1), scene.point(2)]
    assert [s.committed for s in sessions] == [None, None, None]
    assert scene.committed() == 0
    scene.turns.take_all()
    assert [s.committed for s in sessions] == [3, 3, 3]
    assert scene.commits == 1


def test_outcomes_share_the_commit_of_the_next_commit_points(scene):
    for number in range(3):
        scene.point(number)
    scene.turns.take_all()
    scene.taken(0)
    scene.point(3)
    scene.taken(1)
    assert scene.progress.counts == []
    scene.turns.take_all()
    assert scene.commits == 2
    assert scene.progress.counts == [(Status.ACCEPTED, 2)]
    assert scene.statuses()[:5] == ["accepted", "accepted", "in_doubt", "in_doubt", "pending"]


def test_they_wait_for_as_long_as_each_turn_brings_more(scene):
    session = scene.point(0)
    for number in range(1, 5):
        assert scene.turns.take()
        scene.point(number)
        assert session.committed is None
    assert scene.turns.take()
    assert session.committed is None  # the turn before brought one
    assert scene.turns.take()
    assert session.committed == 5
    assert not scene.turns.take()


def test_they_wait_for_a_moment_at_most(scene):
    session = scene.point(0)
    assert scene.turns.take()
    scene.point(1)
    scene.now += LONGEST_WAIT
    assert scene.turns.take()
    assert session.committed == 2


def test_many_do_not_wait(tmp_path):
    with closing(Scene(tmp_path, recipients=MOST_WAITING)) as scene:
        sessions = [scene.point(number) for number in range(MOST_WAITING)]
        assert {s.committed for s in sessions} == {MOST_WAITING}
        scene.turns.take()
        assert scene.commits == 1


def test_one_session_waits_for_nobody(tmp_path):
    with closing(Scene(tmp_path, several=False)) as scene:
        session = scene.point(0)
        assert session.committed == 1
        scene.taken(0)
        assert scene.progress.counts == [(Status.ACCEPTED, 1)]
        assert scene.commits == 2


def test_whatever_takes_longer_has_them_recorded_before(scene):
    session = scene.point(0)
    scene.recording.flush()
    assert session.committed == 1


def test_other_outcomes_are_recorded_at_once_and_behind_what_waits(scene):
    first, second = scene.point(0), scene.point(1)
    scene.recording.flush()
    scene.taken(0)
    third = scene.point(2)
    scene.refused(1)
    assert (first.committed, second.committed, third.committed) == (2, 2, 3)
    assert scene.progress.counts == [(Status.ACCEPTED, 1), (Status.REJECTED, 1)]
    assert scene.statuses()[:3] == ["accepted", "rejected", "in_doubt"]


def test_a_session_that_is_lost_meanwhile_needs_no_commit_point(scene):
    """Its last bytes never leave: nobody may be in doubt for that."""
    lost, other = scene.point(0), scene.point(1)
    lost.abort()
    scene.turns.take_all()
    assert (lost.committed, other.committed) == (None, 1)
    assert scene.statuses()[:2] == ["pending", "in_doubt"]
    scene.refused(0, Status.PENDING, None)
    assert scene.progress.counts == [(Status.PENDING, 1)]


def test_a_ledger_that_fails_holds_the_last_bytes_back_and_tells_what_is_lost(scene):
    scene.point(0)
    scene.recording.flush()
    scene.taken(0)
    held = [scene.point(1), scene.point(2)]
    scene.break_ledger()
    scene.turns.take_all()
    assert [(s.committed, s.aborted) for s in held] == [(None, True), (None, True)]
    assert scene.progress.alarms == [
        "not recorded: u0@example.net is accepted: 250 2.6.0 Message queued as 0b3f-77"
    ]
    assert scene.progress.counts == []
    with pytest.raises(LedgerError):
        scene.recording.flush()
    assert scene.statuses()[:3] == ["in_doubt", "pending", "pending"]


@pytest.mark.parametrize("waits", ["a commit point", "an outcome"])
def test_what_is_not_plain_is_told_too_where_others_fail_with_it(scene, waits):
    for number in range(2):
        scene.point(number)
    scene.recording.flush()
    if waits == "an outcome":
        scene.taken(1)
    else:
        scene.point(2)
    scene.break_ledger()
    with pytest.raises(LedgerError):
        scene.refused(0)
    alarms = scene.progress.alarms
    assert alarms[-1] == "not recorded: u0@example.net is rejected: 550 5.1.1 no such user"
    assert len(alarms) == (2 if waits == "an outcome" else 1)


def test_an_outcome_is_saved_where_a_commit_point_fails(scene, monkeypatch):
    """They fail together, and what is known is tried again by itself."""
    scene.point(0)
    scene.recording.flush()
    scene.taken(0)
    held = scene.point(1)
    with monkeypatch.context() as patched:
        patched.setattr(UnderWay, "commit_point", broken_with(LedgerError("the disk broke")))
        scene.turns.take_all()
    assert held.aborted
    assert scene.progress.alarms == []
    assert scene.progress.counts == [(Status.ACCEPTED, 1)]
    assert scene.statuses()[:2] == ["accepted", "pending"]


def test_a_bug_holds_nobody_for_ever(scene, monkeypatch):
    held = [scene.point(0), scene.point(1)]
    monkeypatch.setattr(UnderWay, "commit_point", broken_with(MemoryError()))
    scene.turns.take_all()
    assert [session.aborted for session in held] == [True, True]
    with pytest.raises(MemoryError):
        scene.point(2)


def test_a_progress_that_fails_is_no_secret(scene, monkeypatch):
    scene.point(0)
    scene.recording.flush()
    scene.taken(0)
    held = scene.point(1)
    monkeypatch.setattr(scene.progress, "settled", broken_with(OSError("no terminal")))
    scene.turns.take_all()
    assert (held.committed, held.aborted) == (2, True)
    with pytest.raises(OSError, match="no terminal"):
        scene.recording.flush()
    assert scene.progress.alarms == []


def test_a_failure_elsewhere_gives_up_what_waits(scene):
    held = scene.point(0)
    scene.recording.fail(LedgerError("the disk broke"))
    scene.turns.take_all()
    assert (held.committed, held.aborted) == (None, True)
    assert scene.committed() == 0


def test_no_commit_point_is_passed_behind_a_failure(scene):
    scene.point(0)
    scene.break_ledger()
    scene.turns.take_all()
    scene.ledger._database.connection.execute("PRAGMA query_only=0")
    with pytest.raises(LedgerError):
        scene.point(1)
    assert scene.recording.broken is not None
    assert scene.committed() == 0


def test_who_was_given_up_needs_no_record(scene):
    """The ledger says already that nobody has it: there is nothing to tell."""
    scene.point(0)
    scene.break_ledger()
    scene.turns.take_all()
    with pytest.raises(LedgerError):
        scene.refused(0, Status.PENDING, None)
    assert scene.progress.alarms == []


def test_the_end_of_a_run_records_outcomes_and_passes_no_commit_point(scene):
    scene.point(0)
    scene.recording.flush()
    scene.taken(0)
    session = scene.point(1)
    asyncio.run(scene.recording.close())
    assert session.committed is None
    assert not session.aborted
    scene.turns.take_all()
    assert scene.statuses()[:2] == ["accepted", "pending"]


def test_a_delivery_of_which_somebody_waits_is_recorded_with_the_others(tmp_path):
    """Its outcome is more than a note in its lease, and it is a part of the same transaction."""
    with open_ledger(tmp_path / "ledger") as ledger:
        rows = people("ann@example.net", "ben@example.net", group=("a",))
        plan(ledger, rows, group_by=("lot",))
        (delivery,) = ledger.leases.lease(1, now=NOW, address="ann@example.net")
        ledger.records.commit_point(delivery.id)
        with ledger.records.together():
            outcomes = SameForAll(delivery.unsettled, Status.ACCEPTED, TAKEN)
            ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
        counts = ledger.standing.counts()
    assert (counts[Status.ACCEPTED], counts[Status.PENDING]) == (1, 1)
