"""A rehearsal in the sandbox that is kept: a ledger, and the reports of its messages.

Where the messages of a job ask for reports, `run --sandbox` also plays the provider behind the
server. Ledger and reports go into a state folder of their own, so that every command can look at
the rehearsal, and none can take its reports for those of the mailing:

    mailbatch reports show letter.yaml --state-dir .mailbatch/sandbox
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.errors import StoreError

if TYPE_CHECKING:
    from mailbatch.delivery.options import RunOptions
    from mailbatch.job.model import Job
    from mailbatch.reports.store import ReportStore

#: Bodies in one commit: a commit waits for the disk.
_AT_ONCE = 200


class KeptRehearsal:
    """The state folder of the rehearsals of a job.

    `failure` is the failure after which no more reports were kept, None while all were.
    """

    def __init__(self, job: str, folder: Path) -> None:
        self.failure: StoreError | None = None
        self._job = job
        self._folder = folder
        self._place = ""
        self._store: ReportStore | None = None
        self._bodies: list[bytes] = []

    @property
    def folder(self) -> Path:
        """The folder of ledgers and store."""
        return self._folder

    def begin(self, edition: str) -> None:
        """Open the store, and forget the reports of an earlier rehearsal of the edition.

        Raises:
            StoreError: the store cannot be written (74).
        """
        from mailbatch.cli.report_store import store_to_write
        from mailbatch.reports.store import ReportStore

        self._place = f"sandbox, {self._job} ({edition})"
        self._store = ReportStore(store_to_write(self._folder))
        self._store.forget(self._place)

    def take(self, body: bytes) -> None:
        """Take a body of the provider; a failure of the store must not become one of the run."""
        self._bodies.append(body)
        if len(self._bodies) == _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Keep the bodies in one commit; none, behind a failure."""
        from mailbatch.reports.store import Body, Origin

        bodies, self._bodies = self._bodies, []
        if self._store is None or self.failure is not None or not bodies:
            return
        now = time.time()
        try:
            self._store.keep(Body(one, Origin.SERVE, now, self._place) for one in bodies)
        except StoreError as error:
            self.failure = error

    def close(self) -> None:
        """Keep what is left, and close the store."""
        self.flush()
        if self._store is not None:
            self._store.close()
            self._store = None


def rehearsal_of(job: Job, options: RunOptions) -> KeptRehearsal | None:
    """Return where a rehearsal is kept; None where no message asks for reports, or none is sent."""
    from mailbatch.delivery.places import rehearsal_dir

    if not (options.sandbox and job.asks_for_reports):
        return None
    return KeptRehearsal(job.name, rehearsal_dir(job, options.state_dir))
