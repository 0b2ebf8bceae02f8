"""`mailbatch forget`: a person goes from files and ledgers, and is mailed no more by that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.evidence_arguments import ForgetArguments
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import as_on_the_wire, reporting, shown
from mailbatch.delivery.state import state_of, url_of
from mailbatch.errors import LedgerLocked, UsageError
from mailbatch.ledger.postgres.address import shown as shown_url

if TYPE_CHECKING:
    from mailbatch.delivery.forgetting import Found
    from mailbatch.delivery.state import State


@reporting
def forget_command(console: Console, given: ForgetArguments) -> int:
    """List the traces of a person, ask, forget, and return the exit code."""
    from mailbatch.delivery.forgetting import forget, look

    address = as_on_the_wire(given.address) or given.address
    folder = given.folder or Path()
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", hint="name the folder of the jobs")
    if not address.strip() or "@" not in address:
        raise UsageError(f"{given.address}: no address", hint="give an address: ann@example.com")
    state = state_of(given.state_dir, given.ledger)
    found = look(folder, state, address)
    _check(found)
    for place in found.unread:
        console.warn(
            f"{place}: this user may not read the ledger: a person who stands there is not "
            "forgotten; name another user in the URL"
        )
    lines = _listed(found)
    for line in lines:
        console.say(line)
    if not found:
        _check_address(given.address)
        other = "other " if found.unread else ""
        kinds = f"{other}ledger, store, dialogue or results file"
        console.say(f"{address} stands in no {kinds} of {_places(folder, state)}")
    elif not given.yes and not _agreed(console, address):
        console.say("nothing was changed")
        return _told(console, given, found, forgotten=False)
    if found or given.yes:  # also where one that died has masked all, and not written it anew
        forget(found)
    if found:
        console.say(f"{address} is forgotten; tables, lists and other files of yours are as before")
    return _told(console, given, found, forgotten=bool(found))


def _places(folder: Path, state: State) -> str:
    """Return the places that were looked at, in words: the folder, and a database."""
    url = url_of(state)
    return shown(folder) if url is None else f"{shown(folder)} and {shown_url(url)}"


def _agreed(console: Console, address: str) -> bool:
    """Ask at a terminal; without one the answer is no."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        return console.ask(f"Forget {address} there? This cannot be undone.")
    console.say("add --yes to forget without a question")
    return False


def _check_address(text: str) -> None:
    """Refuse a text that is found nowhere and is no address, as of a name with an address.

    Raises:
        UsageError: the text is none.
    """
    from mailbatch.recipients.address import parse_address

    try:
        parse_address(text)
    except ValueError as error:
        raise UsageError(
            f"{text}: {error}", hint="give the address alone: ann@example.com"
        ) from None


def _check(found: Found) -> None:
    """Refuse while a run holds a ledger, or a doubt is open: its letter could not be sent again.

    Raises:
        LedgerLocked: a run is under way (75).
        UsageError: the person is in doubt.
    """
    for ledger in found.ledgers:
        if ledger.busy is not None:
            raise LedgerLocked(
                f"{shown(ledger.place)}: a run holds this edition: {ledger.busy}",
                hint="wait for its end; nothing was changed",
            )
        if ledger.in_doubt:
            raise UsageError(
                f"{shown(ledger.place)}: the person is in doubt",
                hint="settle that first: mailbatch resolve JOB --accepted or --skip",
            )


def _listed(found: Found) -> list[str]:
    lines = []
    for one in found.ledgers:
        mailed = f"{one.mailed:,} with a message" if one.mailed else "no message"
        if one.rehearsed:
            lines.append(f"{shown(one.place)}: a rehearsal, removed as a whole")
            continue
        unsent = f", {one.unsent:,} that will get none" if one.unsent else ""
        lines.append(f"{shown(one.place)}: {counted(one.rows, 'row')}, {mailed}{unsent}")
    for store, bodies in found.stores:
        lines.append(f"{shown(store)}: {counted(bodies, 'body', 'bodies')} of reports")
    for path, number in found.dialogues:
        lines.append(f"{shown(path)}: {counted(number, 'dialogue')} with the server")
    lines += [f"{shown(path)}: results" for path in found.results]
    return lines


def _told(console: Console, given: ForgetArguments, found: Found, *, forgotten: bool) -> int:
    if given.as_json:
        console.data(
            {
                "forgotten": forgotten,
                "ledgers": {str(one.place): one.rows for one in found.ledgers},
                "unread": [str(place) for place in found.unread],
                "stores": {str(path): bodies for path, bodies in found.stores},
                "dialogues": {str(path): number for path, number in found.dialogues},
                "results": [str(path) for path in found.results],
            }
        )
    return ExitCode.STORAGE if found.unread else ExitCode.DONE
