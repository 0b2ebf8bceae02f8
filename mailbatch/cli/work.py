"""`mailbatch work`: a worker without a job file, and the words about its end."""

from __future__ import annotations

import ipaddress
import os
import re

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.importing import importing
from mailbatch.cli.reporting import reporting
from mailbatch.cli.work_arguments import WorkArguments
from mailbatch.errors import UsageError
from mailbatch.ledger.postgres.address import shown

#: A domain, or an address literal (RFC 5321 4.1.3).
_HELLO = re.compile(r"[A-Za-z0-9.-]{1,255}|\[[A-Za-z0-9:.]{1,100}\]")


@reporting
def work_command(console: Console, given: WorkArguments) -> int:
    """Serve until no mailing is open, or a signal comes."""
    _check_usage(given)
    with importing():
        from mailbatch.delivery.places import state_of_worker
        from mailbatch.delivery.serving import WorkOptions, serve
        from mailbatch.delivery.signals import StoppedAtOnce
        from mailbatch.delivery.state import InDatabase, state_of
    state = state_of(None, given.ledger)
    if not isinstance(state, InDatabase):
        raise UsageError(
            "a worker sends the mailings of a database, and none is named",
            hint="--ledger postgresql://HOST/DATABASE, or MAILBATCH_LEDGER",
        )
    options = WorkOptions(
        sessions=given.sessions,
        forever=given.forever,
        source_address=given.source_address,
        hello=given.ehlo,
        state=state_of_worker(given.state_dir, os.environ),
        bundles=given.bundles,
    )
    try:
        with console.progress() as progress:
            served = serve(state.url, options, progress)
    except StoppedAtOnce as stopped:
        console.warn(
            "stopped at once; what may have arrived is in doubt: see mailbatch status of the job"
        )
        return 128 + stopped.signum
    if given.as_json:
        console.data(
            {
                "transactions": served.transactions,
                "sessions": served.sessions,
                "mailings": served.mailings,
                "interrupted": served.interrupted,
            }
        )
    console.say(
        f"{counted(served.transactions, 'message')} in {counted(served.sessions, 'session')}, "
        f"of {counted(served.mailings, 'mailing')}"
        f"{'; stopped by a signal' if served.interrupted else ''}"
    )
    if not (served.mailings or served.interrupted):  # a signal may end the wait for a database
        _say_unread(console, state.url)
    return ExitCode.UNFINISHED if served.interrupted else ExitCode.DONE


def _say_unread(console: Console, url: str) -> None:
    """Say of a worker without a mailing that it may be one of another user.

    Raises:
        LedgerError: the database cannot be asked (74).
    """
    from mailbatch.delivery.ledgers import unread_in

    unread = unread_in(url)
    if unread:
        console.say(
            f"{counted(len(unread), 'ledger')} in {shown(url)} may not be read by this user, and "
            "so no mailing of theirs was sent: name the worker of their planner in the URL"
        )


def _check_usage(given: WorkArguments) -> None:
    """Refuse an address that is none, and a name that cannot be said in EHLO."""
    if given.source_address is not None:
        try:
            ipaddress.ip_address(given.source_address)
        except ValueError:
            raise UsageError(
                f"--source-address {given.source_address}: not an IP address",
                hint="give an address of this machine, as in 192.0.2.7",
            ) from None
    if given.ehlo is not None and _HELLO.fullmatch(given.ehlo) is None:
        raise UsageError(
            f"--ehlo {given.ehlo}: neither a domain nor an address literal",
            hint="give the name of this machine in the DNS, as in mail1.example.com",
        )
