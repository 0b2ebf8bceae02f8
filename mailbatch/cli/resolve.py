"""`mailbatch resolve`: list the recipients in doubt, or settle the doubt.

Tests: tests/cli/test_doubt.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mailbatch.cli.arguments import ResolveArguments
from mailbatch.cli.console import Console
from mailbatch.cli.doubts import doubts_of
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import edition_of, read_job, reporting
from mailbatch.errors import UsageError
from mailbatch.outcome import UNFINISHED, Status
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.ledger.ports import Decision, OpenLedger


@reporting
def resolve_command(console: Console, given: ResolveArguments) -> int:
    """List the doubts, or settle the doubts as decided."""
    from mailbatch.delivery.ledgers import open_to_decide, open_to_read, place_of

    asked: tuple[tuple[Decision, bool], ...] = (
        ("accepted", given.accepted),
        ("resend", given.resend),
        ("skip", given.skip),
    )
    chosen = [decision for decision, wanted in asked if wanted]
    alone = (("from-reports", given.from_reports), ("restored", given.restored))
    options = [*chosen, *(name for name, wanted in alone if wanted)]
    if len(options) > 1:
        raise UsageError(f"{' and '.join('--' + name for name in options)} exclude each other")
    loaded = read_job(given.job, look=False)
    named = edition_of(loaded, given.edition)
    path = place_of(loaded, named, given.state_dir)
    if given.restored:
        if given.only:
            raise UsageError("--restored takes the whole ledger, --only a recipient in doubt")
        with open_to_decide(path, restored=True) as ledger:
            return _say_how_it_stands(console, ledger, as_json=given.as_json)
    if given.from_reports:
        from mailbatch.cli.resolve_reports import settle_by_reports

        with open_to_decide(path) as ledger:
            return settle_by_reports(console, given, loaded, named, ledger)
    if given.store is not None:
        raise UsageError("--store goes with --from-reports")
    if not chosen:
        return _list(console, open_to_read(path), as_json=given.as_json)
    with open_to_decide(path) as ledger:
        # Every address is looked at before the first one is settled.
        addresses = [one.address for one in doubts_of(ledger, given)] if given.only else [None]
        now = time.time()
        number = sum(
            ledger.doubts.resolve(chosen[0], address=address, now=now) for address in addresses
        )
        left = sum(1 for _ in ledger.doubts.in_doubt())
    if given.as_json:
        console.data({"resolved": number, "in_doubt": left})
    words = {
        "accepted": "taken as accepted",
        "resend": "to be sent again by the next run",
        "skip": "skipped",
    }
    console.say(f"{number} {words[chosen[0]]}, {left} still in doubt")
    return ExitCode.IN_DOUBT if left else ExitCode.DONE


def _say_how_it_stands(console: Console, ledger: OpenLedger, *, as_json: bool) -> int:
    """Say what is known from now on: the pending recipients will be mailed."""
    counts = ledger.standing.counts()
    left = counts[Status.IN_DOUBT]
    if as_json:
        console.data({"resolved": 0, "in_doubt": left})
    unfinished = sum(counts[status] for status in UNFINISHED)
    console.say(
        f"taken as it stands: {counts[Status.ACCEPTED]:,} accepted, {left:,} in doubt; "
        f"the next run mails {unfinished:,}"
    )
    return ExitCode.IN_DOUBT if left else ExitCode.DONE


def _list(console: Console, ledger: OpenLedger, *, as_json: bool) -> int:
    number = 0
    with ledger:
        for doubt in ledger.doubts.in_doubt():
            number += 1
            if as_json:
                console.data(
                    {
                        "row": doubt.line,
                        "address": doubt.address,
                        "message_id": doubt.message_id,
                        "at": iso_time(doubt.at),
                        "seen": doubt.reason,
                    }
                )
            else:
                console.lines(
                    f"{doubt.address}  row {doubt.line}  <{doubt.message_id}>  "
                    f"{iso_time(doubt.at)}  {doubt.reason}"
                )
    if number:
        console.say(
            f"{number} in doubt: --from-reports settles what a report proves; then "
            "--accepted, --resend (may arrive twice) or --skip, for all or --only ADDRESS"
        )
        return ExitCode.IN_DOUBT
    console.say("nobody is in doubt")
    return ExitCode.DONE
