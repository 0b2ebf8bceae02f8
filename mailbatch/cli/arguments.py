"""The arguments of each command, declared once, for help, reference and call.

A class has the arguments of one command, and `app` registers the module of the class, which a call
of the command imports. Options of several commands are declared in `options`. Annotations are
objects here, evaluated once and not kept as text, and the classes have no methods but `__init__`.

    >>> CheckArguments(Path("job.yaml"), quiet=True).connect
    False

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.check_options import Connect, Links, ResolverAddress, UnsubscribeTest
from mailbatch.cli.options import (
    ApprovedPlan,
    AsJson,
    Edition,
    JobArgument,
    Ledger,
    Only,
    Quiet,
    Set,
    StateDir,
    Store,
)
from mailbatch.cli.panels import Panel


class Form(StrEnum):
    """The form of the findings that `check` writes."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PreviewArguments:
    """The arguments of `mailbatch preview`."""

    job: JobArgument
    edition: Edition = None
    variables: Set = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where the gallery goes; default: preview/NAME beside the job.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="Show at most N messages; default 50.",
            rich_help_panel=Panel.WHOM,
        ),
    ] = None
    everything: Annotated[
        bool, typer.Option("--all", help="Show every message.", rich_help_panel=Panel.WHOM)
    ] = False
    only: Only = None
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="DIR",
            help="Show what changed since the preview in DIR.",
            rich_help_panel=Panel.GALLERY,
        ),
    ] = None
    plan: ApprovedPlan = None
    eml: Annotated[
        Path | None,
        typer.Option(
            "--eml",
            metavar="DIR",
            help="Also write the messages that are shown there, as .eml files.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve it on 127.0.0.1; open pages follow the files.",
            rich_help_panel=Panel.GALLERY,
        ),
    ] = False
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="N",
            min=0,
            max=65535,
            help="For --serve; default 8026, 0 takes any free port.",
            rich_help_panel=Panel.GALLERY,
        ),
    ] = None
    browse: Annotated[
        bool, typer.Option("--open", help="Open it in the browser.", rich_help_panel=Panel.GALLERY)
    ] = False
    pdf: Annotated[
        Path | None,
        typer.Option(
            "--pdf",
            metavar="FILE",
            help="Write one message as PDF, the first or that of --only; needs Chromium.",
            rich_help_panel=Panel.PICTURE,
        ),
    ] = None
    png: Annotated[
        Path | None,
        typer.Option(
            "--png",
            metavar="FILE",
            help="The same as a picture.",
            rich_help_panel=Panel.PICTURE,
        ),
    ] = None
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            metavar="N",
            min=200,
            max=2000,
            help="For --png, in pixels; default 640, and a phone has 390.",
            rich_help_panel=Panel.PICTURE,
        ),
    ] = None
    as_json: AsJson = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlanArguments:
    """The arguments of `mailbatch plan`."""

    job: JobArgument
    edition: Edition = None
    variables: Set = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where the plan goes; default: standard output.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    as_json: AsJson = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CheckArguments:
    """The arguments of `mailbatch check`."""

    job: JobArgument
    edition: Edition = None
    variables: Set = None
    state_dir: StateDir = None
    ledger: Ledger = None
    store: Store = None
    connect: Connect = False
    links: Links = False
    unsubscribe_test: UnsubscribeTest = None
    resolver: ResolverAddress = None
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Warnings end with 65, too.", rich_help_panel=Panel.OUTPUT),
    ] = False
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text, json, or github (annotations of a pull request); default: text.",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = Form.TEXT
    as_json: AsJson = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InitArguments:
    """The arguments of `mailbatch init`."""

    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where to write; made if it is not there."),
    ] = None
    template: Annotated[
        str,
        typer.Option(
            "--template",
            "-t",
            metavar="NAME",
            help="What to start from; default: newsletter.",
            rich_help_panel=Panel.MAILING,
        ),
    ] = "newsletter"
    list_templates: Annotated[
        bool,
        typer.Option(
            "--list", help="List the templates, one a line.", rich_help_panel=Panel.MAILING
        ),
    ] = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExplainArguments:
    """The arguments of `mailbatch explain`."""

    code: Annotated[str, typer.Argument(metavar="CODE", help="As in MB131.")]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NoArguments:
    """The arguments of a command that has none."""
