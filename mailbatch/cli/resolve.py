"""`mailbatch resolve`: list the recipients in doubt, or settle the doubt.

Tests: tests/cli/test_doubt.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mailbatch.cli.again import again
from mailbatch.cli.console import Console
from mailbatch.cli.doubts import doubts_of
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_arguments import ResolveArguments
from mailbatch.cli.ledger_place import ledger_to_look_at
from mailbatch.cli.reporting import edition_of, read_job, reporting
from mailbatch.errors import UsageError
from mailbatch.outcome import UNFINISHED, Status
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.ledger.ports import Decision, OpenLedger


@reporting
def resolve_command(console: Console, given: ResolveArguments) -> int:
    """List the doubts, or settle the doubts as decided."""
    from mailbatch.delivery.ledgers import is_rehearsed, open_to_decide, open_to_read
    from mailbatch.delivery.state import state_of

    asked: tuple[tuple[Decision, bool], ...] = (
        ("accepted", given.accepted),
        ("resend", given.resend),
        ("skip", given.skip),
    )
    chosen = [decision for decision, wanted in asked if wanted]
    alone = (("from-reports", given.from_reports), ("restored", given.restored))
    options = [*chosen, *(option for option, wanted in alone if wanted)]
    if len(options) > 1:
        raise UsageError(
            f"{' and '.join('--' + option for option in options)} exclude each other",
            hint="leave all but one of them out",
        )
    loaded = read_job(given.job, look=False)
    named = edition_of(loaded, given.edition)
    place = ledger_to_look_at(loaded, named, state_of(given.state_dir, given.ledger))
    name = again(
        given.job, loaded, named,
        given=given.edition, state_dir=given.state_dir, ledger=given.ledger,
    )  # fmt: skip
    rehearsed = is_rehearsed(place)
    if given.restored:
        if given.only:
            raise UsageError(
                "--restored takes the whole ledger, --only a recipient in doubt",
                hint="leave one of them out",
            )
        with open_to_decide(place, restored=True) as ledger:
            return _say_how_it_stands(console, ledger, rehearsed=rehearsed, as_json=given.as_json)
    if given.from_reports:
        from mailbatch.cli.resolve_reports import settle_by_reports

        with open_to_decide(place, beside=True) as ledger:
            return settle_by_reports(console, given, loaded, named, ledger, name)
    if given.store is not None:
        raise UsageError(
            "--store goes with --from-reports", hint="add --from-reports, or leave --store out"
        )
    if not chosen:
        return _list(console, open_to_read(place), as_json=given.as_json)
    with open_to_decide(place, beside=True) as ledger:
        return _settle(console, given, ledger, chosen[0], name, rehearsed=rehearsed)


def _settle(
    console: Console,
    given: ResolveArguments,
    ledger: OpenLedger,
    decision: Decision,
    name: str,
    *,
    rehearsed: bool,
) -> int:
    """Settle the doubts as decided; `name` are the arguments that name the mailing.

    Raises:
        UsageError: an address of `--only` is not in doubt.
        LedgerError: the ledger cannot be written (74).
    """
    resolve, now = ledger.doubts.resolve, time.time()
    if given.only:
        # All are looked at before the first one is settled.
        number = sum(
            resolve(decision, address=one.address, delivery_id=one.delivery_id, now=now)
            for one in doubts_of(ledger, given, name)
        )
    else:
        number = resolve(decision, now=now)
    left = sum(1 for _ in ledger.doubts.in_doubt())
    if given.as_json:
        console.data({"resolved": number, "in_doubt": left})
    words = {
        "accepted": "taken as accepted",
        "resend": "left: a rehearsal begins anew" if rehearsed else _again(ledger),
        "skip": "skipped",
    }
    console.say(f"{number} {words[decision]}, {left} still in doubt")
    return ExitCode.IN_DOUBT if left else ExitCode.DONE


def _again(ledger: OpenLedger) -> str:
    """Return the future of a recipient who is sent to again, in words."""
    from mailbatch.delivery.succession import part_of

    by = part_of(ledger).corrected_by
    if by is None:
        return "to be sent again by the next run"
    return f"to get the mended letter by the next mailbatch correct, in edition {by}"


def _say_how_it_stands(
    console: Console, ledger: OpenLedger, *, rehearsed: bool, as_json: bool
) -> int:
    """Say what is known from now on: the pending recipients will be mailed."""
    counts = ledger.standing.counts()
    left = counts[Status.IN_DOUBT]
    if as_json:
        console.data({"resolved": 0, "in_doubt": left})
    unfinished = sum(counts[status] for status in UNFINISHED)
    then = "a rehearsal begins anew" if rehearsed else f"the next run mails {unfinished:,}"
    console.say(
        f"taken as it stands: {counts[Status.ACCEPTED]:,} accepted, {left:,} in doubt; {then}"
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
