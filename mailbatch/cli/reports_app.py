"""The commands of `mailbatch reports`; the module `reports` does the work.

Tests: tests/cli/test_reports.py, tests/cli/test_reports_page.py, tests/cli/test_reports_pull.py,
tests/cli/test_reports_serve.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mailbatch.cli.command import Commands, command

if TYPE_CHECKING:
    from mailbatch.cli.reports_arguments import (
        ReportsPageArguments,
        ReportsPullArguments,
        ReportsReadArguments,
        ReportsServeArguments,
        ReportsShowArguments,
        ReportsSuppressArguments,
    )

app = typer.Typer(
    name="reports",
    cls=Commands,
    help="Join bounces and reports with the recipients of an edition.",
)


@command(app, "reports_arguments")
def pull(arguments: ReportsPullArguments) -> int:
    """Ask the provider for the log of a mailing, and keep what it answers.

    The provider's log reaches back 48 hours. Ask as often as you like.

    Example: mailbatch reports pull newsletter.yaml
    """
    from mailbatch.cli.reports_pull import pull_command

    return pull_command(arguments)


@command(app, "reports_arguments")
def read(arguments: ReportsReadArguments) -> int:
    """Read bounces, complaints and saved reports. The files stay as they are.

    Example: mailbatch reports read newsletter.yaml Maildir/
    """
    from mailbatch.cli.reports import read_command

    return read_command(arguments)


@command(app, "reports_arguments")
def serve(arguments: ReportsServeArguments) -> int:
    """Take the reports that providers post, and keep them until they are read.

    Prints the URL for notify_url and tracking_url of the job. Ctrl-C stops it.

    Example: mailbatch reports serve newsletter.yaml --url https://hooks.example.com
    """
    from mailbatch.cli.reports_serve import serve_command

    return serve_command(arguments)


@command(app, "reports_arguments")
def show(arguments: ReportsShowArguments) -> int:
    """Show where the recipients stand by their reports.

    Example: mailbatch reports show newsletter.yaml --csv fate.csv
    """
    from mailbatch.cli.reports import show_command

    return show_command(arguments)


@command(app, "reports_arguments")
def page(arguments: ReportsPageArguments) -> int:
    """Write a page of figures and recipients, for a browser.

    How many stand where, over time, by domain and by reason, and a list to search. The page has the
    addresses: keep it as you keep the results.

    Example: mailbatch reports page newsletter.yaml --out page/
    """
    from mailbatch.cli.reports_page import page_command

    return page_command(arguments)


@command(app, "reports_arguments")
def suppress(arguments: ReportsSuppressArguments) -> int:
    """Append bounced addresses and complaints to a suppression list.

    Unsubscriptions are appended, too; a bounce only if its code speaks of the address.

    Example: mailbatch reports suppress newsletter.yaml --to bounced.csv
    """
    from mailbatch.cli.reports import suppress_command

    return suppress_command(arguments)
