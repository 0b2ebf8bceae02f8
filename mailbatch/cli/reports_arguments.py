"""The arguments of each command of `mailbatch reports`, declared as those in `arguments`.

    >>> ReportsShowArguments(Path("job.yaml")).unmatched
    False

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.options import AsJson, Edition, JobArgument, Ledger, Quiet, StateDir, Store
from mailbatch.cli.panels import Panel


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsPullArguments:
    """The arguments of `mailbatch reports pull`."""

    job: JobArgument
    edition: Edition = None
    reports: Annotated[
        bool,
        typer.Option(
            "--reports",
            help="Ask for the reports that are given once instead.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = False
    suppressions: Annotated[
        bool,
        typer.Option(
            "--suppressions",
            help="Ask for the provider's suppression list.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = False
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FILE",
            help="Append that list to this one.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    store: Store = None
    state_dir: StateDir = None
    ledger: Ledger = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsReadArguments:
    """The arguments of `mailbatch reports read`."""

    job: JobArgument
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Mails (.eml), mboxes, Maildirs, saved webhooks (JSON, XML); - is standard input.",
        ),
    ]
    store: Store = None
    state_dir: StateDir = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsServeArguments:
    """The arguments of `mailbatch reports serve`."""

    job: Annotated[
        Path | None,
        typer.Argument(
            metavar="JOB",
            help="A job file: its state directory takes the store.",
        ),
    ] = None
    listen: Annotated[
        str,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Listen there; default: 127.0.0.1:8025, port 0 takes any.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = "127.0.0.1:8025"
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            envvar="MAILBATCH_REPORTS_TOKEN",
            help="The last part of the URL; default: one that is kept beside the store.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="The URL of a proxy before it, for the line that it prints.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    basic: Annotated[
        Path | None,
        typer.Option(
            "--basic",
            metavar="FILE",
            help="Ask for the USER:PASSWORD in this file.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    header: Annotated[
        Path | None,
        typer.Option(
            "--header",
            metavar="FILE",
            help="Ask for the header field in this file.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    topics: Annotated[
        list[str] | None,
        typer.Option(
            "--topic",
            metavar="ARN",
            help="Check SNS: take this topic alone; may be given several times.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    mailgun_key: Annotated[
        Path | None,
        typer.Option(
            "--mailgun-key",
            metavar="FILE",
            help="Check Mailgun: the signing key in this file.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--certificate",
            metavar="FILE",
            help="Speak TLS: the chain, in PEM.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="Speak TLS: the key, in PEM.",
            rich_help_panel=Panel.SERVER,
        ),
    ] = None
    store: Store = None
    state_dir: StateDir = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsShowArguments:
    """The arguments of `mailbatch reports show`."""

    job: JobArgument
    edition: Edition = None
    unmatched: Annotated[
        bool,
        typer.Option(
            "--unmatched",
            help="List the reports of no recipient, and the bodies not understood, too.",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = False
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a line for each recipient there; - is standard output.",
            rich_help_panel=Panel.RECORD,
        ),
    ] = None
    store: Store = None
    state_dir: StateDir = None
    ledger: Ledger = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsPageArguments:
    """The arguments of `mailbatch reports page`."""

    job: JobArgument
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The folder of the page.",
            rich_help_panel=Panel.RECORD,
        ),
    ]
    edition: Edition = None
    store: Store = None
    state_dir: StateDir = None
    ledger: Ledger = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsSuppressArguments:
    """The arguments of `mailbatch reports suppress`."""

    job: JobArgument
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            help="The suppression list to append to.",
            rich_help_panel=Panel.RECORD,
        ),
    ]
    edition: Edition = None
    store: Store = None
    state_dir: StateDir = None
    ledger: Ledger = None
    quiet: Quiet = False
