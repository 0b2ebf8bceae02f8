"""The way of bodies into the store: all bodies that wait go into one commit.

A commit waits for the disk; a POST waits for its commit only. While one commit is under way the
next bodies gather, so that the commits stay few however many bodies come. The store belongs to one
thread. Nothing is acknowledged that is not in the file of the store: a file that was taken away or
replaced since is noticed behind the commit, and the bodies are kept once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from mailbatch.errors import StoreError
from mailbatch.reports.store import Body, ReportStore

#: Bodies, and bytes of bodies, of one commit.
MOST = 500
_BYTES_AT_ONCE = 16 * 1024 * 1024
#: Files at the path of the store that one commit tries: the first may have been taken away.
_FILES = 3
#: Bodies are written and never looked at: a larger page cache would only hold what was written.
_CACHE_KIB = 2 * 1024
#: Seconds that a commit waits for another program to release the store.
BUSY_SECONDS = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _Arrival:
    """A body that waits for its commit."""

    body: Body
    kept: asyncio.Future[None]


class Intake:
    """The writer of a store, for one event loop.

    `tell` is called with a text when the store fails, and when the store works again; not for each
    body. `most` is the greatest number of bodies in one commit, `busy` the seconds that a commit
    waits for a locked store.
    """

    def __init__(
        self,
        path: Path,
        *,
        tell: Callable[[str], None],
        most: int = MOST,
        busy: float = BUSY_SECONDS,
    ) -> None:
        self.path = path
        #: Bodies that were kept since the start.
        self.bodies = 0
        self._tell = tell
        self._most = most
        self._busy = busy
        self._queue: SimpleQueue[_Arrival | None] = SimpleQueue()
        self._opened: Future[None] = Future()
        self._thread = Thread(target=self._run, name="store of reports", daemon=True)
        self._store: ReportStore | None = None
        self._file: tuple[int, int] | None = None
        self._fails = False

    def start(self) -> None:
        """Open the store.

        Raises:
            StoreError: the store cannot be opened (74).
        """
        self._thread.start()
        self._opened.result()

    async def keep(self, body: Body) -> None:
        """Keep a body; on the disk when this returns.

        Raises:
            StoreError: the body was not kept: the disk is full, or the store locked.
        """
        kept = asyncio.get_running_loop().create_future()
        self._queue.put(_Arrival(body, kept))
        await kept

    def stop(self) -> None:
        """Keep all that waits, and close the store."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._open_file()
        except BaseException as error:  # noqa: BLE001 - `start` raises it
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        goes_on = True
        while goes_on:
            group, goes_on = self._next_group()
            if group:
                self._keep(group)
        self._close_file()

    def _next_group(self) -> tuple[list[_Arrival], bool]:
        """Return the bodies for one commit, and whether there may be more."""
        group: list[_Arrival] = []
        size = 0
        arrival = self._queue.get()
        while arrival is not None:
            group.append(arrival)
            size += len(arrival.body.content)
            if len(group) >= self._most or size >= _BYTES_AT_ONCE:
                return group, True
            try:
                arrival = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _keep(self, group: list[_Arrival]) -> None:
        failure: Exception | None = None
        try:
            self._commit([arrival.body for arrival in group])
        except Exception as error:  # noqa: BLE001 - every POST of the group raises it
            failure = error
            self._close_file()  # a failed connection may stay unusable
        else:
            self.bodies += len(group)
        self._report(failure)
        loop = group[0].kept.get_loop()
        with contextlib.suppress(RuntimeError):  # the loop was closed: no POST waits any more
            loop.call_soon_threadsafe(_settle, group, failure)

    def _commit(self, bodies: list[Body]) -> None:
        """Keep bodies in the file that stands at the path, once more where that is a new one."""
        for _ in range(_FILES):
            try:
                self._open_file().keep(bodies)
            except StoreError:  # SQLite notices some of the files that have no name any more
                if self._store is None or not self._is_gone():
                    raise
            if not self._is_gone():
                return
        raise StoreError(f"{self.path}: the file is taken away again and again")

    def _open_file(self) -> ReportStore:
        """Return the store, opened anew where the file is another than before."""
        if self._store is None or self._is_gone():
            self._close_file()
            self._store = ReportStore(self.path, busy=self._busy, cache=_CACHE_KIB)
            self._file = _identity(self.path)
        return self._store

    def _is_gone(self) -> bool:
        return self._file is None or _identity(self.path) != self._file

    def _close_file(self) -> None:
        if self._store is not None:
            with contextlib.suppress(StoreError):
                self._store.close()
            self._store = None

    def _report(self, failure: Exception | None) -> None:
        if failure is not None and not self._fails:
            hint = getattr(failure, "hint", None)
            self._tell(f"nothing can be kept: {failure}" + (f" ({hint})" if hint else ""))
        elif failure is None and self._fails:
            self._tell(f"{self.path} can be written again")
        self._fails = failure is not None


def _settle(group: list[_Arrival], failure: Exception | None) -> None:
    for arrival in group:
        if arrival.kept.done():  # the sender went away
            continue
        if failure is None:
            arrival.kept.set_result(None)
        else:
            arrival.kept.set_exception(failure)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - as the bytes of the path are
    except OSError:
        return None
    return found.st_dev, found.st_ino
