"""The ledger that a command is to look at; where there is none, the next step.

An edition that was only rehearsed has its ledger in the folder of rehearsals, and the next step is
to look there, not to mail it. This module must never open a ledger.

Tests: tests/cli/test_rehearsed.py, tests/cli/test_reports.py.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from mailbatch.cli.reporting import shown
from mailbatch.errors import LedgerError

if TYPE_CHECKING:
    from mailbatch.delivery.ledgers import LedgerPlace
    from mailbatch.delivery.state import State
    from mailbatch.job.model import Job

#: Editions that are named where the one asked for has no ledger.
_EDITIONS_NAMED = 3


def ledger_to_look_at(job: Job, edition: str, state: State) -> LedgerPlace:
    """Return the place of the ledger of an edition.

    A ledger that is gone, and that other files know of, has a place: its opening tells the failure.

    Raises:
        LedgerError: there is none, and the next step is known; or the system cannot tell (74).
    """
    from mailbatch.delivery.ledgers import is_known, is_rehearsed, place_of

    place = place_of(job, edition, state)
    if is_known(place):
        return place
    steps = []
    if (rehearsed := where_rehearsed(job, edition, state)) is not None:
        steps.append(rehearsed)
    elif is_rehearsed(place):
        steps.append(f"mailbatch run {quote(shown(job.path))} --sandbox makes it")
    newest = _newest_editions(job, state)
    if newest:
        has = "was rehearsed" if is_rehearsed(place) else "was sent"
        steps.append(f"name an edition that {has}: --edition {' or '.join(map(quote, newest))}")
    if not steps:
        return place
    raise LedgerError(f"{place}: there is no ledger of this edition", hint="; ".join(steps))


def where_rehearsed(job: Job, edition: str, state: State) -> str | None:
    """Return the next step to the kept rehearsal of an edition; None where none is kept."""
    from mailbatch.delivery.ledgers import is_begun
    from mailbatch.delivery.places import ledger_path, rehearsal_dir
    from mailbatch.delivery.state import folder_of

    kept = rehearsal_dir(job, state)
    if not is_begun(ledger_path(job, edition, kept)):
        return None
    does = "add" if folder_of(state) is None else "use"
    return f"it was rehearsed: {does} --state-dir {quote(shown(kept))}"


def _newest_editions(job: Job, state: State) -> list[str]:
    """Return the editions of the job that have a ledger, the one written last first; few of them.

    Empty where the state cannot be read: opening the ledger tells the reason.
    """
    from mailbatch.delivery.ledgers import begun_editions

    try:
        return begun_editions(job, state)[:_EDITIONS_NAMED]
    except LedgerError:
        return []
