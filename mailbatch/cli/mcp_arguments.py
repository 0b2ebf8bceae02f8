"""The arguments of `mailbatch mcp`, declared as those in `arguments`.

    >>> McpArguments().allow_run
    False

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.panels import Panel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class McpArguments:
    """The arguments of `mailbatch mcp`."""

    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The folder of the jobs; default: the working folder."),
    ] = None
    allow_run: Annotated[
        bool,
        typer.Option(
            "--allow-run",
            help="Offer `run`, too; needs --plan.",
            rich_help_panel=Panel.CARE,
        ),
    ] = False
    plan: Annotated[
        list[Path] | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="A plan that a person approved, read once; may be given several times.",
            rich_help_panel=Panel.CARE,
        ),
    ] = None
