"""`mailbatch ledger archive`: the results of an edition, and then its end in the database.

The results are on the disk before anything is dropped.

Tests: tests/cli/test_ledger.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_arguments import LedgerArchiveArguments
from mailbatch.cli.ledger_place import ledger_to_look_at
from mailbatch.cli.report_store import store_to_read
from mailbatch.cli.reporting import edition_of, read_job, reporting, shown
from mailbatch.outcome import UNFINISHED, Status

if TYPE_CHECKING:
    from mailbatch.job.model import Job
    from mailbatch.ledger.ports import OpenLedger

#: So long recipients of an edition count for a limit of a day: seconds, with room for a clock.
_COUNTED = 2 * 86_400.0


@reporting
def archive_command(console: Console, given: LedgerArchiveArguments) -> int:
    """Put an edition away that is finished; return 4 or 75 for one that is not."""
    from mailbatch.delivery.ledgers import open_to_archive
    from mailbatch.delivery.outputs import check_output
    from mailbatch.delivery.reported import edition_reports
    from mailbatch.delivery.results_place import declared_results_path
    from mailbatch.delivery.state import state_of
    from mailbatch.results.file import write_results

    loaded = read_job(given.job, look=False)
    named = edition_of(loaded, given.edition)
    check_output(given.results, "--results", given.job, loaded)
    place = ledger_to_look_at(loaded, named, state_of(given.state_dir, given.ledger))
    path = given.results or declared_results_path(
        loaded, named, loaded.variables, given=given.edition is not None
    )
    store = store_to_read(loaded, given.store, given.state_dir)
    with open_to_archive(place) as ledger:
        now = time.time()
        if not given.unfinished:
            code = _refusal(console, loaded, ledger, now)
            if code is not None:
                return code
        with edition_reports(loaded, named, ledger, store) as reports:
            write_results(ledger, path, None if reports is None else reports.standings)
        ledger.put_away(now)
    console.say(f"results: {shown(path)}")
    console.say(f"{loaded.name} ({named}) is put away: the results are all that is left")
    return ExitCode.DONE


def _refusal(console: Console, job: Job, ledger: OpenLedger, now: float) -> ExitCode | None:
    """Return the exit code of an edition that is still needed, and tell why; None: it is not."""
    counts = ledger.standing.counts()
    doubts, left = counts[Status.IN_DOUBT], sum(counts[status] for status in UNFINISHED)
    if left:
        console.warn(
            f"nothing was dropped: {counted(left, 'recipient')} pending or deferred; run first, or "
            "add --unfinished: then they get nothing"
        )
        return ExitCode.UNFINISHED
    if doubts:
        console.warn(
            f"nothing was dropped: {counted(doubts, 'recipient')} in doubt; mailbatch resolve, or "
            "add --unfinished"
        )
        return ExitCode.IN_DOUBT
    if job.server.has_daily_number and ledger.standing.taken_since(now - _COUNTED):
        console.warn(
            "nothing was dropped: its recipients count for server.cap or server.warmup for two "
            "days; wait, or add --unfinished"
        )
        return ExitCode.UNFINISHED
    return None
