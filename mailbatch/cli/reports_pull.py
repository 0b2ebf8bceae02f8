"""`mailbatch reports pull`: the provider asked for the reports about the messages of an edition."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.report_store import store_to_begin
from mailbatch.cli.reporting import edition_of, read_job, reporting, shown
from mailbatch.cli.reports_arguments import ReportsPullArguments
from mailbatch.errors import JobError, UsageError
from mailbatch.extras import install_extra
from mailbatch.outcome import Status
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.delivery.signals import Stopping
    from mailbatch.delivery.state import State
    from mailbatch.job.model import Job
    from mailbatch.pull.asking import Asking
    from mailbatch.pull.pulling import Pull
    from mailbatch.reports.store import ReportStore

_PACKAGE = "urllib3"
#: A wait looks for a signal every so many seconds.
_GLANCE_SECONDS = 0.2
#: The time of the day, in seconds since the epoch.
_now = time.time
_BULK_ID = 'write bulk_id: "{{ job.name }}-{{ edition }}" under callbacks before the next mailing'


@reporting
def pull_command(console: Console, given: ReportsPullArguments) -> int:
    """Ask for the log, the reports or the suppression list, and make reports of the answers."""
    _check_extra()
    from mailbatch.delivery.rehearsals import check_real
    from mailbatch.delivery.signals import Interrupted, Stopping
    from mailbatch.delivery.state import state_of
    from mailbatch.pull.access import ProviderError
    from mailbatch.pull.pulling import Pull
    from mailbatch.reports.store import ReportStore

    if given.to is not None and not given.suppressions:
        raise UsageError("--to has no effect without --suppressions", hint="add --suppressions")
    job = read_job(given.job, look=False)
    state = state_of(given.state_dir, given.ledger)
    check_real(job, state, given.store)
    key = _key(job)
    edition = edition_of(job, given.edition)
    asks_by_id = given.reports or not given.suppressions
    bulk_id = bulk_id_of(job, edition) if asks_by_id else ""
    path = store_to_begin(job, given.store, given.state_dir)
    try:
        with Stopping() as stopping, ReportStore(path) as store:
            pull = Pull(
                _asking(console, job, key, stopping),
                store,
                now=_now,
                warn=console.warn,
                is_stopped=lambda: stopping.signum is not None,
            )
            try:
                if asks_by_id:
                    _pull_edition(console, pull, bulk_id, once=given.reports)
                if given.suppressions:
                    _pull_suppressions(console, pull, job, given.to)
            except ProviderError:  # what was answered before is kept, and read
                _read(console, store, says_none=asks_by_id)
                raise
            _read(console, store, says_none=asks_by_id)
    except Interrupted as signal:
        return 128 + signal.signum
    if asks_by_id:
        _say_reach(console, job, edition, state)
    return ExitCode.DONE


def bulk_id_of(job: Job, edition: str) -> str:
    """Return the bulk id by which the provider knows the messages of an edition.

    Raises:
        JobError: the job has none, or none that names the whole edition (78).
    """
    from mailbatch.render.edition import render_bulk_id

    setting = job.find("callbacks.bulk_id")
    if setting is None:
        raise JobError(
            "there is no bulk_id, by which the provider is asked",
            location=job.locate("callbacks.bulk_id"),
            hint=f"{_BULK_ID}; reports of this one can be received (reports serve) or read",
        )
    bulk_id = render_bulk_id(job, edition)
    if bulk_id is None:
        raise JobError(
            "is not the same for all messages of the edition, so nothing can be asked by it",
            location=setting.place,
            hint=_BULK_ID,
        )
    if "," in bulk_id:
        raise JobError(
            f"gives {bulk_id!r}: the provider takes a comma for the end of an id",
            location=setting.place,
            hint="leave commas out of the edition and of bulk_id",
        )
    return bulk_id


def _check_extra() -> None:
    if find_spec(_PACKAGE) is None:
        raise JobError(
            f"{_PACKAGE} is not installed, which asks providers", hint=install_extra("reports")
        )


def _key(job: Job) -> str:
    """Return the key of the provider's API.

    Raises:
        JobError: the job names no API, or the secret is missing or no key (78).
    """
    from mailbatch.job.secrets import resolve_secret

    reports = job.reports
    if reports is None or reports.base_url is None or reports.api_key is None:
        raise JobError(
            "the job does not name the provider's API",
            location=job.locate("reports.base_url" if reports is not None else "reports"),
            hint="write reports: {base_url: https://..., api_key: {env: NAME}}",
        )
    place = job.locate("reports.api_key")
    key = resolve_secret(
        reports.api_key,
        folder=job.folder,
        environ=os.environ,
        username=reports.host,
        user=reports.host,
        location=place,
    )
    if not (key.isascii() and key.isprintable()):
        raise JobError("gives no key of an API: a header field holds ASCII alone", location=place)
    return key


def _asking(console: Console, job: Job, key: str, stopping: Stopping) -> Asking:
    from mailbatch.pull.access import Access
    from mailbatch.pull.asking import Asking, NotNow

    def sleep(seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0.0:
            if stopping.signum is not None:
                raise NotNow("stopped; what was answered so far is kept")
            time.sleep(min(left, _GLANCE_SECONDS))

    base_url = job.reports.base_url if job.reports is not None else None
    return Asking(Access(base_url or "", key), tell=console.say, sleep=sleep)


def _pull_edition(console: Console, pull: Pull, bulk_id: str, *, once: bool) -> None:
    pulled = pull.reports(bulk_id) if once else pull.logs(bulk_id)
    if pulled.went_on:
        console.say("going on where the last pull stopped")
    entries = (
        counted(pulled.entries, "delivery report")
        if once
        else counted(pulled.entries, "log entry", "log entries")
    )
    console.say(f"{bulk_id}: {entries} in {counted(pulled.answers, 'answer')}")


def _pull_suppressions(console: Console, pull: Pull, job: Job, to: Path | None) -> None:
    for domain in job.sender.own_domains:
        _pull_suppressed(console, pull, domain, to)


def _pull_suppressed(console: Console, pull: Pull, domain: str, to: Path | None) -> None:
    from mailbatch.reports.suppression import append_listed

    pulled, entries = pull.suppressions(domain)
    addresses = counted(pulled.entries, "address", "addresses")
    console.say(f"{domain}: the provider suppresses {addresses}")
    if to is None and entries:
        console.say("--to FILE appends them to a list")
    elif to is not None:
        appended = append_listed(to, entries)
        new = counted(appended.new, "new address", "new addresses")
        console.say(f"{new} in {shown(to)}, {appended.had:,} there before")


def _read(console: Console, store: ReportStore, *, says_none: bool) -> None:
    tally = store.read_kept()
    if tally.reports or says_none:
        console.say(counted(tally.reports, "new report"))
    for one in tally.unreadable:
        console.warn(f"{one.body}: {one.refusal}" if one.body else str(one.refusal))


def _say_reach(console: Console, job: Job, edition: str, state: State) -> None:
    """Say of how many recipients the provider tells no more, or until when it tells of all."""
    from mailbatch.delivery.ledgers import is_begun, open_to_read, place_of
    from mailbatch.delivery.provider_logs import LOGS_REACH

    place = place_of(job, edition, state)
    if not is_begun(place):
        console.warn(f"{place}: there is no ledger of this edition; nothing can be joined with it")
        return
    mailed = gone = 0
    first = None
    now = _now()
    with open_to_read(place) as ledger:
        for row in ledger.standing.result_rows():
            if row.status == Status.ACCEPTED and row.settled_at is not None:
                mailed += 1
                gone += row.settled_at < now - LOGS_REACH
                first = min(first or row.settled_at, row.settled_at)
    if gone:
        console.warn(
            f"out of reach: {gone:,} of {counted(mailed, 'accepted recipient')} got the message "
            "more than 48 hours ago, and the provider's log reaches no further back"
        )
    elif first is not None:
        console.say(f"the provider's log has all of it until {iso_time(first + LOGS_REACH)}")
