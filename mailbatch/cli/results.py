"""`mailbatch results`: the results CSV again, from the ledger."""

from __future__ import annotations

from pathlib import Path

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import edition_of, read_job, reporting, shown


@reporting
def results_command(
    console: Console,
    *,
    job: Path,
    edition: str | None,
    results: Path | None,
    failed: Path | None,
    state_dir: Path | None,
    quiet: bool,  # noqa: ARG001 - read by `reporting`
) -> int:
    """Write the results, and the unfinished recipients if asked to."""
    from mailbatch.delivery.ledgers import open_to_read, place_of
    from mailbatch.delivery.outputs import check_apart, check_output
    from mailbatch.delivery.preparation import declared_results_path
    from mailbatch.results.file import write_results, write_unfinished

    loaded = read_job(job)
    named = edition_of(loaded, edition)
    check_output(results, "--results", job, loaded)
    check_output(failed, "--failed", job, loaded)
    path = results or declared_results_path(
        loaded, named, loaded.variables, given=edition is not None
    )
    check_apart({"--results" if results else "results of the job": path, "--failed": failed})
    with open_to_read(place_of(loaded, named, state_dir)) as ledger:
        write_results(ledger, path)
        console.say(f"results: {shown(path)}")
        if failed is not None:
            number = write_unfinished(
                ledger,
                failed,
                delimiter=loaded.recipients.delimiter or ",",
                encoding=loaded.recipients.encoding,
            )
            console.say(f"unfinished: {counted(number, 'recipient')} in {failed}")
    return ExitCode.DONE
