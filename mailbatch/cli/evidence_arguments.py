"""The arguments of `mailbatch evidence` and `mailbatch forget`, declared as those in `arguments`.

    >>> EvidenceArguments(verify=Path("evidence")).job is None
    True

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.options import AsJson, Edition, Ledger, Quiet, Set, StateDir, Store
from mailbatch.cli.panels import Panel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EvidenceArguments:
    """The arguments of `mailbatch evidence`."""

    job: Annotated[
        Path | None, typer.Argument(metavar="JOB", help="The job file; none with --verify.")
    ] = None
    edition: Edition = None
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="ADDRESS",
            help="The recipient: an address, or a key.",
            rich_help_panel=Panel.WHOM,
        ),
    ] = None
    variables: Set = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where the files go; made, and never written over.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    verify: Annotated[
        Path | None,
        typer.Option(
            "--verify",
            metavar="DIR",
            help="Check the files of an evidence, without job and ledger.",
            rich_help_panel=Panel.CARE,
        ),
    ] = None
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    as_json: AsJson = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ForgetArguments:
    """The arguments of `mailbatch forget`."""

    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address of the person.")]
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The folder of the jobs; default: the working folder."),
    ] = None
    state_dir: StateDir = None
    ledger: Ledger = None
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Forget without asking.", rich_help_panel=Panel.CARE),
    ] = False
    as_json: AsJson = False
    quiet: Quiet = False
