"""Every message of a mailing, rendered and looked at, without the network and without a trace.

A scratch ledger makes the plan that a run would make (groups, duplicates, parts) and is thrown
away; the real one is never opened. What cannot be rendered is a value here: all of it is to be
seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import Inputs, Mailing, open_mailing
from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import InputError
from mailbatch.ledger.ports import near
from mailbatch.render.message import Content, Message

#: How many deliveries are taken from the scratch ledger at once.
_LOT = 500


@dataclass(frozen=True, slots=True)
class Rendered:
    """A delivery with its message as bytes and as content, or with the error that prevents it."""

    delivery: Delivery
    message: Message | None = None
    content: Content | None = None
    error: InputError | None = None


class Inspection:
    """The mailing that a run would send; see `inspect`."""

    def __init__(self, mailing: Mailing, only: str | None) -> None:
        self._inputs = mailing.inputs
        self._ledger = mailing.ledger
        self._only = only
        self._now = time.time()

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each status, by its word, as far as that was seen without sending."""
        return {str(status): number for status, number in self._ledger.standing.counts().items()}

    def recipients(self) -> Iterator[Recipient]:
        """Give every row of the table with what the files alone say of it, in their order."""
        return iter(self._inputs.plan)

    def deliveries(self) -> Iterator[Delivery]:
        """Give every delivery in the order of the table; once."""
        while lot := near(self._ledger.leases.lease(_LOT, now=self._now, address=self._only)):
            yield from lot

    def look(self, delivery: Delivery) -> Rendered:
        """Render a delivery; if that fails, its rows count as invalid from now on."""
        rendered = self.render(delivery)
        if rendered.error is not None:
            reason = str(rendered.error)
            near(self._ledger.records.invalidate(delivery.id, reason, now=self._now))
        return rendered

    def render(self, delivery: Delivery) -> Rendered:
        """Render a delivery, again if need be: the same delivery gives the same bytes."""
        composer = self._inputs.composer
        try:
            message = composer.compose(delivery, eight_bit=True)
            return Rendered(delivery, message, composer.content(delivery))
        except InputError as error:
            return Rendered(delivery, error=error)


@contextmanager
def inspect(inputs: Inputs, *, only: str | None = None) -> Iterator[Inspection]:
    """Plan a mailing in a scratch ledger and give what it would send; `only` to this address.

    Raises `InputErrors` (rows with `on_invalid: stop`, columns that a group does not share) and
    `UsageError` where `only` is not among the recipients.
    """
    with ExitStack() as stack:
        yield Inspection(open_mailing(inputs, RunOptions(dry_run=True, only=only), stack), only)
