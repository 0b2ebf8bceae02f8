"""The pull itself: page behind page, each in the store before the next one is asked for.

    pull = Pull(asking, store, now=time.time, warn=print)
    pull.logs("letter-48").entries

Log entries are kept one by one, each once for any number of pulls, without the text of the message
that the provider may put there. Delivery reports are given away once: the bytes of such an answer
are kept as given, before a reader sees any, and even the beginning of an answer that broke
off. Asking for the next answer is all that a provider hears of the last one, so at most one answer
is lost by a death or by a broken connection; the log has the reports of that answer still.

Tests: tests/pull/test_kill.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlencode

from mailbatch.pull.access import ProviderError
from mailbatch.pull.asking import Asking, NotNow, QuestionRefused
from mailbatch.pull.endpoints import LOGS, MOST, PRIVATE, REPORTS, SUPPRESSIONS
from mailbatch.reports.bodies import BodyError, read_json
from mailbatch.reports.cursor import Cursor
from mailbatch.reports.store import Body, Origin, ReportStore

_LOST = (
    "an answer broke off: its reports may be lost here, and are in the provider's log still: "
    "ask without --reports"
)
#: An interrupted pull of a log goes on within so many seconds; later its first pages have changed.
GOES_ON_WITHIN = 3600.0


@dataclass(slots=True)
class Pulled:
    """The numbers of answers and of entries.

    `went_on` says that the pull began behind the pages of an earlier one. `broken_off` counts
    answers that broke off, or never came behind a request.
    """

    answers: int = 0
    entries: int = 0
    went_on: bool = False
    broken_off: int = 0


class Pull:
    """A pull into a store; a pull that is stopped between two answers ends with `NotNow`."""

    def __init__(
        self,
        asking: Asking,
        store: ReportStore,
        *,
        now: Callable[[], float],
        warn: Callable[[str], None],
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """`now` is the time in seconds since the epoch; `is_stopped` is asked between answers.

        `warn` hears of each answer that may be lost.
        """
        self._asking = asking
        self._store = store
        self._now = now
        self._warn = warn
        self._is_stopped = is_stopped

    def logs(self, bulk_id: str) -> Pulled:
        """Ask for the log of a mailing, from where an interrupted pull stopped.

        Raises:
            ProviderError: the provider cannot be reached, or refuses (69, 75, 77).
            StoreError: an answer cannot be kept (74).
        """
        question = self._place(LOGS.path, bulkId=bulk_id)
        pulled, begun = Pulled(), self._cursor_to_go_on(question)
        cursor, pulled.went_on = begun, bool(begun)
        while True:
            try:
                content = self._asking.ask(LOGS.path, LOGS.query(bulk_id, cursor))
            except QuestionRefused:
                if not pulled.went_on or pulled.answers:
                    raise
                cursor, pulled.went_on = "", False  # the cursor has expired: from the beginning
                continue
            answer = self._read(content)
            asked, cursor = cursor, LOGS.next_cursor(answer)
            if cursor and cursor == asked:
                raise ProviderError(f"{self._asking.base_url} gives the same page again and again")
            entries, now = _entries(answer), self._now()
            bodies = [Body(one, Origin.PULL, now, question, once=True) for one in _apart(entries)]
            self._store.keep(bodies, cursor=Cursor(question, cursor, now))
            pulled.answers += 1
            pulled.entries += len(entries)
            if not cursor:
                return pulled
            self._stop_if_asked()

    def reports(self, bulk_id: str) -> Pulled:
        """Ask for the delivery reports of a mailing until no report is left.

        Raises:
            ProviderError: the provider cannot be reached, or refuses (69, 75, 77).
            StoreError: an answer cannot be kept (74), and is lost; the log has the same reports.
        """
        place = self._place(REPORTS.path, bulkId=bulk_id)
        pulled = Pulled()

        def broken_off(beginning: bytes) -> None:
            pulled.broken_off += 1
            self._warn(_LOST)
            if beginning:
                self._keep(beginning, f"{place} (broke off)")

        while True:
            query = REPORTS.query(bulk_id)
            content = self._asking.ask(REPORTS.path, query, broken_off=broken_off)
            is_new = self._keep(content, place)  # before a reader sees it
            entries = _entries(self._read(content))
            if not entries or not is_new:  # the same answer twice: each is given once no more
                return pulled
            pulled.answers += 1
            pulled.entries += len(entries)
            self._stop_if_asked()

    def suppressions(self, domain: str) -> tuple[Pulled, list[dict[str, Any]]]:
        """Ask for the provider's suppression list of a sending domain; return the entries, too.

        Raises:
            ProviderError: the provider cannot be reached, or refuses (69, 75, 77).
            StoreError: an answer cannot be kept (74).
        """
        pulled, found = Pulled(), []
        for kind in SUPPRESSIONS.types:
            place = self._place(SUPPRESSIONS.path, domainName=domain, type=kind)
            for page in count():
                query = SUPPRESSIONS.query(domain, kind, page)
                content = self._asking.ask(SUPPRESSIONS.path, query)
                entries = _entries(self._read(content))
                if not entries:
                    break
                self._keep(content, place)
                pulled.answers += 1
                pulled.entries += len(entries)
                found += entries
                self._stop_if_asked()
                if len(entries) < MOST:
                    break
        return pulled, found

    def _place(self, path: str, **query: str) -> str:
        """Return the name of a question for people: a URL without secrets."""
        return f"{self._asking.base_url}{path}?{urlencode(query)}"

    def _cursor_to_go_on(self, question: str) -> str:
        cursor = self._store.cursor(question)
        if cursor is None or not 0 <= self._now() - cursor.at < GOES_ON_WITHIN:
            return ""
        return cursor.value

    def _keep(self, content: bytes, place: str) -> bool:
        """Keep the bytes of an answer; False where the store has the same bytes already."""
        return bool(self._store.keep([Body(content, Origin.PULL, self._now(), place, once=True)]))

    def _read(self, content: bytes) -> dict[str, Any]:
        try:
            answer = read_json(content)
        except BodyError as error:
            answer = error
        if not isinstance(answer, dict):
            raise ProviderError(
                f"{self._asking.base_url} gives an answer that is not its API's",
                hint="look at reports.base_url: the URL of your account's API, without a path",
            )
        return answer

    def _stop_if_asked(self) -> None:
        if self._is_stopped():
            raise NotNow("stopped; what was answered so far is kept")


def _entries(answer: dict[str, Any]) -> list[dict[str, Any]]:
    results = answer.get("results")
    return [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []


def _apart(entries: list[dict[str, Any]]) -> Iterator[bytes]:
    """Yield each log entry as a body of its own, without the text of the message."""
    for entry in entries:
        told = {name: value for name, value in entry.items() if name not in PRIVATE}
        yield json.dumps({"results": [told]}, separators=(",", ":")).encode("ascii")
