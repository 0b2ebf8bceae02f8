"""The reports of an edition, and those that speak against further mail: stores joined with ledgers.

    with edition_reports(job, "2026-W48", ledger, store) as reports:
        if reports is not None:
            print(reports.standings.counts())

The store lies beside the ledgers, unless `--store` names another one. Where there is no store,
nothing more is imported and nothing is read. This module must never change a ledger.

Tests: tests/cli/test_reported.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.ledgers import begun_editions, open_to_read, place_of
from mailbatch.delivery.places import is_store_there, store_of, store_path
from mailbatch.delivery.state import State
from mailbatch.frozen import frozen
from mailbatch.job.recipients import REPORTS
from mailbatch.ledger.ports import OpenLedger
from mailbatch.render.edition import bulk_id_of_edition

if TYPE_CHECKING:
    from mailbatch.job.model import Job
    from mailbatch.reports.mailed import MailedEdition, MailedRow
    from mailbatch.reports.standings import Standings
    from mailbatch.reports.store import StoredRefusal, StoredReport
    from mailbatch.reports.suppression import Edition


@frozen
class EditionReports:
    """The reports of a store, joined with the deliveries of an edition.

    `recipients` is the number of rows of the edition, `unread` that of the bodies that cannot be
    read, because the store cannot be written, and `not_understood` that of the bodies that no
    reader understands, as a whole or in a part.
    `missed` are the first reports that found no recipient, `unreadable` the first bodies that no
    reader understood; both are empty unless asked for.
    """

    recipients: int
    mailed: MailedEdition
    standings: Standings
    unread: int = 0
    not_understood: int = 0
    missed: list[StoredReport] = field(default_factory=list)
    unreadable: list[StoredRefusal] = field(default_factory=list)


def mailed_edition(job: Job, edition: str, rows: Iterable[MailedRow]) -> MailedEdition:
    """Return the deliveries of an edition that were attempted, by the names that reports use.

    `rows` are those of the results, all of them or `attempted_rows`.

    Raises:
        StoreError: there is no place for the temporary database (74).
    """
    from mailbatch.reports.mailed import MailedEdition

    return MailedEdition(
        rows,
        bulk_id=bulk_id_of_edition(job, edition),
        has_copies=job.message.has_copies,
    )


@contextmanager
def edition_reports(
    job: Job, edition: str, ledger: OpenLedger, store: Path, *, most_missed: int = 0
) -> Iterator[EditionReports | None]:
    """Read the bodies of a store, and join all reports with a ledger; None without a store.

    At most `most_missed` reports, and as many bodies, are kept that are of no use.

    Raises:
        StoreError: the store cannot be read, or there is no place for the join (74).
    """
    if not is_store_there(store):
        yield None
        return
    from mailbatch.reports.refusal import Cause
    from mailbatch.reports.standings import Standings
    from mailbatch.reports.store import ReportStore

    with mailed_edition(job, edition, ledger.standing.attempted_rows()) as mailed:
        standings = Standings(mailed)
        with ReportStore(store, to_look=True) as opened:
            opened.read_kept()
            unread, not_understood = opened.unread(), opened.not_understood()
            missed = standings.join(opened, most_missed=most_missed)
            refused = opened.refusals(Cause.UNREADABLE)
            unreadable = [one for one, _ in zip(refused, range(most_missed), strict=False)]
        recipients = sum(ledger.standing.counts().values())
        yield EditionReports(
            recipients, mailed, standings, unread, not_understood, missed, unreadable
        )


@contextmanager
def no_reports(ledger: OpenLedger) -> Iterator[EditionReports]:
    """Give the reports of an edition where there is no store: none."""
    from mailbatch.reports.mailed import MailedEdition
    from mailbatch.reports.standings import Standings

    with MailedEdition(()) as nothing:
        yield EditionReports(sum(ledger.standing.counts().values()), nothing, Standings(nothing))


def reported_addresses(job: Job, state: State, store: Path | None) -> dict[str, str]:
    """Return the addresses, as keys, that reports speak against; empty unless the job asks.

    Each with the name of the list for a reason, such as `reports (bounced 5.1.1)`. Editions of the
    job that have a ledger in the state count, the one that is sent now included. `store` is the
    file of `--store`.

    Raises:
        StoreError: the store cannot be read (74).
        LedgerError: an edition cannot be read, and a report may be of that edition (74).
    """
    if REPORTS not in job.recipients.suppress:
        return {}
    return _spoken_against(job, state, store_of(job, store, state))


def rehearsed_addresses(job: Job, folder: Path | None, *, edition: str) -> dict[str, str]:
    """Return the addresses that reports of rehearsals speak against, as `reported_addresses` does.

    `folder` is that of the rehearsals, None where there is none. The `edition` is about to be
    rehearsed anew, so that its earlier rehearsal counts no more.

    Raises:
        StoreError: the store cannot be read (74).
        LedgerError: an edition cannot be read, and a report may be of that edition (74).
    """
    if folder is None or REPORTS not in job.recipients.suppress:
        return {}
    return _spoken_against(job, folder, store_path(folder), but=edition)


def _spoken_against(
    job: Job, state: State, path: Path, *, but: str | None = None
) -> dict[str, str]:
    if not is_store_there(path):
        return {}
    from mailbatch.reports.store import ReportStore
    from mailbatch.reports.suppression import suppressed_in

    aliases: list[Callable[[str], str | None]] = []
    with ReportStore(path, to_look=True) as opened:
        opened.read_kept()
        editions = _editions(job, state, aliases, but=but)
        found = suppressed_in(opened, editions, has_copies=job.message.has_copies)
    told = {key: f"{REPORTS} ({reason})" for key, reason in found.items()}
    return Spoken(told, aliases) if aliases else told


class Spoken(dict[str, str]):
    """The addresses that reports speak against, those of forgotten people by their aliases."""

    def __init__(
        self, told: Mapping[str, str], aliases: Iterable[Callable[[str], str | None]]
    ) -> None:
        """Know the addresses of `told`; each of `aliases` is that of a ledger."""
        super().__init__(told)
        self._aliases = tuple(aliases)

    def _known(self, key: object) -> str | None:
        found = (alias(str(key)) for alias in self._aliases)
        return next((one for one in found if one and super(Spoken, self).__contains__(one)), None)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self._known(key) is not None

    def __missing__(self, key: str) -> str:
        known = self._known(key)
        if known is None:
            raise KeyError(key)
        return self[known]

    def __or__(self, other: Mapping[str, str]) -> Spoken:  # type: ignore[override]
        return Spoken({**self, **other}, self._aliases)


def _editions(
    job: Job, state: State, aliases: list[Callable[[str], str | None]], *, but: str | None
) -> Iterator[Edition]:
    """Yield the editions of a job that have a ledger, the oldest first, but for one.

    Each ledger that has forgotten people adds a function to `aliases`.
    """
    for edition in reversed(begun_editions(job, state)):
        if edition == but:
            continue
        with open_to_read(place_of(job, edition, state)) as ledger:
            if (alias := ledger.standing.aliases()) is not None:
                aliases.append(alias)
            yield bulk_id_of_edition(job, edition), ledger.standing.attempted_rows()
