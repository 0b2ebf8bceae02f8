"""The failures of SQLite and of the system in the words of mailbatch, for the whole room.

No `sqlite3.Error` and no `OSError` leaves this room: every failure is a `LedgerError` (exit 74)
with a next step. This module must never repair, recreate or retry anything.

Tests: tests/ledger/test_failures.py.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path
from types import TracebackType

from mailbatch.errors import (
    FREE_SPACE,
    LOOK_AT_THE_DISK,
    MORE_FILES,
    SYSTEM_REMEDIES,
    LedgerError,
)

_DAMAGED = (
    "restore the file from a copy together with its -wal file; without one, nobody can say who has "
    "the message, and mailbatch will not guess"
)
_PUT_BACK = (
    "put back the very files that the last run left. If a copy is all there is, "
    "`mailbatch resolve --restored` goes on from it. That is safe if it was made behind the last "
    "run; else compare the results and the provider's log first, because whoever was mailed since "
    "will be mailed again"
)
_RIGHTS = (
    "run as the user that owns the ledger, make it and its folder writable for this user, "
    "or set --state-dir"
)
_HINTS = {
    "FULL": FREE_SPACE,
    "IOERR": LOOK_AT_THE_DISK,
    "READONLY": "make the ledger and its folder writable for this user, or set --state-dir",
    "PERM": _RIGHTS,
    "AUTH": "make the ledger and its folder readable for this user",
    "CANTOPEN": _RIGHTS,
    "BUSY": "another program has the ledger open for writing: close it, then try again",
    "LOCKED": "another program has the ledger open for writing: close it, then try again",
    "CORRUPT": _DAMAGED,
    "NOTADB": _DAMAGED,
    "PROTOCOL": "keep the ledger on a local disk (--state-dir): this file system cannot lock it",
    "NOMEM": "give the process more memory, then try again",
}
_ERRNO_HINTS = {
    **SYSTEM_REMEDIES,
    errno.EROFS: _HINTS["READONLY"],
    errno.EACCES: _HINTS["PERM"],
    errno.EPERM: _HINTS["PERM"],
    errno.ENOLCK: _HINTS["PROTOCOL"],
    errno.EOPNOTSUPP: _HINTS["PROTOCOL"],
}
_FILES_OF_SQLITE = 4  # ledger, journal, its index, a temporary file


def damaged(path: Path, what: str) -> LedgerError:
    """Return the refusal of a ledger that cannot be trusted.

    >>> print(damaged(Path("news.sqlite3"), "page 3 is torn"))
    news.sqlite3: the ledger is damaged: page 3 is torn
    """
    return LedgerError(f"{path}: the ledger is damaged: {what}", hint=_DAMAGED)


def broken_rule(path: Path, what: str) -> LedgerError:
    """Return the refusal of a change that no correct run asks for: a bug, kept out."""
    return LedgerError(
        f"{path}: {what}",
        hint="this is a bug in mailbatch; the ledger was not changed: run again, and report it",
    )


def taken_over(path: Path, what: str) -> LedgerError:
    """Return the end of a run that lost the ledger: the run must not send another byte."""
    return LedgerError(
        f"{path}: {what} while this run was under way; it was stopped before it could mail twice",
        hint="let one run work on an edition, and leave its ledger and lock file where they are",
    )


def put_back(path: Path, lock: Path, witness: Path) -> LedgerError:
    """Return the refusal of copies that stand in the place of the files of the last run."""
    return LedgerError(
        f"{path}: the ledger was put back from a copy, or written over by one: {lock.name} and "
        f"{witness.name} are not the files that the last run left",
        hint=_PUT_BACK,
    )


def journal_gone(path: Path) -> LedgerError:
    """Return the refusal of a ledger whose last run died, and whose last commits are gone."""
    return LedgerError(
        f"{path}: the ledger is damaged: its last run died, and its journal {path}-wal is gone",
        hint=_PUT_BACK,
    )


def older(path: Path, what: str) -> LedgerError:
    """Return the refusal of a ledger that does not know all that the last run did.

    >>> print(older(Path("news.sqlite3"), "it ends at run 2 of 3"))
    news.sqlite3: the ledger is an older copy: it ends at run 2 of 3
    """
    return LedgerError(f"{path}: the ledger is an older copy: {what}", hint=_PUT_BACK)


def unlike_its_seal(path: Path) -> LedgerError:
    """Return the refusal of a ledger whose bytes are not those that were put away."""
    return LedgerError(
        f"{path}: the ledger is damaged, or an older copy: it is not what its last run put away",
        hint=_PUT_BACK,
    )


def from_sqlite(path: Path, error: sqlite3.Error) -> LedgerError:
    """Return the LedgerError for an error of SQLite."""
    name: str = getattr(error, "sqlite_errorname", "") or ""
    kind = name.removeprefix("SQLITE_").partition("_")[0]
    if kind in {"CORRUPT", "NOTADB"}:
        return damaged(path, str(error))
    if name == "SQLITE_BUSY_SNAPSHOT":  # it was written since this process looked last
        return taken_over(path, "another program wrote the ledger")
    if name == "SQLITE_IOERR_SHMSIZE":  # the index of the journal finds no room
        kind = "FULL"
    cause = f"{error} ({name})" if name else str(error)
    hint = _HINTS.get(kind, "run again; if it stays, report it with this text")
    if kind in {"CANTOPEN", "IOERR"} and (shortage := _shortage_of_files()) is not None:
        cause, hint = shortage.strerror or str(shortage), MORE_FILES
    return LedgerError(f"{path}: the ledger cannot be used: {cause}", hint=hint)


def _shortage_of_files() -> OSError | None:
    """Return why no file can be opened now, which SQLite does not tell; None if files open."""
    with contextlib.ExitStack() as opened:
        try:
            for _ in range(_FILES_OF_SQLITE):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return error
    return None


def from_system(
    path: Path, error: OSError, *, what: str = "the ledger cannot be used"
) -> LedgerError:
    """Return the LedgerError for an error of the operating system; `what` could not be done.

    `option` names another place for a file that is not the ledger.
    """
    hint = _ERRNO_HINTS.get(error.errno or 0, "look at the path and its permissions")
    return LedgerError(f"{path}: {what}: {error.strerror or error}", hint=hint)


class Guard:
    """A context that turns every `sqlite3.Error` inside into a `LedgerError`.

    One instance serves a whole ledger: nothing is kept between uses.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, sqlite3.Error):
            raise from_sqlite(self._path, error) from error
