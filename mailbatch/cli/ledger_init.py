"""`mailbatch ledger init`: two roles in a database, and what is left for a person to do.

Tests: tests/cli/test_ledger.py.
"""

from __future__ import annotations

from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.importing import importing
from mailbatch.cli.ledger_arguments import LedgerInitArguments
from mailbatch.cli.reporting import reporting
from mailbatch.ledger.postgres.address import shown


@reporting
def init_command(console: Console, given: LedgerInitArguments) -> int:
    """Make the roles, or print the SQL that does."""
    with importing():
        from mailbatch.delivery.ledgers import make_roles

    sql = make_roles(given.url, given.planner, given.worker, executes=not given.prints)
    if given.prints:
        console.write(sql)
        return ExitCode.DONE
    console.say(
        f"{shown(given.url)}: {given.planner} may plan and send, {given.worker} may send. Neither "
        "has a password from here: set them in psql with \\password, then name the one in the URL "
        "of run, and the other in that of work"
    )
    return ExitCode.DONE
