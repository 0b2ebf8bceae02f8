"""`mailbatch reports page`: the reports of an edition as static files for a browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import edition_of, reporting, shown
from mailbatch.cli.reports import job_of, joining, warn_of_unread
from mailbatch.cli.reports_arguments import ReportsPageArguments
from mailbatch.delivery.state import state_of

if TYPE_CHECKING:
    from mailbatch.delivery.ledgers import LedgerPlace
    from mailbatch.delivery.reported import EditionReports
    from mailbatch.ledger.rows import ResultRow
    from mailbatch.reports.standings import RecipientStanding


@reporting
def page_command(console: Console, given: ReportsPageArguments) -> int:
    """Join the reports with an edition, and write the page."""
    from mailbatch.delivery.ledgers import place_of
    from mailbatch.reports_page.figures import About
    from mailbatch.reports_page.writing import check_place, write_page

    check_place(given.out)
    job = job_of(given.job)
    named = edition_of(job, given.edition)
    state = state_of(given.state_dir, given.ledger)
    with joining(job, named, given.store, state, listed=False) as joined:
        warn_of_unread(console, joined)
        about = About(
            job.name,
            named,
            as_of=time.time(),
            unmatched=joined.standings.unmatched,
            unread=joined.unread,
        )
        place = place_of(job, named, state)
        index = write_page(given.out, about, _recipients(place, joined))
    console.say(f"{counted(joined.recipients, 'recipient')}: {shown(index)}")
    return ExitCode.DONE


def _recipients(
    place: LedgerPlace, joined: EditionReports
) -> Iterator[tuple[ResultRow, RecipientStanding | None]]:
    """Yield all rows of the edition, each with its standing."""
    from mailbatch.delivery.ledgers import open_to_read

    with open_to_read(place) as ledger:
        for row in ledger.standing.result_rows():
            yield row, joined.standings.of(row.header_message_id, row.email)
