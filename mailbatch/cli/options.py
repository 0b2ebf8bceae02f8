"""The options of several commands, declared once: an option means the same everywhere.

Tests: tests/docs/test_generated.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.panels import Panel

JobArgument = Annotated[Path, typer.Argument(metavar="JOB", help="The job file.")]
JobOrFolder = Annotated[
    Path,
    typer.Argument(
        metavar="JOB",
        help="The job file; a folder: list the editions that were begun there.",
    ),
]
Edition = Annotated[
    str | None,
    typer.Option(
        "--edition",
        metavar="EDITION",
        help="Use this edition instead of the job's.",
        rich_help_panel=Panel.MAILING,
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        envvar="MAILBATCH_STATE_DIR",
        help="Where the ledgers lie; default: .mailbatch/ beside the job.",
        rich_help_panel=Panel.RECORD,
    ),
]
Ledger = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        metavar="URL",
        envvar="MAILBATCH_LEDGER",
        help="Keep the ledgers in this PostgreSQL database, as in postgresql:///mail.",
        rich_help_panel=Panel.RECORD,
    ),
]
Bundles = Annotated[
    Path | None,
    typer.Option(
        "--bundles",
        metavar="DIR",
        envvar="MAILBATCH_BUNDLES",
        help="A folder that the run and every worker share, for files of more than 64 MB.",
        rich_help_panel=Panel.RECORD,
    ),
]
Results = Annotated[
    Path | None,
    typer.Option(
        "--results", metavar="FILE", help="Write the results there.", rich_help_panel=Panel.RECORD
    ),
]
Failed = Annotated[
    Path | None,
    typer.Option(
        "--failed",
        metavar="FILE",
        help="Also write the unfinished recipients with their input columns.",
        rich_help_panel=Panel.RECORD,
    ),
]
Sessions = Annotated[
    int | None,
    typer.Option(
        "--sessions",
        metavar="N",
        min=1,
        max=1000,
        help="Parallel sessions, 1 to 1000.",
        rich_help_panel=Panel.PACE,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Write one JSON object to standard output.", rich_help_panel=Panel.OUTPUT
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print nothing unless something is wrong.",
        rich_help_panel=Panel.OUTPUT,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a variable; may be given several times.",
        rich_help_panel=Panel.MAILING,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="ADDRESS",
        help="Only the messages to this address, or to the recipient with this key; may be given "
        "several times.",
        rich_help_panel=Panel.WHOM,
    ),
]
AnswerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--answer",
        metavar="ANSWER",
        help="Let the sandbox answer COMMAND[:AFTER][:TIMES]=REPLY, as in "
        "'RCPT:10:1=452 4.2.2 Mailbox full'; may be given several times.",
        rich_help_panel=Panel.REHEARSE,
    ),
]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FILE",
        help="The store of reports; default: reports.sqlite3 in the state directory.",
        rich_help_panel=Panel.RECORD,
    ),
]
ApprovedPlan = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Say whether the mailing agrees with this approved plan; 65: it does not.",
        rich_help_panel=Panel.CARE,
    ),
]
