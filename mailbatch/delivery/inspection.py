"""Every message of a mailing, rendered and looked at, without the network and without a trace.

A scratch ledger makes the plan that a run would make (groups, duplicates, parts) and is thrown
away; the real one is never opened. What cannot be rendered is a value here: all of it is to be
seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import Inputs, Mailing, open_mailing
from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import InputError, InputErrors
from mailbatch.job.model import Job
from mailbatch.preview.table_checks import TableChecks
from mailbatch.preview.tallies import Tallies
from mailbatch.recipients.plan import plan_recipients
from mailbatch.render.message import BranchKey, Content, Message

#: How many deliveries are taken from the scratch ledger at once.
_LOT = 500


@dataclass(frozen=True, slots=True)
class Inspected:
    """A delivery with its message as bytes and as content, or with the error that prevents both.

    `taken` are the branches of the templates that the delivery takes.
    """

    delivery: Delivery
    taken: frozenset[BranchKey]
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
        return {str(status): number for status, number in self._ledger.counts().items()}

    def recipients(self) -> Iterator[Recipient]:
        """Give every row of the table with what the files alone say of it, in their order."""
        return iter(self._inputs.plan)

    def deliveries(self) -> Iterator[Delivery]:
        """Give every delivery in the order of the table; once."""
        while lot := self._ledger.lease(_LOT, now=self._now, address=self._only):
            yield from lot

    def look(self, delivery: Delivery) -> Inspected:
        """Render a delivery; if that fails, its rows count as invalid from now on."""
        inspected = self.render(delivery)
        if inspected.error is not None:
            self._ledger.invalidate(delivery.id, str(inspected.error), now=self._now)
        return inspected

    def render(self, delivery: Delivery) -> Inspected:
        """Render a delivery, again if need be: the same delivery gives the same bytes."""
        composer = self._inputs.composer
        try:
            rendered = composer.render(delivery)
            message = composer.encode(rendered, eight_bit=True)
            content = composer.content(rendered)
        except InputError as error:
            return Inspected(delivery, composer.branches.taken_by(delivery), error=error)
        return Inspected(delivery, rendered.taken, message, content)


@contextmanager
def inspect(inputs: Inputs, *, only: str | None = None) -> Iterator[Inspection]:
    """Plan a mailing in a scratch ledger and give what it would send; `only` to this address.

    The composer of the inputs has to be traced.

    Raises `InputErrors` (rows with `on_invalid: stop`, columns that a group does not share) and
    `UsageError` where `only` is not among the recipients.
    """
    with ExitStack() as stack:
        yield Inspection(open_mailing(inputs, RunOptions(dry_run=True, only=only), stack), only)


def row_error(
    job: Job, edition: str, variables: Mapping[str, object], now: datetime, tallies: Tallies
) -> InputError | InputErrors | None:
    """Look at the rows although no message can be rendered; what is invalid goes to `tallies`.

    Returns what makes the table wrong as a whole.
    """
    try:
        plan = plan_recipients(job, edition=edition, variables=variables, now=now)
        table = TableChecks(
            job.recipients.shown,
            plan.columns,
            address=job.recipients.address,
            read=frozenset(),
            tallies=tallies,
        )
        for recipient in plan:
            table.row(recipient)
    except (InputError, InputErrors) as error:
        return error
    return None
