"""The commands of `mailbatch reports` and their options; what they do is in `reports`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mailbatch.cli.options import AsJson, Edition, JobArgument, Quiet, StateDir

Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FILE",
        help="The store of reports; default: reports.sqlite3 in the state directory.",
    ),
]

app = typer.Typer(
    name="reports",
    help="Join bounces and reports with the recipients of an edition.",
    no_args_is_help=True,
)


@app.command()
def read(
    job: JobArgument,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Mails (.eml), mboxes, Maildirs, saved webhooks (JSON, XML); - is standard input.",
            show_default=False,
        ),
    ],
    store: Store = None,
    state_dir: StateDir = None,
    quiet: Quiet = False,
) -> None:
    """Read bounces, complaints and saved reports. The files stay as they are.

    Example: mailbatch reports read newsletter.yaml Maildir/
    """
    from mailbatch.cli import reports as command

    _finish(command.read_command(**_given(locals())))


@app.command()
def show(
    job: JobArgument,
    edition: Edition = None,
    unmatched: Annotated[
        bool,
        typer.Option("--unmatched", help="List the reports that are of no recipient, too."),
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write a line for each recipient there."),
    ] = None,
    store: Store = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show where the recipients stand by their reports.

    Example: mailbatch reports show newsletter.yaml --csv fate.csv
    """
    from mailbatch.cli import reports as command

    _finish(command.show_command(**_given(locals())))


@app.command()
def suppress(
    job: JobArgument,
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="FILE", help="The suppression list to append to.", show_default=False
        ),
    ],
    edition: Edition = None,
    store: Store = None,
    state_dir: StateDir = None,
    quiet: Quiet = False,
) -> None:
    """Append bounced addresses and complaints to a suppression list.

    Unsubscriptions are appended, too; a bounce only if its code speaks of the address.

    Example: mailbatch reports suppress newsletter.yaml --to bounced.csv
    """
    from mailbatch.cli import reports as command

    _finish(command.suppress_command(**_given(locals())))


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a command, without what its function imported."""
    return {name: value for name, value in values.items() if name != "command"}


def _finish(code: int) -> None:
    raise typer.Exit(code)
