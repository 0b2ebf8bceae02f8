"""The editions of a job, each as a value: its counts and times, and its rows.

    edition = look_up(job, edition_of(job, None), None)
    edition.counts[Status.ACCEPTED], edition.finished_at

An edition that was never run has the counts that its first run would begin with. This module must
never write a ledger.

Tests: tests/test_api.py, tests/cli/test_convergence.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.ledgers import is_known, open_to_read, place_of
from mailbatch.delivery.places import check_edition, check_given_edition
from mailbatch.delivery.reported import edition_reports
from mailbatch.delivery.state import State
from mailbatch.frozen import frozen
from mailbatch.job.model import Job
from mailbatch.ledger.ports import OpenLedger
from mailbatch.outcome import Status
from mailbatch.render.edition import render_edition

if TYPE_CHECKING:
    from mailbatch.results.row import Row


@frozen
class Edition:
    """One edition of a job, as its ledger has the edition.

    `counts` has every `Status`. `began_at` is the time of the first attempt, None: there was none;
    `finished_at` is None where recipients are left. Both are in seconds since the epoch.
    `under_way`: a run writes the ledger now.
    """

    job: str
    edition: str
    counts: Mapping[Status, int]
    began_at: float | None = None
    finished_at: float | None = None
    under_way: bool = False


def edition_of(job: Job, given: str | None) -> str:
    """Return the edition that a command is about: the given one, else the job's for now.

    Raises:
        JobError, UsageError: the edition cannot name a ledger.
        TemplateError: the template of the edition is wrong.
    """
    if given is not None:
        return check_given_edition(job, given)
    return check_edition(job, render_edition(job, datetime.now().astimezone()))


def read_edition(ledger: OpenLedger) -> Edition:
    """Return the edition of an open ledger."""
    standing = ledger.standing
    return Edition(
        ledger.job,
        ledger.edition,
        standing.counts(),
        standing.began_at(),
        standing.finished_at(),
        under_way=bool(ledger.writers()),
    )


def look_up(job: Job, edition: str, state: State) -> Edition:
    """Return an edition of a job.

    Raises:
        LedgerError: the ledger cannot be read (74).
        InputError, InputErrors: the edition was never run, and the recipient table is wrong.
    """
    place = place_of(job, edition, state)
    if is_known(place):
        with open_to_read(place) as ledger:
            return read_edition(ledger)
    from mailbatch.delivery.inspection import count_plan

    return Edition(job.name, edition, count_plan(job, edition))


def rows_of(job: Job, edition: str, *, state: State, store: Path) -> Iterator[Row]:
    """Yield the rows of an edition's results, with the reports of a store that is there.

    The ledger stays open as long as the iteration goes on.

    Raises, from iterating:
        LedgerError: there is no ledger, or one that cannot be read (74).
        StoreError: the store cannot be read (74).
    """
    from mailbatch.results.row import rows

    with (
        open_to_read(place_of(job, edition, state)) as ledger,
        edition_reports(job, edition, ledger, store) as reports,
    ):
        yield from rows(ledger, None if reports is None else reports.standings)
