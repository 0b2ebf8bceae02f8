"""`mailbatch results`: the results CSV again, from the ledger."""

from __future__ import annotations

from pathlib import Path

from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import edition_of, read_job, reporting


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
    from mailbatch.delivery.places import ledger_path
    from mailbatch.delivery.places import state_dir as folder_of
    from mailbatch.ledger.results import write_results, write_unfinished
    from mailbatch.ledger.store import Ledger
    from mailbatch.render.edition import render_results_path

    loaded = read_job(job)
    named = edition_of(loaded, edition)
    path = results if results is not None else render_results_path(loaded, named)
    with Ledger.read(ledger_path(loaded, named, folder_of(loaded, state_dir))) as ledger:
        write_results(ledger, path)
        console.say(f"results: {path}")
        if failed is not None:
            number = write_unfinished(ledger, failed)
            console.say(f"unfinished: {number} recipients in {failed}")
    return ExitCode.DONE
