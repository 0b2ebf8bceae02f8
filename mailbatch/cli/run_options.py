"""The options of `mailbatch run` with a longer text: tests to an address, and files beside a run.

Tests: tests/docs/test_generated.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.panels import Panel

To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="ADDRESS",
        help="Send the first message to this address instead, or those of --only, --limit, "
        "--all; may be given several times. The real mailing stays unsent.",
        rich_help_panel=Panel.WHOM,
    ),
]
Test = Annotated[
    bool,
    typer.Option(
        "--test",
        help="As --to with the message.test_recipients of the job; the subject begins with [test].",
        rich_help_panel=Panel.WHOM,
    ),
]
Everything = Annotated[
    bool,
    typer.Option(
        "--all",
        help="With --to or --test: every message to these addresses.",
        rich_help_panel=Panel.WHOM,
    ),
]
RunSessions = Annotated[
    int | None,
    typer.Option(
        "--sessions",
        metavar="N",
        min=0,
        max=1000,
        help="Parallel sessions, 0 to 1000; 0: workers send, and the run watches.",
        rich_help_panel=Panel.PACE,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Everything but the network: render and write .eml files to --out.",
        rich_help_panel=Panel.REHEARSE,
    ),
]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Wait where server.window, cap or warmup, or message.send_at, holds the run; go on.",
        rich_help_panel=Panel.PACE,
    ),
]
TranscriptFile = Annotated[
    Path | None,
    typer.Option(
        "--transcript",
        metavar="FILE",
        help="Write the dialogue there, without secrets.",
        rich_help_panel=Panel.RECORD,
    ),
]
Plan = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Send what this plan of `mailbatch plan` says, or nothing.",
        rich_help_panel=Panel.CARE,
    ),
]
MetricsFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        help="Write figures of a real run there for Prometheus' textfile collector.",
        rich_help_panel=Panel.RECORD,
    ),
]
