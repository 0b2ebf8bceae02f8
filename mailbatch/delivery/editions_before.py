"""The editions before an edition, for `message.thread`: which these are, chosen once.

    choose(job, "2026-W48", state, BY_ADDRESS, until=now, idle=True)  # (Before("2026-W47", …), …)

The edition before is the one of the same job, with its ledger kept in the same place, that was
begun last before this one; an edition is begun by its first attempt. Behind it stand the editions
of its own thread, the last ones of them. The choice becomes a fact of the ledger before the first
lease, so that a resend has the same bytes. This module must never write, nor pass over a ledger
that cannot be read.

Tests: tests/cli/test_thread.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.ledgers import (
    LedgerPlace,
    begun_editions,
    is_begun,
    lost_editions,
    open_to_read,
    place_of,
    remedy,
    written_at,
)
from mailbatch.errors import LedgerError, LedgerLocked, Reason, RecipientError
from mailbatch.ledger.rows import Before

if TYPE_CHECKING:
    from mailbatch.delivery.state import State
    from mailbatch.identity import Identity
    from mailbatch.job.model import Job
    from mailbatch.ledger.ports import OpenLedger

#: The Message-IDs in References: each costs a lookup, and readers look at the last ones.
MOST = 10
_LEAVE_OUT = "without message.thread no earlier edition is asked"


def choose(
    job: Job, edition: str, state: State, identity: Identity, *, until: float, idle: bool
) -> tuple[Before, ...]:
    """Return the editions before an edition, the last one first; empty where none was begun.

    `until` is when the edition itself was begun, or is (seconds since the epoch). With `idle` an
    edition before that is sent right now is refused: whom servers have accepted is not recorded
    yet.

    Raises:
        LedgerError: a ledger is gone or cannot be read (74); `LedgerLocked` (75) by `idle`.
        RecipientError: the edition before tells its recipients apart by other columns.
    """
    found: tuple[float, str] | None = None
    for other in begun_editions(job, state):
        place = place_of(job, other, state)
        if other == edition or (found is not None and _was_left(place, before=found[0])):
            continue
        with open_earlier(job, other, place) as ledger, telling(job):
            began = ledger.standing.began_at()
        if began is not None and began < until:
            found = max(found or (began, other), (began, other))
    for lost, at in lost_editions(job, state):
        if lost != edition and (found is None or at > found[0]):
            raise gone(lost, place_of(job, lost, state))
    if found is None:
        return ()
    with _before(job, found[1], state, identity, idle=idle) as ledger:
        first = Before(found[1], ledger.thread.ledger, until)
        further = [
            one._replace(until=min(one.until, until))
            for one in ledger.thread.before() or ()
            if one.edition != edition
        ]
    return (first, *_there(job, further[: MOST - 1], state))


@contextmanager
def _before(
    job: Job, edition: str, state: State, identity: Identity, *, idle: bool
) -> Iterator[OpenLedger]:
    """Open the ledger of the edition before, which has to know the same recipients."""
    with open_earlier(job, edition, place_of(job, edition, state)) as ledger, telling(job):
        check_identity(job, ledger, identity)
        if idle:
            try:
                ledger.check_idle()
            except LedgerLocked as error:
                raise LedgerLocked(
                    f"message.thread: edition {edition} comes before this one, and is not at its "
                    f"end: {error}",
                    hint="run this edition again when that run has ended",
                ) from None
        yield ledger


def _there(job: Job, before: Iterable[Before], state: State) -> Iterator[Before]:
    """Yield the editions of an earlier thread, up to the first one whose ledger is not there."""
    for one in before:
        place = place_of(job, one.edition, state)
        if not is_begun(place):
            return
        with open_earlier(job, one.edition, place) as ledger, telling(job):
            if not is_same(one, ledger):
                return
        yield one


def is_same(one: Before, ledger: OpenLedger) -> bool:
    """Say whether a ledger is the one that was chosen, and not of the edition begun anew."""
    return not one.ledger or ledger.thread.ledger == one.ledger


def _was_left(place: LedgerPlace, *, before: float) -> bool:
    """Say whether a ledger was written for the last time before an instant, as far as files tell.

    Seconds since the epoch. A file that was copied or put back since is looked into.
    """
    return isinstance(place, Path) and written_at(place) < before


def open_earlier(job: Job, edition: str, place: LedgerPlace) -> OpenLedger:
    """Open the ledger of an earlier edition to read.

    Raises:
        LedgerError: the ledger is gone or cannot be read, said with the key that asks for it (74).
    """
    if not is_begun(place):
        raise gone(edition, place)
    with telling(job):
        return open_to_read(place)


@contextmanager
def telling(job: Job) -> Iterator[None]:
    """Say of a ledger that cannot be read why it is read at all.

    Raises:
        LedgerError: a ledger cannot be read, said with the key that asks for it (74).
    """
    try:
        yield
    except LedgerLocked:
        raise
    except LedgerError as error:
        hint = _LEAVE_OUT if error.hint is None else f"{error.hint}; {_LEAVE_OUT}"
        place = job.locate("message.thread")
        said = f"{place}: message.thread asks an earlier edition: {error}"
        raise LedgerError(said, hint=hint) from error


def check_identity(job: Job, ledger: OpenLedger, identity: Identity) -> None:
    """Refuse an earlier edition whose recipients have other keys.

    Raises:
        RecipientError: the same recipient cannot be found there.
    """
    before = ledger.standing.identity()
    if before == identity:
        return
    names = [job.recipients.address if name is None else name for name in before.names]
    key = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    raise RecipientError(
        f"message.thread: edition {ledger.edition} tells recipients apart by {before}, this one "
        f"by {identity}: the same recipient cannot be found there",
        location=job.locate("recipients.key" if job.recipients.key else "recipients"),
        hint=f"`key: {key}` under `recipients:` is that of edition {ledger.edition}; {_LEAVE_OUT}",
        reason=Reason.NO_THREAD,
    )


def gone(edition: str, place: LedgerPlace, found: str | None = None) -> LedgerError:
    """Return the error of an earlier edition whose ledger is gone; `found` tells of another one."""
    also = "" if found is None else f": {found}"
    return LedgerError(
        f"{place}: the ledger of edition {edition} is gone{also}; message.thread asks it which "
        "message each recipient had",
        hint=f"{remedy(place)}; {_LEAVE_OUT}",
    )
