"""The arguments of each command, declared once, for help, reference and call.

A class has the arguments of one command, and `app` registers the class. Options of several commands
are declared in `options`. Every start of the program makes all of the classes: annotations are
objects here, evaluated once and not kept as text, and the classes have no methods but `__init__`.

    >>> ResultsArguments(Path("job.yaml"), quiet=True).failed is None
    True

Tests: tests/docs/test_generated.py.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mailbatch.cli.options import (
    AnswerOption,
    AsJson,
    Edition,
    Failed,
    JobArgument,
    JobOrFolder,
    Only,
    Quiet,
    Results,
    Sessions,
    Set,
    StateDir,
    Store,
)
from mailbatch.cli.run_options import Everything, MetricsFile, To, TranscriptFile


class Form(StrEnum):
    """The form of the findings that `check` writes."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunArguments:
    """The arguments of `mailbatch run`."""

    job: JobArgument
    edition: Edition = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Everything but the network: render and write .eml files to --out."
        ),
    ] = False
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox", help="Send to an embedded local server; the real mailing stays unsent."
        ),
    ] = False
    answers: AnswerOption = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Keep the messages there; else --dry-run: outbox/ by the job, --sandbox: none.",
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Send at most N messages.")
    ] = None
    only: Only = None
    to: To = None
    everything: Everything = False
    sessions: Sessions = None
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="R", help="Recipients per s, min or h: 600/min.")
    ] = None
    variables: Set = None
    state_dir: StateDir = None
    store: Store = None
    results: Results = None
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes", help="Go on although the message changed after somebody was mailed."
        ),
    ] = False
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Try those again who were refused for good.")
    ] = False
    new_mailing: Annotated[
        bool,
        typer.Option(
            "--new-mailing", help="Begin although most people seem to have this edition already."
        ),
    ] = False
    transcript: TranscriptFile = None
    metrics_file: MetricsFile = None
    canary: Annotated[
        bool,
        typer.Option(
            "--canary", help="Send the first step of the job's guard, then end: look, run again."
        ),
    ] = False
    no_guard: Annotated[
        bool,
        typer.Option("--no-guard", help="Send without the job's guard, whatever was reported."),
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a real send.")] = False
    as_json: AsJson = False
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Write each line on standard error as a JSON object."),
    ] = False
    quiet: Quiet = False


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
        ),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Show at most N messages; default 50."),
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="Show every message.")] = False
    only: Only = None
    state_dir: StateDir = None
    store: Store = None
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", metavar="DIR", help="Show what changed since the preview in DIR."
        ),
    ] = None
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Serve it on 127.0.0.1 and render again at every reload."),
    ] = False
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="For --serve; default 8026, 0 takes any free port."
        ),
    ] = None
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False
    as_json: AsJson = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CheckArguments:
    """The arguments of `mailbatch check`."""

    job: JobArgument
    edition: Edition = None
    variables: Set = None
    state_dir: StateDir = None
    store: Store = None
    connect: Annotated[
        bool,
        typer.Option(
            "--connect", help="Also greet the server, secure, authenticate and quit; sends nothing."
        ),
    ] = False
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end with 65, too.")] = False
    form: Annotated[
        Form,
        typer.Option("--format", help="text, json, or github: annotations of a pull request."),
    ] = Form.TEXT
    as_json: AsJson = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StatusArguments:
    """The arguments of `mailbatch status`."""

    job: JobOrFolder
    edition: Edition = None
    state_dir: StateDir = None
    store: Store = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResultsArguments:
    """The arguments of `mailbatch results`."""

    job: JobArgument
    edition: Edition = None
    results: Results = None
    failed: Failed = None
    state_dir: StateDir = None
    store: Store = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResolveArguments:
    """The arguments of `mailbatch resolve`."""

    job: JobArgument
    edition: Edition = None
    accepted: Annotated[
        bool, typer.Option("--accepted", help="They have the message: never send it again.")
    ] = False
    resend: Annotated[
        bool,
        typer.Option(
            "--resend", help="Send the identical message again at the next run; may arrive twice."
        ),
    ] = False
    skip: Annotated[bool, typer.Option("--skip", help="Leave them alone, whoever has it.")] = False
    from_reports: Annotated[
        bool,
        typer.Option(
            "--from-reports", help="Settle what a report proves: the server took the message."
        ),
    ] = False
    restored: Annotated[
        bool,
        typer.Option(
            "--restored", help="Go on from a ledger that was put back and may be an older copy."
        ),
    ] = False
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="ADDRESS",
            help="Only this address, or the recipient with this key; may be given several times.",
        ),
    ] = None
    store: Store = None
    state_dir: StateDir = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InitArguments:
    """The arguments of `mailbatch init`."""

    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Where to write; made if it is not there.", show_default=False
        ),
    ] = None
    template: Annotated[
        str, typer.Option("--template", "-t", metavar="NAME", help="What to start from.")
    ] = "newsletter"
    list_templates: Annotated[
        bool, typer.Option("--list", help="List the templates, one a line.")
    ] = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SandboxArguments:
    """The arguments of `mailbatch sandbox`."""

    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="Listen there; 0 takes any free port."
        ),
    ] = 2525
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep what comes in as .eml files.")
    ] = None
    answers: AnswerOption = None
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Post reports to the messages' URLs on this machine; serve the API."
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
        ),
    ] = None
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="KEY",
            help="For --report: the only key that the API takes; default: any.",
        ),
    ] = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExplainArguments:
    """The arguments of `mailbatch explain`."""

    code: Annotated[str, typer.Argument(metavar="CODE", help="As in MB131.", show_default=False)]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NoArguments:
    """The arguments of a command that has none."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsPullArguments:
    """The arguments of `mailbatch reports pull`."""

    job: JobArgument
    edition: Edition = None
    reports: Annotated[
        bool, typer.Option("--reports", help="Ask for the reports that are given once instead.")
    ] = False
    suppressions: Annotated[
        bool, typer.Option("--suppressions", help="Ask for the provider's suppression list.")
    ] = False
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Append that list to this one.")
    ] = None
    store: Store = None
    state_dir: StateDir = None
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
            show_default=False,
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
            metavar="[JOB]",
            help="A job file: its state directory takes the store.",
            show_default=False,
        ),
    ] = None
    listen: Annotated[
        str,
        typer.Option("--listen", metavar="HOST:PORT", help="Listen there; port 0 takes any."),
    ] = "127.0.0.1:8025"
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            envvar="MAILBATCH_REPORTS_TOKEN",
            help="The last part of the URL; default: one that is kept beside the store.",
        ),
    ] = None
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="The URL of a proxy before it, for the line that it prints.",
        ),
    ] = None
    basic: Annotated[
        Path | None,
        typer.Option("--basic", metavar="FILE", help="Ask for the USER:PASSWORD in this file."),
    ] = None
    header: Annotated[
        Path | None,
        typer.Option("--header", metavar="FILE", help="Ask for the header field in this file."),
    ] = None
    topics: Annotated[
        list[str] | None,
        typer.Option(
            "--topic",
            metavar="ARN",
            help="Check SNS: take this topic alone; may be given several times.",
        ),
    ] = None
    mailgun_key: Annotated[
        Path | None,
        typer.Option(
            "--mailgun-key", metavar="FILE", help="Check Mailgun: the signing key in this file."
        ),
    ] = None
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="Speak TLS: the chain, in PEM."),
    ] = None
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Speak TLS: the key, in PEM.")
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
        ),
    ] = False
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a line for each recipient there; - is standard output.",
        ),
    ] = None
    store: Store = None
    state_dir: StateDir = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsPageArguments:
    """The arguments of `mailbatch reports page`."""

    job: JobArgument
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="The folder of the page.", show_default=False),
    ]
    edition: Edition = None
    store: Store = None
    state_dir: StateDir = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportsSuppressArguments:
    """The arguments of `mailbatch reports suppress`."""

    job: JobArgument
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="FILE", help="The suppression list to append to.", show_default=False
        ),
    ]
    edition: Edition = None
    store: Store = None
    state_dir: StateDir = None
    quiet: Quiet = False
