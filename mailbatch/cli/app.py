"""The commands and the text of their help; the module of the same name does the work.

The options are declared in `arguments`, so that `--help` and the reference are one text.

Tests: tests/docs/test_generated.py, tests/cli/test_other_commands.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailbatch import __version__
from mailbatch.cli.answer import answer
from mailbatch.cli.command import Commands, command
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_app import app as ledger_app
from mailbatch.cli.panels import Panel
from mailbatch.cli.reporting import reporting
from mailbatch.cli.reports_app import app as reports_app

if TYPE_CHECKING:
    from mailbatch.cli.arguments import (
        CheckArguments,
        ExplainArguments,
        InitArguments,
        NoArguments,
        PlanArguments,
        PreviewArguments,
    )
    from mailbatch.cli.console import Console
    from mailbatch.cli.correct_arguments import CorrectArguments
    from mailbatch.cli.evidence_arguments import EvidenceArguments, ForgetArguments
    from mailbatch.cli.ledger_arguments import ResolveArguments, ResultsArguments, StatusArguments
    from mailbatch.cli.mcp_arguments import McpArguments
    from mailbatch.cli.run_arguments import RunArguments
    from mailbatch.cli.sandbox_arguments import SandboxArguments
    from mailbatch.cli.work_arguments import WorkArguments

#: What people call a command before they have read the list.
_SYNONYMS = {
    "send": "run",
    "mail": "run",
    "start": "run",
    "test": "check",
    "list": "status",
    "help": "mailbatch --help",
    "version": "mailbatch --version",
}


class MailbatchCommands(Commands):
    """The commands; a usual word for another one is told which one is meant."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Resolve the command as usual, or fail with the name of the one that is meant."""
        meant = _SYNONYMS.get(args[0]) if args else None
        if meant is not None:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{meant}'?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="mailbatch",
    cls=MailbatchCommands,
    help="Send a newsletter or mailing that is described in files.",
    epilog="Start: mailbatch init letter, then mailbatch run letter/job.yaml --sandbox",
    pretty_exceptions_enable=False,  # its dump of local variables would show secrets
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        answer(f"mailbatch {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            is_eager=True,
            callback=_version,
            help="Print the version.",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = False,
) -> None:
    """Send a newsletter or mailing that is described in files."""


@command(app, "run_arguments")
def run(arguments: RunArguments) -> int:
    """Send to those who do not have it yet, and write the results.

    Run it again at any time: a recipient who has the message is left alone.

    Example: mailbatch run newsletter.yaml
    """
    from mailbatch.cli.run import run_command

    return run_command(arguments)


@command(app, "work_arguments")
def work(arguments: WorkArguments) -> int:
    """Help to send the mailings of a database, without a job file.

    Job, templates and files come from the database, secrets from this machine.

    Example: mailbatch work --ledger postgresql:///mail --sessions 16
    """
    from mailbatch.cli.work import work_command

    return work_command(arguments)


@command(app, "arguments")
def preview(arguments: PreviewArguments) -> int:
    """Render every message into a gallery to look at.

    It shows the rows worth looking at: every branch of the templates, extreme values, what is odd.

    Example: mailbatch preview newsletter.yaml --open
    """
    from mailbatch.cli.preview import preview_command

    return preview_command(arguments)


@command(app, "arguments")
def plan(arguments: PlanArguments) -> int:
    """Fix who gets which message, in a file to approve.

    The file holds a digest of each row and of its message, and no address. `run --plan` sends
    exactly that or nothing.

    Example: mailbatch plan newsletter.yaml -o newsletter.plan
    """
    from mailbatch.cli.plan import plan_command

    return plan_command(arguments)


@command(app, "arguments")
def check(arguments: CheckArguments) -> int:
    """Find every mistake in one go, without sending anything.

    Example: mailbatch check newsletter.yaml
    """
    from mailbatch.cli.check import check_command

    return check_command(arguments)


@command(app, "arguments")
def explain(arguments: ExplainArguments) -> int:
    """Explain a code of `check`: why it matters, and how to mend it.

    Example: mailbatch explain MB131
    """
    from mailbatch.cli.explain import explain_command

    return explain_command(arguments)


@command(app, "ledger_arguments")
def status(arguments: StatusArguments) -> int:
    """Show where an edition stands, or list the editions of a folder.

    Example: mailbatch status newsletter.yaml
    """
    from mailbatch.cli.status import status_command

    return status_command(arguments)


@command(app, "ledger_arguments")
def results(arguments: ResultsArguments) -> int:
    """Write the results CSV again, from the ledger.

    Example: mailbatch results newsletter.yaml --failed again.csv
    """
    from mailbatch.cli.results import results_command

    return results_command(arguments)


@command(app, "ledger_arguments")
def resolve(arguments: ResolveArguments) -> int:
    """List what is in doubt, or settle it.

    In doubt means: the whole message was sent and the server's answer never came.

    Example: mailbatch resolve newsletter.yaml --resend --only ann@example.com
    """
    from mailbatch.cli.resolve import resolve_command

    return resolve_command(arguments)


@command(app, "correct_arguments")
def correct(arguments: CorrectArguments) -> int:
    """Put a letter with a mistake right: stop the edition, and go on with another job file.

    Recipients without the letter get the mended one; those with the wrong one get the correction,
    in its thread, once; all others get nothing. The same command goes on behind a crash.

    Example: mailbatch correct news.yaml --with mended.yaml --preview both
    """
    from mailbatch.cli.correct import correct_command

    return correct_command(arguments)


@command(app, "evidence_arguments")
def evidence(arguments: EvidenceArguments) -> int:
    """Prove what was sent to one person, in files that others can check.

    The bytes are made again, and written only where their digest is that of the message that left.

    Example: mailbatch evidence job.yaml --only ann@example.com --out ann
    """
    from mailbatch.cli.evidence import evidence_command

    return evidence_command(arguments)


@command(app, "evidence_arguments")
def forget(arguments: ForgetArguments) -> int:
    """Forget a person in the files of a folder, and in a database of ledgers.

    Address and cells go from ledgers, reports and results. Figures stay, and so does the fact that
    the person was mailed. Without --yes it lists what it would do, and asks.

    Example: mailbatch forget ann@example.com newsletters
    """
    from mailbatch.cli.forget import forget_command

    return forget_command(arguments)


@command(app, "arguments")
def init(arguments: InitArguments) -> int:
    """Start a job from a template that comes with mailbatch. Nothing is overwritten.

    Example: mailbatch init autumn --template event
    """
    from mailbatch.cli.init import init_command

    return init_command(arguments)


@command(app, "arguments")
@reporting
def schema(console: Console, arguments: NoArguments) -> int:  # noqa: ARG001 - it has none
    """Print the JSON Schema of the job file, for editors.

    Example: mailbatch schema > job.schema.json
    """
    from mailbatch.job.schema import schema_text

    console.write(schema_text())
    return ExitCode.DONE


@command(app, "sandbox_arguments")
def sandbox(arguments: SandboxArguments) -> int:
    """Run a local server that answers like the provider.

    It listens on 127.0.0.1 only, delivers nothing, keeps nothing without --out. Ctrl-C stops it.

    With --report it tells what became of the messages, by post and by its HTTP API.

    --answer rehearses trouble. COMMAND is GREETING, EHLO, AUTH, MAIL, RCPT,
    DATA, END (of data), IDLE, RSET or QUIT; REPLY a code with text, or close.

    Example: mailbatch sandbox --port 2525 --out outbox
    """
    from mailbatch.cli.sandbox import sandbox_command

    return sandbox_command(arguments)


@command(app, "mcp_arguments")
def mcp(arguments: McpArguments) -> int:
    """Offer check, preview and status to programs that speak MCP, over stdin and stdout.

    With --allow-run also run, which sends only what a plan of --plan says.

    Example: mailbatch mcp newsletters --allow-run --plan may.plan
    """
    from mailbatch.cli.mcp import mcp_command

    return mcp_command(arguments)


app.add_typer(reports_app)
app.add_typer(ledger_app)
