"""`mailbatch status`: where an edition stands, from the ledger.

Tests: tests/cli/test_convergence.py, tests/cli/test_run.py.
"""

from __future__ import annotations

import time

from mailbatch.cli.arguments import StatusArguments
from mailbatch.cli.console import Console, counted, counts_object
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import edition_of, read_job, reporting
from mailbatch.delivery.options import RunOptions, Summary
from mailbatch.times import iso_time


@reporting
def status_command(console: Console, given: StatusArguments) -> int:
    """Show the counts of an edition and, to people, the next steps."""
    from mailbatch.cli.summary import arguments_again, next_steps
    from mailbatch.delivery.ledgers import open_to_read, place_of
    from mailbatch.delivery.provider_logs import logs_until

    loaded = read_job(given.job, look=False)
    named = edition_of(loaded, given.edition)
    with open_to_read(place_of(loaded, named, given.state_dir)) as ledger:
        counts, finished = ledger.standing.counts(), iso_time(ledger.standing.finished_at())
        under_way = None if given.as_json else ledger.held_by()
        until = None if given.as_json else logs_until(loaded, ledger.doubts, time.time())
    if given.as_json:
        console.data(
            {"job": loaded.name, "edition": named, **counts_object(counts), "finished_at": finished}
        )
        return ExitCode.DONE
    console.lines(f"{loaded.name} ({named}): {counted(sum(counts.values()), 'recipient')}")
    for status, number in counts.items():
        if number:
            console.lines(f"{number:>9}  {status}")
    if finished:
        console.lines(f"finished {finished}")
    if under_way is not None:  # what is pending then needs no other run
        console.say(f"a run is under way: {under_way}")
        return ExitCode.DONE
    summary, options = (
        Summary(loaded.name, named, counts, logs_until=until),
        RunOptions(given.edition, state_dir=given.state_dir),
    )
    for step in next_steps(summary, options, arguments_again(given.job, loaded, summary, options)):
        console.say(step)
    return ExitCode.DONE
