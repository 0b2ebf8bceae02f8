"""The provider behind the sandbox: what becomes of the messages that were accepted.

For each recipient the fate of the address (`fates`) is told in the shapes of the wire (`wire`), as
far as the message asks for it (`callbacks`): delivery reports to the notify URL, tracking events,
complaints and late bounces to the tracking URL alone. Networks repeat and overtake, so some
statements come twice and some out of order, always those of the same messages:

| digest of the message, last byte modulo 4 | its statements                                   |
|-------------------------------------------|--------------------------------------------------|
| 1                                         | the last one comes twice                         |
| 2                                         | all at the time of the last, the last one first  |

A provider must never post anything itself: an `Outlet` does, or puts the bodies into a store.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from mailbatch.sandbox.callbacks import read_callbacks
from mailbatch.sandbox.fates import NO_ERROR, PENDING, Fate, Told, Tracked, fate_of
from mailbatch.sandbox.outbox import Kept
from mailbatch.sandbox.records import Records
from mailbatch.sandbox.wire import Accepted, delivery_report, tracking_event

#: Calls something so many seconds later; at once where time does not matter.
Later = Callable[[float, Callable[[], None]], object]
#: Tracking events that suppress the recipient, and the type of the suppression.
_SUPPRESSED_BY_EVENT = {"COMPLAINED": "COMPLAINT", "LATE_BOUNCE": "BOUNCE"}
_TWICE, _REVERSED, _KINDS = 1, 2, 4
_JUST_ACCEPTED = Told(0.0, PENDING, NO_ERROR, attempts=0)


class Outlet(Protocol):
    """The way on which reports leave the provider."""

    def report(self, url: str, report: dict[str, Any], *, is_xml: bool) -> None:
        """Take a delivery report for a notify URL; several may go in one body."""

    def event(self, url: str, event: dict[str, Any]) -> None:
        """Take a tracking event for a tracking URL."""


def at_once(_seconds: float, call: Callable[[], None]) -> None:
    """Call without waiting: a rehearsal has the whole story in no time."""
    call()


class Provider:
    """The messages that were accepted, and what is told of them."""

    def __init__(
        self, outlet: Outlet, *, later: Later = at_once, records: Records | None = None
    ) -> None:
        self._outlet = outlet
        self._later = later
        self._records = records

    def take(self, kept: Kept, content: bytes) -> None:
        """Take an accepted message, and tell its fate for each recipient in time."""
        callbacks = read_callbacks(content)
        bulk_id = callbacks.bulk_id or str(uuid.uuid5(uuid.NAMESPACE_OID, kept.id))
        for address in kept.rcpt_tos:
            self._begin(Accepted(kept.id, address, bulk_id, kept.time, callbacks))

    def _begin(self, message: Accepted) -> None:
        fate = fate_of(message.to)
        if self._records is not None:
            self._records.note(message, _JUST_ACCEPTED)
            for told in fate.reports:
                self._later(told.after, partial(self._records.note, message, told))
            for tracked in fate.events:
                if (kind := _SUPPRESSED_BY_EVENT.get(tracked.notification)) is not None:
                    suppress = partial(self._records.suppress, message, kind)
                    self._later(tracked.after, suppress)
        for step, after in _as_networks_do(message, fate):
            self._later(after, partial(self._tell, message, step))

    def _tell(self, message: Accepted, step: Told | Tracked) -> None:
        callbacks = message.callbacks
        if isinstance(step, Tracked):
            if callbacks.tracking_url:
                self._outlet.event(callbacks.tracking_url, tracking_event(message, step))
        elif callbacks.notify_url and (step.is_final or callbacks.intermediate):
            report = delivery_report(message, step)
            self._outlet.report(callbacks.notify_url, report, is_xml=callbacks.is_xml)


def _as_networks_do(message: Accepted, fate: Fate) -> list[tuple[Told | Tracked, float]]:
    """Return the statements with the seconds behind which each is sent, some out of order."""
    steps: list[Told | Tracked] = [*fate.reports, *fate.events]
    sent = [(step, step.after) for step in steps]
    kind = message.digest[-1] % _KINDS
    if sent and kind == _TWICE:
        sent.append(sent[-1])
    if sent and kind == _REVERSED:
        last = sent[-1][1]
        sent = [(step, last) for step in reversed(steps)]
    return sent
