"""Which ledger an edition has: the one place that opens one, and knows what kind it is.

A ledger is opened to run, to decide about doubts, or to read; what comes back is known by its roles
alone (`ledger.ports`). Today every ledger is a file.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.delivery.places import ledger_path, state_dir
from mailbatch.job.model import Job
from mailbatch.ledger.kin import count_mailed, other_ledgers
from mailbatch.ledger.opening import is_known
from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.store import Ledger

__all__ = [
    "count_mailed",
    "is_begun",
    "is_known",
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
    """Say whether an edition has a ledger, as far as this user may see it."""
    try:
        return path.exists()
    except OSError:  # the folder is another user's
        return False


def open_to_run(path: Path, *, job: str, edition: str, message_id_domain: str) -> OpenLedger:
    """Open the ledger of an edition for a run: created if there is none, locked and recovered.

    `message_id_domain` goes into the Message-IDs that are fixed from now on.

    Raises:
        LedgerLocked: another run holds it (75).
        LedgerError: it is damaged, older than its last run, or of another job or edition (74).
    """
    return Ledger.open(path, job=job, edition=edition, message_id_domain=message_id_domain)


def open_to_decide(path: Path, *, restored: bool = False) -> OpenLedger:
    """Open the ledger of an edition to decide about it, not to send: locked and recovered.

    `restored` takes it as it stands, although it may be an older copy; deliveries that were leased
    and not settled are in doubt.

    Raises:
        LedgerError: there is none; else as `open_to_run`.
    """
    return Ledger.reopen(path, restored=restored)


def open_to_read(path: Path) -> OpenLedger:
    """Open the ledger of an edition to read, also while a run writes it.

    Recipients that a dead run left in doubt are shown so, before the next run records it.

    Raises:
        LedgerError: there is none, it is damaged, or older than its last run (74).
    """
    return Ledger.read(path)
