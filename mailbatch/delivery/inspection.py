"""The inspection of a mailing: every message rendered, without the network and without a trace.

    with inspect(inputs) as inspection:
        for delivery in inspection.deliveries():
            inspection.look(delivery)        # Inspected: message and content, or the error

A scratch ledger makes the plan that a run would make (groups, duplicates, parts) and is thrown
away; the real ledger is only read, for the `outlook`. A message that cannot be rendered is a value
here, so that all of these are seen in one go.

Tests: tests/checks/test_check_command.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from mailbatch.delivery.ledgers import open_to_run
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.outlook import look_ahead
from mailbatch.delivery.places import ledger_path
from mailbatch.delivery.preparation import Inputs, Mailing, open_mailing, reconcile
from mailbatch.delivery.rehearsals import check_real
from mailbatch.delivery.state import State, folder_of, url_of
from mailbatch.delivery.thread import Thread
from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import InputError
from mailbatch.job.model import Job
from mailbatch.ledger.ports import OpenLedger, near
from mailbatch.ledger.rows import Repeat
from mailbatch.outcome import Status
from mailbatch.outlook import Outlook
from mailbatch.recipients.plan import plan_recipients
from mailbatch.render.composer import Composer
from mailbatch.render.message import Inspected
from mailbatch.temporary import temporary_folder

#: The deliveries that are taken from the scratch ledger at once.
_LOT = 500


class Inspection:
    """The mailing that a run would send; see `inspect`."""

    def __init__(self, mailing: Mailing, options: RunOptions) -> None:
        self._mailing = mailing
        self._inputs = mailing.inputs
        self._ledger = mailing.ledger
        self._leases = mailing.leases
        self._options = options
        self._now = time.time()

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows of each status, by the word of the status."""
        return {str(status): number for status, number in self._ledger.standing.counts().items()}

    @property
    def thread(self) -> Thread | None:
        """The thread of the messages, None without `message.thread` or without messages."""
        return self._mailing.thread

    @property
    def letters(self) -> tuple[int, int]:
        """The number of addresses with several messages, and of these messages."""
        return self._ledger.standing.letters()

    def repeats(self) -> Iterator[Repeat]:
        """Yield the duplicates whose cells are others than those of the row that is mailed."""
        return self._ledger.standing.repeats()

    def outlook(self) -> Outlook | None:
        """Return the outlook of a real run; rows are invalid as far as `look` has seen."""
        return look_ahead(self._mailing, self._options)

    def planned_rows(self) -> Iterator[tuple[int | None, Status, int | None]]:
        """Yield every line of the table with the status and the id of the delivery, in order."""
        return self._ledger.standing.planned_rows()

    def recipients(self) -> Iterator[Recipient]:
        """Yield every row of the table with the status that the files alone give, in order."""
        return iter(self._inputs.plan)

    def deliveries(self, *, kept: bool = False) -> Iterator[Delivery]:
        """Yield every delivery in the order of the table; once for each inspection.

        The last one that was yielded can be given to `look`; with `kept`, all of them, and the
        memory grows with their number.
        """
        for address in self._options.only or (None,):
            while lot := near(self._leases.lease(_LOT, now=self._now, address=address)):
                yield from lot
                if not kept:
                    self._ledger.records.leave([delivery.id for delivery in lot])

    def look(self, delivery: Delivery) -> Inspected:
        """Render a delivery; the rows of a failed one count as invalid from now on."""
        inspected = self.render(delivery)
        if inspected.error is not None:
            reason = str(inspected.error)
            near(self._ledger.records.invalidate(delivery.id, reason, now=self._now))
        return inspected

    def render(self, delivery: Delivery) -> Inspected:
        """Render a delivery, for the first time or again: the bytes are always the same."""
        return render_letter(self._inputs.composer, delivery)


def render_letter(composer: Composer, delivery: Delivery) -> Inspected:
    """Render a delivery without a plan, by a composer that is traced."""
    try:
        rendered = composer.render(delivery)
        message = composer.encode(rendered, eight_bit=True)
        content = composer.content(rendered)
    except InputError as error:
        return Inspected(delivery, composer.branches.taken_by(delivery), error=error)
    return Inspected(delivery, rendered.taken, message, content)


@contextmanager
def inspect(
    inputs: Inputs, *, only: Sequence[str] = (), state: State = None
) -> Iterator[Inspection]:
    """Plan a mailing in a scratch ledger, and yield its inspection.

    The composer of the inputs has to be traced. `only` are addresses: deliveries to others are left
    out. `state` has the real ledger.

    Raises:
        InputErrors: rows are invalid with `on_invalid: stop`, or a group does not share a column.
        UsageError: an address of `only` is not among the recipients, or the folder is that of
            rehearsals.
    """
    check_real(inputs.job, state)
    options = RunOptions(
        dry_run=True, only=tuple(only), state_dir=folder_of(state), ledger=url_of(state)
    )
    with ExitStack() as stack:
        yield Inspection(open_mailing(inputs, options, stack), options)


def count_plan(job: Job, edition: str) -> dict[Status, int]:
    """Count the rows of the table by status, as the first run of an edition would plan these.

    Raises:
        InputError, InputErrors: the table is wrong.
    """
    with first_plan(job, edition) as ledger:
        return ledger.standing.counts()


@contextmanager
def first_plan(job: Job, edition: str) -> Iterator[OpenLedger]:
    """Plan an edition as its first run would, and yield the scratch ledger.

    The templates are not looked at: a row that only rendering shows to be invalid is pending.

    Raises:
        InputError, InputErrors: the table is wrong.
    """
    now = datetime.now().astimezone()
    plan = plan_recipients(job, edition=edition, variables=job.variables, now=now)
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        path = ledger_path(job, edition, folder)
        ledger = stack.enter_context(
            open_to_run(path, job=job.name, edition=edition, message_id_domain="example.invalid")
        )
        reconcile(ledger, job, plan)
        yield ledger
