"""The arguments of the commands that ask a ledger, declared as those in `arguments`.

    >>> import pathlib
    >>> ResultsArguments(pathlib.Path("job.yaml"), quiet=True).failed is None
    True

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from mailbatch.cli.options import (
    AsJson,
    Edition,
    Failed,
    JobArgument,
    JobOrFolder,
    Ledger,
    Only,
    Quiet,
    Results,
    StateDir,
    Store,
)
from mailbatch.cli.panels import Panel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StatusArguments:
    """The arguments of `mailbatch status`."""

    job: JobOrFolder
    edition: Edition = None
    only: Only = None
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResultsArguments:
    """The arguments of `mailbatch results`."""

    job: JobArgument
    edition: Edition = None
    results: Results = None
    failed: Failed = None
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResolveArguments:
    """The arguments of `mailbatch resolve`."""

    job: JobArgument
    edition: Edition = None
    accepted: Annotated[
        bool,
        typer.Option(
            "--accepted",
            help="They have the message: never send it again.",
            rich_help_panel=Panel.DOUBT,
        ),
    ] = False
    resend: Annotated[
        bool,
        typer.Option(
            "--resend",
            help="Send the identical message again at the next run; may arrive twice.",
            rich_help_panel=Panel.DOUBT,
        ),
    ] = False
    skip: Annotated[
        bool,
        typer.Option(
            "--skip", help="Leave them alone, whoever has it.", rich_help_panel=Panel.DOUBT
        ),
    ] = False
    from_reports: Annotated[
        bool,
        typer.Option(
            "--from-reports",
            help="Settle what a report proves: the server took the message.",
            rich_help_panel=Panel.DOUBT,
        ),
    ] = False
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="Go on from a ledger that was put back and may be an older copy.",
            rich_help_panel=Panel.DOUBT,
        ),
    ] = False
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="ADDRESS",
            help="Only this address, or the recipient with this key; may be given several times.",
            rich_help_panel=Panel.WHOM,
        ),
    ] = None
    store: Store = None
    state_dir: StateDir = None
    ledger: Ledger = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LedgerInitArguments:
    """The arguments of `mailbatch ledger init`."""

    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="The database, with a user who may create roles and owns it.",
        ),
    ]
    planner: Annotated[
        str,
        typer.Option(
            "--planner",
            metavar="ROLE",
            help="The role of runs; default: mailbatch_planner.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = "mailbatch_planner"
    worker: Annotated[
        str,
        typer.Option(
            "--worker",
            metavar="ROLE",
            help="The role of workers; default: mailbatch_worker.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = "mailbatch_worker"
    prints: Annotated[
        bool,
        typer.Option(
            "--print",
            help="Print the SQL, and execute nothing.",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LedgerArchiveArguments:
    """The arguments of `mailbatch ledger archive`."""

    job: JobArgument
    edition: Edition = None
    results: Results = None
    unfinished: Annotated[
        bool,
        typer.Option(
            "--unfinished",
            help="Also an edition with pending, deferred or doubtful recipients: they get nothing.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    quiet: Quiet = False
