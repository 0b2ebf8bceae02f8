"""The arguments of `mailbatch sandbox`, declared once, for help, reference and call.

    >>> SandboxArguments(port=0).out is None
    True

Tests: tests/docs/test_generated.py, tests/cli/test_other_commands.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.options import AnswerOption, Quiet
from mailbatch.cli.panels import Panel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SandboxArguments:
    """The arguments of `mailbatch sandbox`."""

    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="N",
            min=0,
            max=65535,
            help="Listen there; default: 2525, 0 takes any free port.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = 2525
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Keep what comes in as .eml files.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    answers: AnswerOption = None
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Post reports to the messages' URLs on this machine; serve the API.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = False
    api_port: Annotated[
        int | None,
        typer.Option(
            "--api-port",
            metavar="N",
            min=0,
            max=65535,
            help="For --report; default 2526, 0 takes any free port.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="KEY",
            help="For --report: the only key that the API takes; default: any.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    web: Annotated[
        bool,
        typer.Option(
            "--web",
            help="Show the mails in a browser while they come in.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = False
    web_port: Annotated[
        int | None,
        typer.Option(
            "--web-port",
            metavar="N",
            min=0,
            max=65535,
            help="For --web; default 2580, 0 takes any free port.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    quiet: Quiet = False
