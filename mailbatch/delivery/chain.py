"""The chain of a correction: the edition that was sent first, and its corrections so far.

    chain = Chain([first, second], thread)     # 48, and 48.corrected, which corrects 48
    chain.had(["ann@example.com"])             # the letter that counts, of the one or the other
    chain.place(deliveries)                    # behind each letter that the recipient has

A recipient of a correction may have the letter of the edition before, which was right at the time,
or wait for one. This module must never judge a letter, nor write a ledger.

Tests: tests/cli/test_correct.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mailbatch.delivery.ledgers import corrections_of, is_begun, open_to_read, place_of
from mailbatch.delivery.succession import part_of
from mailbatch.envelope import Delivery, Recipient, address_key
from mailbatch.errors import JobError
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from mailbatch.delivery.state import State
    from mailbatch.delivery.thread import Thread
    from mailbatch.job.model import Job
    from mailbatch.ledger.corrected import Correcting, Had
    from mailbatch.ledger.ports import OpenLedger

#: Later than any acceptance: a doubt of a corrected edition may be settled at any time.
ALWAYS = 253_402_300_799.0  # 9999-12-31, in seconds since the epoch
#: The recipients without the letter, as an edition has them.
WITHOUT = frozenset((Status.PENDING, Status.DEFERRED, Status.WITHDRAWN, Status.INVALID))


class Held(NamedTuple):
    """The letter that a recipient of a chain has, or waits for; `level` is that of its edition.

    The first edition has the level 0. `is_wrong`: a correction of the letter was to come, and never
    came.
    """

    had: Had
    level: int
    is_wrong: bool = False


class Chain:
    """The editions of a chain by their open ledgers, the first one first; `thread` is before."""

    def __init__(self, ledgers: Sequence[OpenLedger], thread: Thread | None) -> None:
        self._ledgers = list(ledgers)
        self._thread = thread
        self._parts = [corrections_in(one) for one in ledgers]
        self._correction: Correcting | None = None

    @property
    def last(self) -> int:
        """The level of the last edition, which is corrected."""
        return len(self._ledgers) - 1

    @property
    def corrections(self) -> Correcting:
        """The part of the last edition."""
        return self._parts[-1]

    def reopened(self, ledger: OpenLedger) -> None:
        """Go on with another opening of the last ledger."""
        self._ledgers[-1], self._parts[-1] = ledger, corrections_in(ledger)

    def corrected_in(self, correction: Correcting) -> None:
        """Note the part of the edition whose ledger plans the correction of the last one."""
        self._correction = correction

    def forgotten(self, row: Recipient) -> Recipient | None:
        """Return a row of a table as the correction plans the row of a forgotten person.

        None: no edition has forgotten the person. Its own alias, the ledger of the correction puts
        there by itself.
        """
        if self._correction is not None and self._correction.forgotten(row) is not None:
            return row
        return next(filter(None, (part.forgotten(row) for part in reversed(self._parts))), None)

    def had(self, keys: Iterable[str]) -> dict[str, Held]:
        """Return the letters of the recipients with these keys, by key."""
        wanted = list(keys)
        found = {key: Held(had, self.last) for key, had in self.corrections.had(wanted).items()}
        for level in range(self.last - 1, -1, -1):
            for key, had in self._parts[level].had(wanted).items():
                held = found.get(key)
                if held is None:
                    # No row of the correction asked for a mail: the letter was right, or no letter
                    # was due.
                    stays = had.status in {Status.ACCEPTED, Status.IN_DOUBT}
                    status = had.status if stays else Status.FILTERED
                    found[key] = Held(had._replace(status=status), level)
                elif held.had.status in WITHOUT and had.status is Status.ACCEPTED:
                    found[key] = Held(had, level, is_wrong=True)
        return found

    def place(self, deliveries: Iterable[Delivery], level: int | None = None) -> list[Delivery]:
        """Return deliveries behind the letters of all editions, or of those before a level.

        A delivery behind a letter of the chain is a correction.

        Raises:
            LedgerError: an earlier ledger cannot be read.
        """
        placed = list(deliveries) if self._thread is None else self._thread.place(deliveries)
        keys = [_key(one) for one in placed]
        for ledger in self._ledgers[:level]:
            found = ledger.thread.messages(keys, ALWAYS)
            placed = [
                replace(one, thread=(*one.thread, found[key]), correction=True)
                if key in found
                else one
                for one, key in zip(placed, keys, strict=True)
            ]
        return placed


def length_of(ledgers: Sequence[OpenLedger]) -> int:
    """Return how many editions are a chain, the last one first; the others stand before."""
    number = 1
    while number < len(ledgers) and part_of(ledgers[number - 1]).corrects is not None:
        number += 1
    return number


def first_edition(job: Job, edition: str, state: State) -> str:
    """Return the first edition of a chain, which templates see; an edition alone is the first.

    Raises:
        LedgerError: a ledger cannot be read (74).
    """
    place = place_of(job, edition, state)
    if not isinstance(place, Path) or not is_begun(place):
        return edition
    with open_to_read(place) as ledger:
        corrects = part_of(ledger).corrects
    return edition if corrects is None else first_edition(job, corrects, state)


def corrections_in(ledger: OpenLedger) -> Correcting:
    """Return the corrections of the edition of a ledger in a file.

    Raises:
        JobError: the ledger is in a database (78).
    """
    found = corrections_of(ledger)
    if found is None:
        raise in_database(ledger.path)
    return found


def in_database(place: object) -> JobError:
    """Return the error of a correction whose ledgers are in a database."""
    return JobError(
        f"a correction is for ledgers in files: {place} is in a database",
        hint="leave --ledger (MAILBATCH_LEDGER) out for an edition whose ledger is a file",
    )


def _key(delivery: Delivery) -> str:
    """Return the key of the recipient of a delivery, which has a message alone."""
    row = delivery.rows[0]
    return row.key or address_key(row.address)
