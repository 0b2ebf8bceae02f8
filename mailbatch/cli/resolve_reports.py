"""`mailbatch resolve --from-reports`: settle the doubts of which a report proves the acceptance.

This module must never settle a doubt for want of a report.

Tests: tests/cli/test_doubt_reports.py.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.doubts import doubts_of
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_arguments import ResolveArguments
from mailbatch.cli.report_store import store_to_read
from mailbatch.cli.reporting import shown

if TYPE_CHECKING:
    from mailbatch.job.model import Job
    from mailbatch.ledger.ports import OpenLedger
    from mailbatch.reports.acceptance import Acceptance, Doubtful


def settle_by_reports(
    console: Console,
    given: ResolveArguments,
    job: Job,
    edition: str,
    ledger: OpenLedger,
    again: str,
) -> int:
    """Settle what the reports prove, and return the exit code.

    `again` are the arguments that name the mailing on a command line.

    Raises:
        UsageError: an address of `--only` is not in doubt, or `--store` no file.
        StoreError: the store cannot be read (74).
        LedgerError: the ledger cannot be read or written (74).
    """
    from mailbatch.delivery.places import is_store_there
    from mailbatch.delivery.rehearsals import has_rehearsals

    doubts = doubts_of(ledger, given, again)
    path = store_to_read(job, given.store, given.state_dir)
    is_there = is_store_there(path)
    found = _acceptances(given, job, edition, ledger, doubts) if is_there else []
    ids = {(one.message_id, one.address): one.delivery_id for one in doubts}
    reasons = {(ids[one.header_message_id, one.address], one.address): one.reason for one in found}
    number = ledger.doubts.accept(reasons, now=time.time())
    left = sum(1 for _ in ledger.doubts.in_doubt())
    repeated = sum(one.is_repeated for one in found)
    if given.as_json:
        console.data({"resolved": number, "in_doubt": left, "mailed_more_than_once": repeated})
    else:
        for one in found:
            console.lines(f"{one.address}  {one.reason}")
    more = f" ({repeated:,} mailed more than once)" if repeated else ""
    console.say(f"{number:,} taken as accepted by reports{more}, {left:,} still in doubt")
    if left and not is_there:
        step = (
            f"rehearse again with mailbatch run {again} --sandbox"
            if has_rehearsals(path.parent)
            else f"mailbatch reports pull {again}, or serve or read"
        )
        console.say(f"there is no store of reports at {shown(path)}: {step}")
    elif left:
        console.say(_left_without_proof(job, left))
    return ExitCode.IN_DOUBT if left else ExitCode.DONE


def _left_without_proof(job: Job, left: int) -> str:
    """Return the sentence about recipients that stay in doubt, with the next step.

    There may be reports about these that prove nothing: of an entry from before the attempt, say.
    """
    doubtful = counted(left, "recipient")
    told = f"no report proves that the server took the message of {doubtful}"
    if job.reports is not None and job.reports.base_url is not None:
        return f"{told}; mailbatch reports pull may find one"
    return f"{told}; nor does a missing report prove that it did not"


def _acceptances(
    given: ResolveArguments,
    job: Job,
    edition: str,
    ledger: OpenLedger,
    doubts: Sequence[Doubtful],
) -> list[Acceptance]:
    """Join the reports of the store with the edition, and return what is proven of the doubts."""
    from mailbatch.delivery.reported import mailed_edition
    from mailbatch.reports.acceptance import find_acceptances
    from mailbatch.reports.store import ReportStore

    if not doubts:
        return []
    mailed = mailed_edition(job, edition, ledger.standing.attempted_rows())
    path = store_to_read(job, given.store, given.state_dir)
    with mailed, ReportStore(path, to_look=True) as store:
        store.read_kept()
        return find_acceptances(store.reports(), mailed, doubts)
