"""The ledger of an edition: the one place that opens a ledger, and knows the kinds of ledgers.

    with open_to_read(place_of(job, "2026-W48", None)) as ledger:
        print(ledger.standing.counts())

A ledger is opened to run, to decide about doubts, or to read, and is known by its roles alone
(`ledger.ports`). Today every ledger is a file. A second kind of ledger joins in the three functions
`open_to_run`, `open_to_decide` and `open_to_read`. All other functions are about files: `place_of`
names the file, `is_begun` and `is_known` look for the file, `other_ledgers`, `begun_editions` and
`lost_editions` look through its folder, and `count_mailed` reads a ledger found there.

Tests: tests/cli/test_doubt.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mailbatch.delivery.places import (
    edition_of_ledger,
    is_ledger,
    ledger_path,
    state_dir,
    state_folder,
)
from mailbatch.errors import LedgerError
from mailbatch.job.model import Job
from mailbatch.ledger.discarding import discard
from mailbatch.ledger.kin import count_mailed, other_ledgers
from mailbatch.ledger.opening import is_known
from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.taken import END_OF_DATA
from mailbatch.ledger.turn import Turn

__all__ = [
    "begun_editions",
    "count_mailed",
    "discard",
    "is_begun",
    "is_known",
    "ledgers_of",
    "lost_editions",
    "open_to_decide",
    "open_to_read",
    "open_to_run",
    "other_ledgers",
    "place_of",
    "taken_by_others",
    "turn_of",
    "written_at",
]

_LOCK = ".lock"


def place_of(job: Job, edition: str, given: Path | None) -> Path:
    """Return the place of the ledger of an edition; `given` is the folder of `--state-dir`."""
    return ledger_path(job, edition, state_dir(job, given))


def is_begun(path: Path) -> bool:
    """Say whether an edition has a ledger, as far as this user may see."""
    try:
        return path.exists()
    except OSError:  # the folder is another user's
        return False


def begun_editions(job: Job, folder: Path) -> list[str]:
    """Return the editions of a job that have a ledger in a folder, the one written last first.

    A folder that is not there has none.

    Raises:
        LedgerError: the folder cannot be read.
    """
    try:
        found = [
            (path.stat().st_mtime, edition)
            for path in folder.iterdir()
            if (edition := edition_of_ledger(job, path)) is not None
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(f"{folder}: {error.strerror}") from error
    found.sort(key=lambda one: one[0], reverse=True)
    return [edition for _, edition in found]


def lost_editions(job: Job, folder: Path) -> Iterator[tuple[str, float]]:
    """Yield each edition of a job whose ledger is gone, and when it was last locked.

    Seconds since the epoch. The lock file stays where a ledger is taken away.

    Raises:
        LedgerError: the folder cannot be read.
    """
    try:
        locks = [path for path in folder.iterdir() if path.name.endswith(_LOCK)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise LedgerError(f"{folder}: {error.strerror}") from error
    for lock in locks:
        path = lock.with_name(lock.name.removesuffix(_LOCK))
        edition = edition_of_ledger(job, path)
        if edition is not None and not is_begun(path) and is_known(path):
            yield edition, lock.stat().st_mtime


def turn_of(job: Job, given: Path | None) -> Turn | None:
    """Take the turn of a job, whatever the edition; None where another run of the job has it.

    Raises:
        LedgerError: the file of the turn cannot be made (74).
    """
    return Turn.take(state_dir(job, given) / f"{job.name}.cap")


def taken_by_others(
    job: Job, edition: str | None, given: Path | None, since: float
) -> tuple[list[tuple[float, int]], bool]:
    """Return the recipients of all editions but one, and whether a run writes one of these.

    The recipients are those that servers took later than `since`, as `Standings.taken_since` has
    them. A ledger that was not written since then is not opened. `given` is the folder of
    `--state-dir`.

    Raises:
        LedgerError: a ledger cannot be read (74).
    """
    taken: list[tuple[float, int]] = []
    is_busy = False
    for other in begun_editions(job, state_dir(job, given)):
        path = place_of(job, other, given)
        if other == edition or written_at(path) + END_OF_DATA < since:
            continue
        with open_to_read(path) as ledger:
            is_busy = is_busy or ledger.held_by() is not None
            taken += ledger.standing.taken_since(since)
    return taken, is_busy


def written_at(path: Path) -> float:
    """Return when a ledger was last written, its journal included (seconds since the epoch)."""
    latest = 0.0
    for one in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            latest = max(latest, one.stat().st_mtime)
    return latest


def ledgers_of(folder: Path, given: Path | None) -> list[Path]:
    """Return the ledgers of the jobs in a folder, or those that lie in the folder itself; sorted.

    `given` is the folder of `--state-dir`, which takes the place of `.mailbatch/`.

    Raises:
        LedgerError: a folder cannot be read.
    """
    found: list[Path] = []
    for place in dict.fromkeys((folder, state_folder(folder, given))):
        try:
            if place.is_dir():
                found += (path for path in place.iterdir() if is_ledger(path))
        except OSError as error:
            raise LedgerError(f"{place} cannot be read: {error.strerror}") from error
    return sorted(found)


def open_to_run(
    path: Path, *, job: str, edition: str, message_id_domain: str, secret: str | None = None
) -> OpenLedger:
    """Open the ledger of an edition for a run: created if there is none, locked and recovered.

    `message_id_domain` goes into the Message-IDs that are fixed from now on. `secret` goes into
    those of a ledger that is created, by default a random one: then no stranger can work out the
    Message-ID of a delivery. With the same secret the Message-IDs of two ledgers are the same.

    Raises:
        LedgerLocked: another run holds the ledger.
        LedgerError: a damaged ledger, one older than the last run, or one of another mailing (74).
    """
    return Ledger.open(
        path, job=job, edition=edition, message_id_domain=message_id_domain, secret=secret
    )


def open_to_decide(path: Path, *, restored: bool = False) -> OpenLedger:
    """Open the ledger of an edition to decide about doubts, not to send: locked and recovered.

    `restored` takes the ledger as it stands, although this may be an older copy; deliveries that
    were leased and not settled are in doubt.

    Raises:
        LedgerError: there is none; else as `open_to_run`.
    """
    return Ledger.reopen(path, restored=restored)


def open_to_read(path: Path) -> OpenLedger:
    """Open the ledger of an edition to read, also while a run is writing.

    Recipients that a dead run left in doubt are shown so, before the next run records that.

    Raises:
        LedgerError: there is none, or one that is damaged, or older than the last run (74).
    """
    return Ledger.read(path)
