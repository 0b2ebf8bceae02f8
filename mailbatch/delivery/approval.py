"""The approval: a run held to a plan, before the first byte and before each commit point.

    approval = Approval(plan, inputs)            # the edition and the inputs of all messages
    ledger.plan.reconcile(..., approval.rows(inputs.plan), ...)
    approval.check_message(delivery, message)    # before the message may leave

A row that was settled before is no difference. Each method raises `PlanDifference` for the first
difference, with its place. This module must never send, and never mend a difference.

Tests: tests/cli/test_plan.py, tests/certainty/test_approved.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mailbatch.delivery.plan_file import MESSAGE_DIGITS, PlanFile
from mailbatch.delivery.planning import THREAD, RowDigits, inputs_digests
from mailbatch.delivery.slots import Slots
from mailbatch.errors import Location, PlanDifference
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from mailbatch.delivery.preparation import Inputs
    from mailbatch.envelope import Delivery, Recipient
    from mailbatch.ledger.ports import OpenLedger
    from mailbatch.render.message import Message

_AGAIN = "make a plan of the mailing as it is now, and have that approved: mailbatch plan JOB"
_PENDING = str(Status.PENDING)
#: The bytes that a line number takes.
_LINE = 8
#: The statuses of rows that are pending in the files, and get no message all the same.
_LATER = (str(Status.INVALID), str(Status.DUPLICATE))


class Approval:
    """A plan, and the mailing that is held to it."""

    def __init__(self, plan: PlanFile, inputs: Inputs) -> None:
        """Compare the edition and the inputs of all messages.

        Raises:
            PlanDifference: they are others.
        """
        self.plan = plan
        self.digest = plan.digest
        self._shown = inputs.job.recipients.shown
        self._digits = RowDigits(plan.job, plan.edition)
        self._lines = Lines()
        for name, planned, found in (
            ("job", plan.job, inputs.job.name),
            ("edition", plan.edition, inputs.edition),
        ):
            if planned != found:
                raise _difference(f"the plan is of {name} {planned}, this is {name} {found}")
        now = inputs_digests(inputs)
        for name in sorted((now.keys() | plan.inputs.keys()) - {THREAD}):
            if now.get(name) != plan.inputs.get(name):
                raise _difference(f"{name} is another one than in the plan")

    def check_thread(self, digest: str | None) -> None:
        """Compare the editions before, behind which the messages stand, by `Thread.digest`.

        Raises:
            PlanDifference: they are others.
        """
        if digest != self.plan.inputs.get(THREAD):
            raise _difference(f"{THREAD} is another one than in the plan")

    def rows(self, rows: Iterable[Recipient]) -> Rows:
        """Return rows that are compared with the plan while they are read."""
        return Rows(self, rows)

    def compared(self, rows: Iterable[Recipient]) -> Iterator[Recipient]:
        """Yield the rows of the table, each once it was found to be the one of the plan.

        Raises:
            PlanDifference: a row is another one, is missing, or is one too many.
        """
        plan, digits, lines, planned = self.plan, self._digits, Lines(), len(self.plan)
        line = 1
        for number, row in enumerate(rows):
            line = row.line
            if number == planned:
                raise self._row(line, "the plan has no such row: it ends before")
            if digits(row) != plan.row(number):
                raise self._row(line, "the row is another one than in the plan")
            said = plan.message(number)
            status = _PENDING if len(said) == MESSAGE_DIGITS or said in _LATER else said
            if row.status not in {status, said}:
                raise self._row(line, f"the row is {row.status}, in the plan {status}")
            lines.append(line)
            yield row
        if len(lines) < planned:
            more = planned - len(lines)
            raise self._row(line, f"the table ends here, the plan has {more:,} more")
        self._lines = lines

    def check_standing(self, ledger: OpenLedger) -> None:
        """Compare which rows are duplicates in the ledger, which knows earlier tables, too.

        Raises:
            PlanDifference: a row that is to be mailed would get nothing.
        """
        if ledger.standing.counts()[Status.DUPLICATE] == self.plan.counts[Status.DUPLICATE]:
            return
        for number, (line, status, _) in enumerate(ledger.standing.planned_rows()):
            said = self.plan.message(number)
            if (status is Status.DUPLICATE) != (said == str(Status.DUPLICATE)):
                raise self._row(line, f"the row is {status}, in the plan {_shown(said)}")

    def check_message(self, delivery: Delivery, message: Message | None) -> None:
        """Compare the message of a delivery with the planned one; None: it cannot be made.

        Raises:
            PlanDifference: it is another one.
        """
        line = delivery.rows[0].line
        number = self._lines.find(line)
        if number is None:
            raise self._row(line, "a message to a row that is not in the plan")
        found = str(Status.INVALID)
        if message is not None and message.mark is not None:
            found = message.mark.digest.hex()[:MESSAGE_DIGITS]
        self._check_row(number, line, found)

    def check_plan(self, now: PlanFile) -> None:
        """Compare all messages with those of another plan, once all rows were compared.

        Raises:
            PlanDifference: a message is another one.
        """
        for number, line in enumerate(self._lines):
            self._check_row(number, line, now.message(number))

    def _check_row(self, number: int, line: int, found: str) -> None:
        said = self.plan.message(number)
        if found == said:
            return
        if len(found) == len(said) == MESSAGE_DIGITS:
            raise self._row(
                line,
                "the message is another one than in the plan: a file that goes with it changed, "
                "its group was begun with other recipients, or mailbatch changed",
            )
        raise self._row(line, f"the row is {_shown(found)}, in the plan {_shown(said)}")

    def _row(self, line: int | None, words: str) -> PlanDifference:
        return _difference(words, Location(self._shown, line))


def difference_of(
    plan: PlanFile, now: PlanFile, inputs: Inputs, rows: Iterable[Recipient]
) -> PlanDifference | None:
    """Return the first difference of a mailing from an approved plan; None: they agree.

    `now` is the plan of `inputs`, whose table has the `rows`.
    """
    if plan.digest == now.digest:
        return None
    try:
        approval = Approval(plan, inputs)
        approval.check_thread(now.inputs.get(THREAD))
        for _ in approval.compared(rows):
            pass
        approval.check_plan(now)
    except PlanDifference as difference:
        return difference
    return _difference("the figures are others than in the plan")


class Lines:
    """The lines at which the rows of a table begin: found by number, and the number by line."""

    def __init__(self) -> None:
        self._lines = Slots(_LINE)
        self._next = 0

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, line: int) -> None:
        """Add the line of the next row, which is behind all others."""
        self._lines.append(line.to_bytes(_LINE, "big"))

    def find(self, line: int) -> int | None:
        """Return the number of the row that begins at a line; None: there is none.

        Mostly it is the row behind the one that was found before.
        """
        number, count = self._next, len(self)
        if number >= count or self._line(number) != line:
            number = bisect_left(range(count), line, key=self._line)
        if number == count or self._line(number) != line:
            return None
        self._next = number + 1
        return number

    def __iter__(self) -> Iterator[int]:
        return map(self._line, range(len(self)))

    def _line(self, number: int) -> int:
        return int.from_bytes(self._lines.get(number), "big")


class Rows:
    """The rows of a table, compared with a plan each time that they are read."""

    def __init__(self, approval: Approval, rows: Iterable[Recipient]) -> None:
        self._approval = approval
        self._rows = rows

    def __iter__(self) -> Iterator[Recipient]:
        return self._approval.compared(self._rows)


def _shown(said: str) -> str:
    return _PENDING if len(said) == MESSAGE_DIGITS else said


def _difference(words: str, place: Location | None = None) -> PlanDifference:
    return PlanDifference(words, location=place, hint=_AGAIN)
