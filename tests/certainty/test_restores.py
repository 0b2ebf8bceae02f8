"""Files of a ledger are put back from copies of any age: nobody is mailed twice without a word.

Random histories of runs that end and runs that die, with a journal of who got mail that shares
nothing with the ledger; copies are made at random moments, and of each file a copy, the file itself
or nothing stands there in the end. Then a run is refused (74), or those who may have the message
are in doubt, or nobody who had it gets it again.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.witness import witness_of
from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import LATER, NOW, TAKEN, open_ledger, people, plan
from tests.support.memory import memory

REFUSED = 74
PEOPLE = [f"p{number}@example.org" for number in range(14)]
#: A copy of some files, by their names; None: there was no such file.
Copy = dict[str, bytes | None]


class History:
    """A mailing, its ledger, everybody who got the mail, and copies of the ledger's files."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.path = folder / "state" / "news.ledger"
        self.chance = chance
        self.sent: Counter[str] = Counter()
        self.copies: list[Copy] = []
        self.boot = 1
        #: What a run in another process says of itself, and what it copied.
        self._log, self._copied = folder / "journal", folder / "copied"

    @property
    def files(self) -> list[Path]:
        """What may be put back; the witness is what stays."""
        name = self.path.name
        return [self.path.with_name(name + end) for end in ("", "-wal", "-shm", ".lock")]

    def copy(self) -> None:
        """Keep the files as they are at this moment."""
        files = [*self.files, witness_of(self.path)]
        self.copies.append({f.name: f.read_bytes() if f.exists() else None for f in files})

    def run(self) -> None:
        """A run that ends in order."""
        self._send(self.chance.randrange(len(PEOPLE)), moments=lambda: None)

    def dying_run(self) -> None:
        """A run in a process of its own that goes away without a word, if it gets that far."""
        steps, copy_at = self.chance.randrange(1, 40), self.chance.randrange(1, 40)
        seed = self.chance.random()
        pid = os.fork()
        if not pid:
            try:
                self.chance.seed(seed)
                self.sent.clear()
                self._send(len(PEOPLE), moments=self._dying(steps, copy_at))
            finally:
                self._go_away()
        assert os.waitpid(pid, 0)[1] == 0
        self.sent.update(self._log.read_text().split())
        self._log.unlink()
        if self._copied.exists():
            names = [file.name for file in (*self.files, witness_of(self.path))]
            files = [(name, self._copied / name) for name in names]
            self.copies.append({n: f.read_bytes() if f.exists() else None for n, f in files})
            shutil.rmtree(self._copied)

    def _go_away(self) -> None:
        """End this process as a kill does: nothing is closed."""
        self._log.write_text("\n".join(self.sent.elements()))
        os._exit(0)

    def _dying(self, steps: int, copy_at: int) -> Callable[[], None]:
        moments = count(1)

        def moment() -> None:
            number = next(moments)
            if number == copy_at:
                shutil.copytree(self.path.parent, self._copied)
            if number == steps:
                self._go_away()

        return moment

    def _send(self, most: int, *, moments: Callable[[], None]) -> None:
        with open_ledger(self.path, boot=f"boot-{self.boot}") as ledger:
            plan(ledger, people(*PEOPLE))
            ledger.plan.reopen_deferred()
            while most > 0 and (lot := ledger.leases.lease(min(most, 5), now=NOW)):
                most -= len(lot)
                for delivery in lot:
                    moments()
                    ledger.records.commit_point(delivery.id)
                    moments()
                    refused = self.chance.random() < 0.1
                    if not refused:
                        self.sent.update(delivery.unsettled)
                    moments()
                    status = Status.DEFERRED if refused else Status.ACCEPTED
                    outcome = Outcome(delivery.unsettled[0], status, LATER if refused else TAKEN)
                    ledger.records.settle(delivery.id, [outcome], now=NOW, retry_at=None)
                    moments()

    def restore(self, names: set[str], copy: Copy, how: str) -> None:
        """Put copies back: over the files that are there, or as files of their own."""
        for name in names:
            target, data = self.path.with_name(name), copy[name]
            if data is None:
                target.unlink(missing_ok=True)
            elif how == "over":
                target.write_bytes(data)
            else:
                beside = target.with_name("beside")
                beside.write_bytes(data)
                if how == "replaced":
                    target.unlink(missing_ok=True)
                beside.rename(target)

    def go_on(self) -> str:
        """Run to the end; return what came of it: `refused`, or `sent` to whoever was left."""
        try:
            self._send(10 * len(PEOPLE), moments=lambda: None)
        except LedgerError as error:
            return "refused" if error.exit_code == REFUSED and error.hint else repr(error)
        return "sent"

    def check(self, came: str, what: object) -> None:
        """Nobody twice, whatever came of it; and nobody is lost where it went on."""
        assert came in {"refused", "sent"}, (what, came)
        assert set(self.sent.values()) <= {1}, (what, self.sent - Counter(set(self.sent)))
        if came == "sent":
            with Ledger.read(self.path, boot_id=f"boot-{self.boot}") as ledger:
                found = {row.email: row.status for row in ledger.standing.result_rows()}
            assert set(found) == set(PEOPLE)
            for address, status in found.items():
                assert status in {Status.ACCEPTED, Status.IN_DOUBT, Status.DEFERRED}, what
                assert status != Status.ACCEPTED or self.sent[address] == 1, what
                assert status != Status.DEFERRED or not self.sent[address], what


def a_history(folder: Path, chance: random.Random, *, reboots: bool) -> History:
    """One to three runs, of which some die, and copies between and in them."""
    history = History(folder, chance)
    for _ in range(chance.randrange(1, 4)):
        chance.choice((history.run, history.dying_run, history.dying_run))()
        history.copy()
        history.boot += reboots and chance.random() < 0.2
    return history


def try_one(seed: int, *, whole: bool = False) -> str:
    """Restore something after a random history, and go on; `whole`: all files, the witness too."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="mailbatch-restore-", dir=memory()) as name:
        # A copy of the whole folder that was made while a run was on, put back in place, and a
        # reboot: that is the one that nobody can tell, and so says certainty.md.
        history = a_history(Path(name), chance, reboots=not whole)
        copy = chance.choice(history.copies)
        names = {file.name for file in history.files if chance.random() < 0.6}
        names = set(copy) if whole else names or {history.path.name}
        gone = set() if whole else {n for n in copy if n not in names and chance.random() < 0.15}
        gone.discard(witness_of(history.path).name)
        how = chance.choice(("over", "replaced", "renamed"))
        history.restore(names, copy, how)
        for lost in gone:
            history.path.with_name(lost).unlink(missing_ok=True)
        history.boot += not whole and chance.random() < 0.2
        came = history.go_on()
        history.check(came, (seed, history.copies.index(copy), sorted(names), sorted(gone), how))
        return came


@pytest.mark.parametrize("lot", range(5))
def test_copies_of_any_files_and_any_age(lot):
    """50 histories each; some of them are refused, and some go on."""
    assert {try_one(seed) for seed in range(lot * 50, lot * 50 + 50)} == {"refused", "sent"}


@pytest.mark.long
@pytest.mark.parametrize("lot", range(5, 110))
def test_many_copies_of_any_files_and_any_age(lot):
    test_copies_of_any_files_and_any_age(lot)


@pytest.mark.parametrize("lot", range(2))
def test_copies_of_the_whole_folder(lot):
    """The witness is put back as well: it is not the file that it says it is."""
    assert "refused" in {try_one(seed, whole=True) for seed in range(lot * 25, lot * 25 + 25)}
