"""The progress of a run beside workers: the outcomes of all, none twice, and none of a guess."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from mailbatch.delivery.ledgers import Company
from mailbatch.delivery.options import Silence
from mailbatch.delivery.shared_progress import SharedProgress, following, shared
from mailbatch.errors import LedgerError
from mailbatch.ledger.ports import HeldBy
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from tests.support.work import Journal, WrittenRecorder

ANN, BOB = HeldBy(1, "ann", "noon"), HeldBy(2, "bob", "one")
ACCEPTED, REJECTED, DOUBT = Status.ACCEPTED, Status.REJECTED, Status.IN_DOUBT


class Told(Silence):
    """A progress that adds up what it is told."""

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self.notes: list[str] = []

    def settled(self, status: Status, recipients: int) -> None:
        self.counts[status] += recipients

    def note(self, text: str) -> None:
        self.notes.append(text)


class Scene:
    """A run of twenty recipients, two of which an earlier run has settled."""

    def __init__(self) -> None:
        self.told = Told()
        self.answer: Company | LedgerError | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked = 0
        self.progress = SharedProgress(self.told, self.company)
        self.progress.planned(self.counts(2), 18)

    @staticmethod
    def counts(accepted: int, **others: int) -> dict[Status, int]:
        named = {Status(name): number for name, number in others.items()}
        counts = dict.fromkeys(Status, 0) | {ACCEPTED: accepted, **named}
        return counts | {Status.PENDING: 20 - sum(counts.values())}

    async def company(self) -> Company | None:
        self.asked += 1
        self.meanwhile()
        if isinstance(self.answer, LedgerError):
            raise self.answer
        return self.answer

    def look(self, accepted: int, *workers: HeldBy, **others: int) -> dict[Status, int]:
        """Look at counts of the ledger, and return what the progress has heard so far."""
        self.answer = Company(workers, self.counts(accepted, **others))
        asyncio.run(self.progress.look(WrittenRecorder(Journal())))
        return {status: number for status, number in self.told.counts.items() if number}


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_outcomes_of_all_are_told_and_the_own_ones_once(scene: Scene) -> None:
    scene.progress.settled(ACCEPTED, 3)
    assert scene.look(2 + 3) == {ACCEPTED: 3}
    assert scene.look(2 + 3 + 4, rejected=1, deferred=2) == {ACCEPTED: 7, REJECTED: 1}
    scene.progress.settled(REJECTED, 1)
    assert scene.look(2 + 3 + 5, rejected=2) == {ACCEPTED: 8, REJECTED: 2}


def test_a_run_that_goes_on_during_a_count_is_never_set_back(scene: Scene) -> None:
    # The count was made anywhere between: it has three to five of the run's own outcomes.
    for counted in (3, 4, 5):
        scene = Scene()
        scene.progress.settled(ACCEPTED, 3)
        scene.meanwhile = lambda: scene.progress.settled(ACCEPTED, 2)  # noqa: B023 - used here
        assert scene.look(2 + counted) == {ACCEPTED: 5}
    assert scene.look(2 + 7 + 6) == {ACCEPTED: 13}
    scene.meanwhile = lambda: None
    assert scene.look(2 + 7 + 6) == {ACCEPTED: 13}


def test_an_outcome_that_is_taken_back_is_told_no_longer(scene: Scene) -> None:
    assert scene.look(2, in_doubt=2, rejected=3) == {DOUBT: 2, REJECTED: 3}
    assert scene.look(3, in_doubt=1) == {DOUBT: 1, ACCEPTED: 1}


def test_workers_are_named_when_they_come_and_when_they_go(scene: Scene) -> None:
    scene.look(2, ANN)
    scene.look(2, ANN)
    scene.look(2, BOB)
    assert scene.told.notes == [
        f"also at work: {ANN}", f"also at work: {BOB}", f"no longer at work: {ANN}",
    ]  # fmt: skip


def test_a_run_alone_tells_its_own_outcomes(scene: Scene) -> None:
    scene.progress.settled(ACCEPTED, 3)
    asyncio.run(scene.progress.look(WrittenRecorder(Journal())))
    assert (scene.told.counts, scene.told.notes) == ({ACCEPTED: 3}, [])


def test_a_database_that_is_away_ends_no_run(scene: Scene) -> None:
    async def send() -> None:
        asked = asyncio.Event()
        scene.answer, scene.meanwhile = LedgerError("away"), asked.set
        async with following(scene.progress, WrittenRecorder(Journal())):
            await asked.wait()
            scene.answer = Company((ANN,), scene.counts(6))

    asyncio.run(send())
    assert (scene.asked, scene.told.counts) == (2, {ACCEPTED: 4})


def test_a_send_that_fails_is_not_looked_at_again(scene: Scene) -> None:
    async def send() -> None:
        async with following(scene.progress, WrittenRecorder(Journal())):
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(send())
    assert scene.asked == 0


def test_a_ledger_in_a_file_has_the_progress_of_the_run(tmp_path, scene: Scene) -> None:
    with Ledger.open(
        tmp_path / "a.sqlite3", job="news", edition="1", message_id_domain="example.com"
    ) as ledger:
        assert shared(ledger, scene.told) is scene.told

    async def send() -> None:
        async with following(scene.told, WrittenRecorder(Journal())):
            pass

    asyncio.run(send())
    assert scene.asked == 0
