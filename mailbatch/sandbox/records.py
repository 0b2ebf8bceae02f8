"""The records of the provider: what its API gives out of accepted messages.

Log entries can be asked for again; a report of the pull API is given once; suppressions are the
addresses that the provider would not mail. Each kind of record is bounded: the oldest give way, so
that a sandbox that runs for days stays small. This module must never know of HTTP, nor of a clock.

    records = Records()
    records.note(message, told)
    records.take_reports(bulk_ids={"notice-friday"}, message_ids=frozenset(), limit=50)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailbatch.frozen import frozen
from mailbatch.sandbox.fates import Told
from mailbatch.sandbox.wire import Accepted, log_entry, pulled_report

#: Log entries, and reports that wait: about 100 MB in all.
MOST = 50_000
#: Error ids of a report, and the type of the suppression that follows.
_SUPPRESSED_BY_ERROR = {6006: "BOUNCE", 6010: "OVER_QUOTA", 6034: "BOUNCE"}


@frozen
class Suppression:
    """An address that the provider would not mail for a domain of ours, with the time (UTC)."""

    domain: str
    address: str
    type: str
    created: datetime
    reason: str


@dataclass(slots=True)
class _Entry:
    number: int
    message: Accepted
    told: Told


class Records:
    """Log entries, reports to be pulled, and suppressions; each kind at most `most`.

    `given` counts the reports that were handed out, `lost` those that gave way before that.
    """

    def __init__(self, most: int = MOST) -> None:
        self.given = self.lost = 0
        self._most = most
        self._last = 0
        self._log: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._reports: OrderedDict[int, _Entry] = OrderedDict()
        self._suppressions: OrderedDict[tuple[str, str, str], Suppression] = OrderedDict()

    def note(self, message: Accepted, told: Told) -> None:
        """Note where a message stands: the log entry is that of the last call, in the first place.

        A final report waits to be handed out, too, and some suppress the address.
        """
        self._last += 1
        key = (message.id, message.to)
        known = self._log.get(key)
        if known is None:
            self._log[key] = _Entry(self._last, message, told)
            self._shorten(self._log)
        else:
            known.told = told
        if told.is_final:
            self._reports[self._last] = _Entry(self._last, message, told)
            self.lost += self._shorten(self._reports)
            if told.error.id in _SUPPRESSED_BY_ERROR:
                self.suppress(message, _SUPPRESSED_BY_ERROR[told.error.id], told.response)

    def suppress(self, message: Accepted, kind: str, reason: str = "") -> None:
        """Note that the recipient of a message is mailed no more; the first time counts."""
        domain, address = message.callbacks.domain, message.to.lower()
        one = Suppression(domain, address, kind, message.sent_at, reason)
        self._suppressions.setdefault((domain, address, kind), one)
        self._shorten(self._suppressions)

    def _shorten(self, records: OrderedDict[Any, Any]) -> int:
        """Let the oldest give way, and return how many."""
        gone = max(0, len(records) - self._most)
        for _ in range(gone):
            records.popitem(last=False)
        return gone

    def log(
        self, wanted: Callable[[Accepted, Told], bool], *, after: int, limit: int
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return log entries behind the number `after`, and the number to go on behind.

        The number is None where nothing is left. Entries keep their place while the messages move
        on, so that pages neither overlap nor leave a gap.
        """
        found: list[_Entry] = []
        for entry in self._log.values():
            if entry.number > after and wanted(entry.message, entry.told):
                if len(found) == limit:
                    return _entries(found), found[-1].number
                found.append(entry)
        return _entries(found), None

    def take_reports(
        self, *, bulk_ids: Collection[str], message_ids: Collection[str], limit: int
    ) -> list[dict[str, Any]]:
        """Hand out at most `limit` reports, each once; an empty collection asks for any id."""
        found: list[_Entry] = []
        for entry in self._reports.values():
            if len(found) == limit:
                break
            if bulk_ids and entry.message.bulk_id not in bulk_ids:
                continue
            if not message_ids or entry.message.id in message_ids:
                found.append(entry)
        for entry in found:
            del self._reports[entry.number]
        self.given += len(found)
        return [pulled_report(entry.message, entry.told) for entry in found]

    def suppressions(self, domain: str, kind: str) -> Iterator[Suppression]:
        """Yield the suppressions of a type for a domain of ours, the oldest first."""
        for one in self._suppressions.values():
            if (one.domain, one.type) == (domain.lower(), kind):
                yield one


def _entries(found: list[_Entry]) -> list[dict[str, Any]]:
    return [log_entry(entry.message, entry.told) for entry in found]
