"""The kinds of ledger that the contract is asked of, and how each of them is opened and dies."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mailbatch.ledger.ports import Answer, OpenLedger, answer, near
from mailbatch.ledger.store import Ledger
from tests.ledger.steps import copy_files, forget_the_process
from tests.support.far_ledger import FarLedger
from tests.support.postgresql import check_present, shared_cluster

T = TypeVar("T")


class Backend(Protocol):
    """One edition's ledger of a kind. All openings are of that one edition, one after the other.

    A suite opens, closes and kills; between two openings a backend may move or copy what it stores.
    """

    #: Whether `lose_power` can be played; else the suite leaves it out.
    plays_power_loss: bool

    def open_to_run(self, *, job: str = "news", edition: str = "48") -> OpenLedger:
        """Open it for a run; it is created if there is none."""

    def open_to_decide(self) -> OpenLedger:
        """Open it to decide about doubts."""

    def open_to_read(self) -> OpenLedger:
        """Open it to read."""

    def wait(self, given: Answer[T]) -> T:
        """Wait for an answer of `Leases` or `Records`."""

    def all_is_permanent(self) -> None:
        """Take note that the last answer was one that no power loss takes back."""

    def die(self, ledger: OpenLedger) -> None:
        """Let the process that has it open die by kill -9; `ledger` is not used any more."""

    def lose_power(self, ledger: OpenLedger, choose: Callable[[int], int]) -> None:
        """Let the machine of the ledger go down; `ledger` is not used any more.

        `choose(n)` picks a number from 0 to n: n is all that was not permanent, 0 is nothing of it.
        """

    def remove(self) -> None:
        """Remove all that it stores."""


class FileBackend:
    """A ledger in a file of this machine."""

    plays_power_loss = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies = 0
        self._boots = 1
        self._permanent = 0
        self._path = folder / "0" / "ledger"

    @property
    def _boot(self) -> str:
        return f"boot {self._boots}"

    @property
    def _journal(self) -> Path:
        return self._path.with_name(f"{self._path.name}-wal")

    def open_to_run(self, *, job: str = "news", edition: str = "48") -> Any:
        return Ledger.open(
            self._path, job=job, edition=edition, message_id_domain="example.com",
            boot_id=self._boot,
        )  # fmt: skip

    def open_to_decide(self) -> OpenLedger:
        return Ledger.reopen(self._path, boot_id=self._boot)

    def open_to_read(self) -> OpenLedger:
        return Ledger.read(self._path, boot_id=self._boot)

    def wait(self, given: Answer[T]) -> T:
        return near(given)

    def all_is_permanent(self) -> None:
        self._permanent = self._journal.stat().st_size

    def die(self, ledger: OpenLedger) -> None:
        """A process that dies keeps every byte that it wrote: a copy of the files as they are."""
        self._copies += 1
        place = copy_files(self._path, self._folder / str(self._copies))
        ledger.close()
        shutil.rmtree(self._path.parent)
        self._path = place
        forget_the_process(place)

    def lose_power(self, ledger: OpenLedger, choose: Callable[[int], int]) -> None:
        """The journal keeps what was synced, and any beginning of what was written later."""
        self.die(ledger)
        self._boots += 1
        size = self._journal.stat().st_size
        if size <= self._permanent:
            return
        lost_from = size - choose(size - self._permanent)
        with self._journal.open("r+b") as stream:
            if choose(1):  # the size reached the disk, the bytes did not
                stream.seek(lost_from)
                stream.write(bytes(size - lost_from))
            else:
                stream.truncate(lost_from)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class FarFileBackend(FileBackend):
    """The same, whose leases and records are answered later, in an event loop of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._runner = asyncio.Runner()

    def open_to_run(self, *, job: str = "news", edition: str = "48") -> Any:
        return FarLedger(super().open_to_run(job=job, edition=edition))

    def wait(self, given: Answer[T]) -> T:
        return self._runner.run(answer(given))

    def remove(self) -> None:
        self._runner.close()
        super().remove()


class PostgresBackend:
    """A ledger in a schema of its own, in the private cluster of this process."""

    #: PostgreSQL's own affair: what is acknowledged is on its disk (`synchronous_commit`).
    plays_power_loss = False

    def __init__(self, _folder: Path) -> None:
        check_present()
        self._cluster = shared_cluster()
        self._place = self._cluster.new_place()
        self._runner = asyncio.Runner()

    def open_to_run(self, *, job: str = "news", edition: str = "48") -> Any:
        domain = "example.com"
        return self._store.open(self._place, job=job, edition=edition, message_id_domain=domain)

    def open_to_decide(self) -> OpenLedger:
        return self._store.reopen(self._place)

    def open_to_read(self) -> OpenLedger:
        return self._store.read(self._place)

    @property
    def _store(self) -> Any:
        from mailbatch.ledger.postgres.store import PostgresLedger  # an extra

        return PostgresLedger

    def wait(self, given: Answer[T]) -> T:
        return self._runner.run(answer(given))

    def all_is_permanent(self) -> None:
        """All that is acknowledged is."""

    def die(self, ledger: OpenLedger) -> None:
        """The connections of a process that dies end, and no statement of it comes any more."""
        self._cluster.disconnect(self._place)
        ledger.close()

    def lose_power(self, ledger: OpenLedger, choose: Callable[[int], int]) -> None:
        raise NotImplementedError

    def remove(self) -> None:
        self._runner.close()
        self._cluster.drop(self._place)


#: Every kind of ledger, by name: made of an empty folder that is its own.
BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "file": FileBackend,
    "far": FarFileBackend,
    "postgres": PostgresBackend,
}
