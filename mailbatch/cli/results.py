"""`mailbatch results`: the results CSV again, from the ledger.

Tests: tests/cli/test_doubt.py, tests/cli/test_mistakes.py.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_arguments import ResultsArguments
from mailbatch.cli.ledger_place import ledger_to_look_at
from mailbatch.cli.report_store import store_to_read
from mailbatch.cli.reporting import edition_of, read_job, reporting, shown


@reporting
def results_command(console: Console, given: ResultsArguments) -> int:
    """Write the results, and the unfinished recipients if asked to."""
    from mailbatch.delivery.ledgers import is_rehearsed, open_to_read
    from mailbatch.delivery.outputs import check_output
    from mailbatch.delivery.reported import edition_reports
    from mailbatch.delivery.results_place import (
        beside_corrected,
        declared_results_path,
        rehearsed_results_path,
    )
    from mailbatch.delivery.state import state_of
    from mailbatch.delivery.succession import part_of
    from mailbatch.results.file import write_results, write_unfinished

    loaded = read_job(given.job, look=False)
    named = edition_of(loaded, given.edition)
    check_output(given.results, "--results", given.job, loaded)
    check_output(given.failed, "--failed", given.job, loaded)
    path = given.results or declared_results_path(
        loaded, named, loaded.variables, given=given.edition is not None
    )
    place = ledger_to_look_at(loaded, named, state_of(given.state_dir, given.ledger))
    if given.results is None and is_rehearsed(place):
        path = rehearsed_results_path(path)
    _check_apart(given, path)
    store = store_to_read(loaded, given.store, given.state_dir)
    with open_to_read(place) as ledger:
        part = part_of(ledger)
        if given.results is None and part.corrects is not None:
            corrected = declared_results_path(loaded, part.corrects, loaded.variables)
            path = beside_corrected(path, corrected)
            _check_apart(given, path)
        with edition_reports(loaded, named, ledger, store) as reports:
            write_results(ledger, path, None if reports is None else reports.standings)
        console.say(f"results: {shown(path)}")
        if given.failed is not None:
            number = write_unfinished(
                ledger,
                given.failed,
                delimiter=loaded.recipients.delimiter or ",",
                encoding=loaded.recipients.encoding,
            )
            console.say(f"unfinished: {counted(number, 'recipient')} in {given.failed}")
            if part.corrected_by is not None:
                console.warn(
                    f"edition {named} was stopped: its pending recipients get the mended letter of "
                    f"edition {part.corrected_by}, and one more from a run with this table"
                )
    return ExitCode.DONE


def _check_apart(given: ResultsArguments, path: Path) -> None:
    """Refuse to write the unfinished recipients to `path`, where the results are written.

    Raises:
        UsageError: both are one file.
    """
    from mailbatch.delivery.outputs import check_apart

    noun = "--results" if given.results else "results of the job"
    check_apart({noun: path, "--failed": given.failed})
