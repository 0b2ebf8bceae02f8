"""The commands and their options; what they do is in the module of the same name.

Options are declared here, those of several commands in `options`, so that `--help` and the
reference are one text.
"""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mailbatch import __version__
from mailbatch.cli.exit_codes import MEANING
from mailbatch.cli.options import (
    AnswerOption,
    AsJson,
    Edition,
    JobArgument,
    Only,
    Quiet,
    Results,
    Set,
    StateDir,
)
from mailbatch.cli.reports_app import app as reports_app

EXIT_CODES = "Exit codes: " + "; ".join(f"{int(c)} {text}" for c, text in MEANING.items()) + "."

#: In narrower terminals the boxes of the help would cut the names of the options.
_BOXES = 72


def _has_room_for_boxes() -> bool:
    """Tell whether help goes to a terminal that can show more than plain lines."""
    terminal = sys.stdout.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return terminal and shutil.get_terminal_size().columns >= _BOXES


app = typer.Typer(
    name="mailbatch",
    help="Converge a mailing to what a job file declares.",
    epilog="Start: mailbatch init letter, then mailbatch run letter/job.yaml --sandbox",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its dump of local variables would show secrets
    rich_markup_mode="rich" if _has_room_for_boxes() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"mailbatch {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", is_eager=True, callback=_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Converge a mailing to what a job file declares."""


@app.command(epilog=EXIT_CODES)
def run(
    job: JobArgument,
    edition: Edition = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Everything but the network: render and write .eml files to --out."
        ),
    ] = False,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox", help="Send to an embedded local server; the real mailing stays unsent."
        ),
    ] = False,
    answers: AnswerOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Keep the messages there; else --dry-run: outbox/ by the job, --sandbox: none.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Send at most N messages.")
    ] = None,
    only: Only = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="ADDRESS",
            help="Send each message to this address instead; the real mailing stays unsent.",
        ),
    ] = None,
    sessions: Annotated[
        int | None,
        typer.Option("--sessions", metavar="N", min=1, max=1000, help="Parallel sessions."),
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="R", help="Recipients per s, min or h: 600/min.")
    ] = None,
    variables: Set = None,
    state_dir: StateDir = None,
    results: Results = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes", help="Go on although the message changed after somebody was mailed."
        ),
    ] = False,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Try those again who were refused for good.")
    ] = False,
    new_mailing: Annotated[
        bool,
        typer.Option(
            "--new-mailing", help="Begin although most people seem to have this edition already."
        ),
    ] = False,
    transcript: Annotated[
        Path | None,
        typer.Option(
            "--transcript", metavar="FILE", help="Write the dialogue there, without secrets."
        ),
    ] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option(
            "--metrics-file",
            metavar="FILE",
            help="Write figures there for Prometheus' textfile collector.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before a real send.")
    ] = False,
    as_json: AsJson = False,
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Write each line on standard error as a JSON object."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Converge: plan, send, write the results.

    Run it again at any time: whoever has the message is left alone, whoever has not gets it.

    Example: mailbatch run newsletter.yaml --quiet
    """
    from mailbatch.cli import run as command

    _finish(command.run_command(**_given(locals())))


@app.command(epilog=EXIT_CODES)
def preview(
    job: JobArgument,
    edition: Edition = None,
    variables: Set = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where the gallery goes; default: preview/NAME beside the job.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Show at most N messages; default 50."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show every message.")] = False,
    only: Only = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", metavar="DIR", help="Show what changed since the preview in DIR."
        ),
    ] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Serve it on 127.0.0.1 and render again at every reload."),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="For --serve; default 8026, 0 takes any free port."
        ),
    ] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Render every message into a gallery to look at.

    It shows the rows worth looking at: every branch of the templates, extreme values, what is odd.

    Example: mailbatch preview newsletter.yaml --open
    """
    from mailbatch.cli import preview as command

    _finish(command.preview_command(**_given(locals())))


class Form(StrEnum):
    """How `check` writes what it found."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@app.command(epilog=EXIT_CODES)
def check(
    job: JobArgument,
    edition: Edition = None,
    variables: Set = None,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect", help="Also greet the server, secure, authenticate and quit; sends nothing."
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end with 65, too.")] = False,
    form: Annotated[
        Form,
        typer.Option("--format", help="text, json, or github: annotations of a pull request."),
    ] = Form.TEXT,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find every mistake in one go, without sending anything.

    Example: mailbatch check newsletter.yaml --strict
    """
    from mailbatch.cli import check as command

    _finish(command.check_command(**_given(locals())))


@app.command()
def status(
    job: JobArgument, edition: Edition = None, state_dir: StateDir = None, as_json: AsJson = False
) -> None:
    """Show where an edition stands, from the ledger.

    Example: mailbatch status newsletter.yaml --json
    """
    from mailbatch.cli import status as command

    _finish(command.status_command(**_given(locals())))


@app.command()
def results(
    job: JobArgument,
    edition: Edition = None,
    results: Results = None,
    failed: Annotated[
        Path | None,
        typer.Option(
            "--failed",
            metavar="FILE",
            help="Also write the unfinished recipients with their input columns.",
        ),
    ] = None,
    state_dir: StateDir = None,
    quiet: Quiet = False,
) -> None:
    """Write the results CSV again, from the ledger.

    Example: mailbatch results newsletter.yaml --failed again.csv
    """
    from mailbatch.cli import results as command

    _finish(command.results_command(**_given(locals())))


@app.command()
def resolve(
    job: JobArgument,
    edition: Edition = None,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="They have the message: never send it again.")
    ] = False,
    resend: Annotated[
        bool,
        typer.Option(
            "--resend", help="Send the identical message again at the next run; may arrive twice."
        ),
    ] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Leave them alone, whoever has it.")] = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored", help="Go on from a ledger that was put back and may be an older copy."
        ),
    ] = False,
    only: Annotated[
        str | None, typer.Option("--only", metavar="ADDRESS", help="Only this recipient.")
    ] = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """List what is in doubt, or settle it.

    In doubt means: the whole message was sent and the server's answer never came.

    Example: mailbatch resolve newsletter.yaml --resend --only ann@example.com
    """
    from mailbatch.cli import resolve as command

    _finish(command.resolve_command(**_given(locals())))


@app.command()
def init(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Where to write; made if it is not there.", show_default=False
        ),
    ] = None,
    template: Annotated[
        str, typer.Option("--template", "-t", metavar="NAME", help="What to start from.")
    ] = "newsletter",
    list_templates: Annotated[
        bool, typer.Option("--list", help="List the templates, one a line.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Start a job from a template that comes with mailbatch. Nothing is overwritten.

    Example: mailbatch init autumn --template event
    """
    from mailbatch.cli import init as command

    _finish(command.init_command(**_given(locals())))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the job file, for editors.

    Example: mailbatch schema > job.schema.json
    """
    from mailbatch.cli import schema as command

    _finish(command.schema_command())


@app.command()
def sandbox(
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="Listen there; 0 takes any free port."
        ),
    ] = 2525,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep what comes in as .eml files.")
    ] = None,
    answers: AnswerOption = None,
    quiet: Quiet = False,
) -> None:
    """Run a local server that answers like the provider.

    It listens on 127.0.0.1 only, delivers nothing, keeps nothing without --out. Ctrl-C stops it.

    --answer rehearses trouble. COMMAND is GREETING, EHLO, AUTH, MAIL, RCPT,
    DATA, END (of data), IDLE, RSET or QUIT; REPLY a code with text, or close.

    Example: mailbatch sandbox --port 2525 --out outbox
    """
    from mailbatch.cli import sandbox as command

    _finish(command.sandbox_command(**_given(locals())))


app.add_typer(reports_app)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a command, without what its function imported."""
    return {name: value for name, value in values.items() if name != "command"}


def _finish(code: int) -> None:
    raise typer.Exit(code)
