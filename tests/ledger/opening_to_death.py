"""Openings that die: a process ends by kill -9 at the nth step of opening a ledger.

A step is a statement that SQLite begins, a call of a function by a statement, a write or a sync of
lock file and witness. They are counted from outside, in the dying process alone.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ledger.earlier import rebuild
from tests.ledger.steps import open_ledger
from tests.support.forkserver import processes


def _open(path: str, boot: str, dies_at: int) -> None:
    steps = 0

    def step(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            step()
            return function(*args)

        return call

    class Connection(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.execute("PRAGMA cache_size=1")  # what is changed is written before the commit
            self.set_trace_callback(step)

        def create_function(self, name: str, n: int, function: Any, **more: Any) -> None:  # type: ignore[override]
            super().create_function(name, n, counted(function), **more)

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Connection, **kwargs)  # type: ignore[assignment]
    for name in ("pwrite", "ftruncate", "fsync"):
        setattr(os, name, counted(getattr(os, name)))
    open_ledger(Path(path), boot=boot)
    os._exit(0)  # what is open stays open, as kill -9 leaves it


def _die_at_every_step(name: str, folder: str, boot: str) -> None:
    for step in itertools.count(1):
        path = rebuild(name, Path(folder) / str(step) / "news.ledger")
        process = os.fork()
        if not process:
            try:
                _open(str(path), boot, step)
            finally:
                os._exit(1)
        _, status = os.waitpid(process, 0)
        if status == 0:
            os._exit(0)
        assert os.WIFSIGNALED(status), status


def die_at_every_step(name: str, folder: Path, *, boot: str) -> list[Path]:
    """Open an earlier ledger again and again, and die one step later each time.

    Return the ledgers as those deaths leave them; the last one was opened without a death.
    """
    process = processes.Process(
        target=_die_at_every_step, args=(name, str(folder), boot), daemon=True
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0, process.exitcode
    process.close()
    steps = sorted(int(place.name) for place in folder.iterdir())
    return [folder / str(step) / "news.ledger" for step in steps]
