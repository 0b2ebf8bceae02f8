"""The arguments of `mailbatch run`, declared as those in `arguments`.

    >>> RunArguments(Path("job.yaml")).dry_run
    False

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.options import (
    AnswerOption,
    AsJson,
    Bundles,
    Edition,
    JobArgument,
    Ledger,
    Only,
    Quiet,
    Results,
    Set,
    StateDir,
    Store,
)
from mailbatch.cli.panels import Panel
from mailbatch.cli.run_options import (
    DryRun,
    Everything,
    MetricsFile,
    Plan,
    RunSessions,
    Test,
    To,
    TranscriptFile,
    Wait,
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunArguments:
    """The arguments of `mailbatch run`."""

    job: JobArgument
    edition: Edition = None
    dry_run: DryRun = False
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Send to an embedded local server; the real mailing stays unsent.",
            rich_help_panel=Panel.REHEARSE,
        ),
    ] = False
    answers: AnswerOption = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Keep the messages there; else --dry-run: outbox/ by the job, --sandbox: none.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="Send at most N messages.",
            rich_help_panel=Panel.WHOM,
        ),
    ] = None
    only: Only = None
    to: To = None
    test: Test = False
    everything: Everything = False
    sessions: RunSessions = None
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            metavar="RATE",
            help="Recipients per s, min, h or day: 600/min, 0.5/s.",
            rich_help_panel=Panel.PACE,
        ),
    ] = None
    wait: Wait = False
    variables: Set = None
    state_dir: StateDir = None
    ledger: Ledger = None
    bundles: Bundles = None
    store: Store = None
    results: Results = None
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Go on although the message changed after somebody was mailed.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    retry_rejected: Annotated[
        bool,
        typer.Option(
            "--retry-rejected",
            help="Try those again who were refused for good.",
            rich_help_panel=Panel.WHOM,
        ),
    ] = False
    new_mailing: Annotated[
        bool,
        typer.Option(
            "--new-mailing",
            help="Begin although most people seem to have this edition already.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    plan: Plan = None
    transcript: TranscriptFile = None
    metrics_file: MetricsFile = None
    canary: Annotated[
        bool,
        typer.Option(
            "--canary",
            help="Send the first step of the job's guard, then end: look, run again.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    no_guard: Annotated[
        bool,
        typer.Option(
            "--no-guard",
            help="Send without the job's guard, whatever was reported.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do not ask before a real send.", rich_help_panel=Panel.CARE
        ),
    ] = False
    as_json: AsJson = False
    log_json: Annotated[
        bool,
        typer.Option(
            "--log-json",
            help="Write each line on standard error as a JSON object.",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = False
    quiet: Quiet = False
