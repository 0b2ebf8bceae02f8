"""The arguments of `mailbatch work`; the rules are those of `arguments`.

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.options import AsJson, Bundles, Ledger, Quiet, Sessions
from mailbatch.cli.panels import Panel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WorkArguments:
    """The arguments of `mailbatch work`."""

    ledger: Ledger = None
    sessions: Sessions = None
    forever: Annotated[
        bool,
        typer.Option(
            "--forever",
            help="Wait for further mailings when none is open; a signal ends it.",
            rich_help_panel=Panel.PACE,
        ),
    ] = False
    source_address: Annotated[
        str | None,
        typer.Option(
            "--source-address",
            metavar="ADDRESS",
            help="Connect to servers from this IP address of the machine.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    ehlo: Annotated[
        str | None,
        typer.Option(
            "--ehlo",
            metavar="NAME",
            help="Say this name in EHLO; default: that of the machine.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    state_dir: Annotated[
        Path | None,
        typer.Option(
            "--state-dir",
            metavar="DIR",
            help="Keep here what this machine has seen of the ledgers; default: "
            "~/.local/state/mailbatch, or MAILBATCH_STATE_DIR.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    bundles: Bundles = None
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
