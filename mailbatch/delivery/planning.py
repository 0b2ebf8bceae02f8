"""The making of a plan: every message rendered, and kept as a digest.

    with inspect(inputs) as inspection:
        plan = make_plan(inputs, inspection)

The same inputs give the same plan, on any day and machine. A few bytes are kept for each row, in a
file (`Slots`). This module must never send, nor write a file.

Tests: tests/cli/test_plan.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.plan_file import (
    MESSAGE_DIGITS,
    PLANNED,
    ROW_DIGITS,
    WIDTH,
    PlanFile,
    line_of,
)
from mailbatch.delivery.slots import Slots
from mailbatch.errors import InputError, InputErrors, JobError, RecipientError
from mailbatch.outcome import Status
from mailbatch.recipients.plan import rows_move
from mailbatch.render.digests import digest_texts

if TYPE_CHECKING:
    from mailbatch.delivery.inspection import Inspection
    from mailbatch.delivery.preparation import Inputs
    from mailbatch.delivery.state import State
    from mailbatch.envelope import Delivery, Recipient
    from mailbatch.job.model import Job
    from mailbatch.render.fingerprint import Mark

#: Hands deliveries on, and may show the progress among so many recipients.
Follow = Callable[[Iterable["Delivery"], int], Iterable["Delivery"]]
_BYTES = MESSAGE_DIGITS // 2
#: The name under which the inputs of a plan have the editions before (`Thread.digest`).
THREAD = "message.thread: the edition before"
#: A message that cannot be made.
_NO_MESSAGE = bytes(_BYTES)


class Digests:
    """The digests of the messages of a plan, by the ids of their deliveries; 12 bytes for each."""

    def __init__(self) -> None:
        self.sizes = [0, 0, 0]  # the smallest, the largest, all
        self.messages = 0
        self._found = Slots(_BYTES)

    def add(self, delivery: Delivery, mark: Mark | None) -> None:
        """Add the mark of a delivery's message; None: the message cannot be made."""
        if mark is None:
            return
        self._found.put(delivery.id, mark.digest[:_BYTES])
        size, (least, most, total) = mark.size, self.sizes
        self.sizes = [min(least or size, size), max(most, size), total + size]
        self.messages += 1

    def of(self, delivery_id: int | None) -> str | None:
        """Return the digits of a delivery's message; None where there is none."""
        if delivery_id is None:
            return None
        found = self._found.get(delivery_id)
        return found.hex() if found and found != _NO_MESSAGE else None


class RowDigits:
    """The digits of each row: of key, address and all cells, in one edition of one job."""

    def __init__(self, job: str, edition: str) -> None:
        self._began = hashlib.sha256(f"{job}\0{edition}\0".encode())

    def __call__(self, row: Recipient) -> str:
        """Return the digits of a row."""
        digest = self._began.copy()
        said = "\0".join((row.key or "", row.address, *row.values))
        digest.update(said.encode(errors="surrogatepass"))
        return digest.hexdigest()[:ROW_DIGITS]


def repeatable(inputs: Inputs) -> Inputs:
    """Return inputs whose messages have fingerprints.

    Raises:
        InputErrors: a template, or the choice of the rows, depends upon the moment.
    """
    errors: list[InputError] = list(inputs.composer.unrepeatable())
    where = rows_move(inputs.job)
    if where is not None:
        errors.append(
            JobError(
                "now chooses other rows at every run, so that no plan can say who gets the message",
                location=where.place,
                hint="use a variable in its place: --set today=2026-11-30",
            )
        )
    if errors:
        raise InputErrors(errors)
    return replace(inputs, composer=inputs.composer.fingerprinting())


def inputs_digests(inputs: Inputs) -> dict[str, str]:
    """Return the SHA-256 of each input of all messages, by the name that the user knows."""
    job, plan = inputs.job, inputs.plan
    return {
        **inputs.composer.digests(),
        "recipients.columns": digest_texts(*plan.columns),
        "recipients.group_by": digest_texts(*job.recipients.group_by),
        "recipients.key": digest_texts(*job.recipients.key),
        "server.recipients_per_transaction": digest_texts(str(_parts(job))),
    }


def _parts(job: Job) -> int:
    """Return the number of recipients of a delivery; no matter where no message is shared."""
    return job.server.recipients_per_transaction if job.recipients.group_by else 0


def make_plan(
    inputs: Inputs, inspection: Inspection, follow: Follow = lambda deliveries, _: deliveries
) -> PlanFile:
    """Render every message of an inspection, and return the plan.

    `inputs` are those of the inspection, made `repeatable`.

    Raises:
        RecipientError: the plan would mail nobody.
    """
    digests = Digests()
    for delivery in follow(inspection.deliveries(), inspection.counts["pending"]):
        try:
            mark = inputs.composer.mark(delivery)
        except InputError:
            digests.add(delivery, None)
        else:
            digests.add(delivery, mark)
    plan = plan_of(inputs, inspection, digests)
    if not plan.messages:
        raise RecipientError(
            f"{inputs.job.recipients.shown}: nobody would be mailed, so that there is nothing to "
            "approve",
            hint="mailbatch check says why",
        )
    return plan


def plan_of(inputs: Inputs, inspection: Inspection, digests: Digests) -> PlanFile:
    """Return the plan of an inspection whose messages were all rendered, with their digests."""
    counts = dict.fromkeys(PLANNED, 0)
    digits = RowDigits(inputs.job.name, inputs.edition)
    lines = Slots(WIDTH)
    planned = inspection.planned_rows()
    for row, (_, status, delivery_id) in zip(inspection.recipients(), planned, strict=True):
        message = digests.of(delivery_id) if status is Status.PENDING else None
        said = Status.INVALID if message is None and status is Status.PENDING else status
        counts[said] += 1
        lines.append(line_of(digits(row), message or str(said)))
    smallest, largest, total = digests.sizes
    thread = {} if inspection.thread is None else {THREAD: inspection.thread.digest}
    return PlanFile(
        inputs.job.name,
        inputs.edition,
        counts,
        digests.messages,
        smallest,
        largest,
        total,
        {**inputs_digests(inputs), **thread},
        lines,
    )


def plan_mailing(
    job: Job,
    *,
    edition: str | None,
    variables: dict[str, str],
    state: State = None,
    store: Path | None = None,
    follow: Follow = lambda deliveries, _: deliveries,
) -> PlanFile:
    """Read the inputs of a job, and return the plan of the mailing.

    Raises:
        InputError, InputErrors: the inputs are wrong, depend upon the moment, or mail nobody.
        UsageError: the edition cannot name a ledger; a variable is not one of the job's.
    """
    from datetime import datetime

    from mailbatch.delivery.inspection import inspect
    from mailbatch.delivery.preparation import read_inputs

    inputs = repeatable(
        read_inputs(
            job,
            edition=edition,
            variables=variables,
            now=datetime.now().astimezone(),
            state=state,
            store=store,
        )
    )
    with inspect(inputs, state=state) as inspection:
        return make_plan(inputs, inspection, follow)
