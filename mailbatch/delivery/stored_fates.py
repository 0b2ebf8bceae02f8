"""The reports of a store, as the guard of a run asks for these.

    fates = StoredFates(given.store, given.state_dir)
    fates.count(job, "2026-W48", ledger.standing.result_rows())     # Fate(reported=480, bounced=3)

The receiver, or another command, writes the store meanwhile. This module must never open a ledger,
nor judge.

Tests: tests/certainty/test_guard.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.places import is_store_there, store_of
from mailbatch.errors import JobError

if TYPE_CHECKING:
    from mailbatch.delivery.guard import Fate
    from mailbatch.job.model import Job
    from mailbatch.ledger.rows import ResultRow


class StoredFates:
    """The fates of recipients by the store of a job; a `delivery.guard.Fates`.

    `store` is the file of `--store`, `state_dir` the folder of `--state-dir`.
    """

    def __init__(self, store: Path | None = None, state_dir: Path | None = None) -> None:
        self._store = store
        self._state_dir = state_dir

    def check(self, job: Job) -> None:
        """Refuse a store that is not there: no program takes the reports that a guard waits for.

        Raises:
            JobError: there is no store (78).
        """
        path = self._path(job)
        if not is_store_there(path):
            raise JobError(
                f"there is no store of reports at {path}: nothing takes the reports",
                location=job.locate("guard"),
                hint="let mailbatch reports serve, pull or read keep them there; "
                "--no-guard sends without",
            )

    def count(self, job: Job, edition: str, rows: Iterable[ResultRow]) -> Fate:
        """Return the fate of an edition, by the reports that are in the store now.

        Raises:
            StoreError: the store cannot be read (74).
        """
        from mailbatch.delivery.guard import Fate
        from mailbatch.delivery.reported import mailed_edition
        from mailbatch.reports.report import Event, Kind
        from mailbatch.reports.standings import Standings
        from mailbatch.reports.store import ReportStore

        mailed = mailed_edition(job, edition, rows)
        with mailed, ReportStore(self._path(job), to_look=True) as store:
            store.read_kept()
            standings = Standings(mailed)
            standings.join(store)
            reported, counts = standings.recipients(), standings.counts()
            hard = standings.bounces()[Kind.HARD]
        return Fate(reported, hard, counts[Event.COMPLAINED])

    def _path(self, job: Job) -> Path:
        return store_of(job, self._store, self._state_dir)
