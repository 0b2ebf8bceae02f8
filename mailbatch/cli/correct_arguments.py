"""The arguments of `mailbatch correct`, declared as those in `arguments`.

    >>> CorrectArguments(Path("job.yaml"), Path("mended.yaml"), yes=True).edition is None
    True

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.options import (
    AsJson,
    Edition,
    Ledger,
    Quiet,
    Results,
    Sessions,
    Set,
    StateDir,
    Store,
)
from mailbatch.cli.panels import Panel
from mailbatch.cli.run_options import DryRun, Wait


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CorrectArguments:
    """The arguments of `mailbatch correct`."""

    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file, as the edition was sent with it.")
    ]
    other: Annotated[
        Path,
        typer.Option(
            "--with",
            metavar="OTHER",
            help="The mended job file: of the same name, with the mended files.",
            rich_help_panel=Panel.MAILING,
        ),
    ]
    edition: Edition = None
    variables: Set = None
    preview: Annotated[
        Path | None,
        typer.Option(
            "--preview",
            metavar="DIR",
            help="Write galleries of both groups there, and send nothing.",
            rich_help_panel=Panel.REHEARSE,
        ),
    ] = None
    dry_run: DryRun = False
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The files of --dry-run; default: outbox/ by OTHER.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    sessions: Sessions = None
    wait: Wait = False
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    results: Results = None
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Go on although the letters changed while they were sent.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    no_guard: Annotated[
        bool,
        typer.Option(
            "--no-guard",
            help="Send without the guard of OTHER, whatever was reported.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Send without asking.", rich_help_panel=Panel.CARE),
    ] = False
    as_json: AsJson = False
    quiet: Quiet = False
