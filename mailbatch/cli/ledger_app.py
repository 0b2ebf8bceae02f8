"""The commands of `mailbatch ledger`; the modules `ledger_...` do the work.

Tests: tests/cli/test_ledger.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mailbatch.cli.command import Commands, command

if TYPE_CHECKING:
    from mailbatch.cli.ledger_arguments import LedgerArchiveArguments, LedgerInitArguments

app = typer.Typer(
    name="ledger",
    cls=Commands,
    help="Prepare and put away the ledgers in a database.",
)


@command(app, "ledger_arguments")
def init(arguments: LedgerInitArguments) -> int:
    """Make two roles with the least rights in a database: for runs, and for workers.

    They have no password yet. Made again, nothing changes.

    Example: mailbatch ledger init postgresql:///mail
    """
    from mailbatch.cli.ledger_init import init_command

    return init_command(arguments)


@command(app, "ledger_arguments")
def archive(arguments: LedgerArchiveArguments) -> int:
    """Write the results of an edition, then drop its recipients from the database.

    That the edition was sent stays known: no run mails it again.

    Example: mailbatch ledger archive newsletter.yaml --edition 2026-W48
    """
    from mailbatch.cli.ledger_archive import archive_command

    return archive_command(arguments)


@app.callback()
def _root() -> None:
    """Prepare and put away the ledgers in a database."""
