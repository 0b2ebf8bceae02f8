"""The ledger of an edition: the one place that opens a ledger, and knows the kinds of ledgers.

    with open_to_read(place_of(job, "2026-W48", None)) as ledger:
        print(ledger.standing.counts())

A ledger is opened to run, to decide about doubts, or to read, and is known by its roles alone
(`ledger.ports`). Today every ledger is a file. A second kind of ledger joins in the three functions
`open_to_run`, `open_to_decide` and `open_to_read`. All other functions are about files: `place_of`
names the file, `is_begun` and `is_known` look for the file, `other_ledgers` looks through its
folder, and `count_mailed` reads a ledger found there.

Tests: tests/cli/test_doubt.py.
"""

from __future__ import annotations

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

__all__ = [
    "begun_editions",
    "count_mailed",
    "discard",
    "is_begun",
    "is_known",
    "ledgers_of",
    "open_to_decide",
    "open_to_read",
    "open_to_run",
    "other_ledgers",
    "place_of",
]


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
