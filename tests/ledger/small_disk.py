"""What happens on a disk that is full or read-only; run inside a mount namespace of its own.

`python -m tests.ledger.small_disk SCENARIO FOLDER` prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mailbatch.errors import LedgerError, MailbatchError, OutputError
from mailbatch.ledger.store import Ledger
from mailbatch.results.file import write_results
from tests.ledger.earlier import rebuild
from tests.ledger.steps import NOW, numbers, open_ledger, people, plan, settle

NAMES = [f"somebody-{n}@example.org" for n in range(300)]


def fill_up(folder: Path, *, but: int = 0) -> None:
    """Take every block that is left, but for some bytes."""
    fd = os.open(folder / "junk", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for size in (1 << 16, 4096, 512, 1):
            try:
                while True:
                    os.write(fd, bytes(size))
            except OSError:
                continue
        os.ftruncate(fd, os.fstat(fd).st_size - but)
    finally:
        os.close(fd)


def send(ledger: Ledger) -> int:
    done = 0
    while leased := ledger.leases.lease(32, now=NOW):
        for delivery in leased:
            settle(ledger, delivery)
            done += 1
    return done


def failure(error: MailbatchError) -> dict[str, Any]:
    return {"exit": error.exit_code, "error": error.message, "hint": error.hint}


def reserved(folder: Path) -> dict[str, Any]:
    """The disk becomes full after the room was taken: nobody notices."""
    with open_ledger(folder / "ledger") as ledger:
        plan(ledger, people(*NAMES))
        ledger.plan.reserve_space()
        fill_up(folder)
        done = send(ledger)
        ledger.plan.mark_finished(NOW)
        counts = numbers(ledger)
    with open_ledger(folder / "ledger") as ledger:
        return {"done": done, "counts": counts, "after": numbers(ledger)}


def too_little(folder: Path) -> dict[str, Any]:
    """There is no room from the beginning: nothing is sent."""
    with open_ledger(folder / "ledger") as ledger:
        plan(ledger, people(*NAMES))
        fill_up(folder)
        try:
            ledger.plan.reserve_space()
        except LedgerError as error:
            seen = failure(error)
        else:
            seen = {}
        (folder / "junk").unlink()
    with open_ledger(folder / "ledger") as ledger:
        return {**seen, "after": numbers(ledger)}


def full_on_the_way(folder: Path) -> dict[str, Any]:
    """The disk becomes full in the middle of a run that has taken no room."""
    ledger = open_ledger(folder / "ledger")
    plan(ledger, people(*NAMES))
    fill_up(folder, but=600_000)
    done, seen = 0, {}
    try:
        while leased := ledger.leases.lease(32, now=NOW):
            for delivery in leased:
                settle(ledger, delivery)
                done += 1
    except LedgerError as error:
        seen = failure(error)
    counts = numbers(ledger)
    try:
        ledger.close()
    except LedgerError as error:
        seen["close"] = error.exit_code
    (folder / "junk").unlink()
    with open_ledger(folder / "ledger") as ledger:
        after = numbers(ledger)
        rest = send(ledger)
        return {**seen, "done": done, "counts": counts, "after": after, "rest": rest}


def full_plan(folder: Path) -> dict[str, Any]:
    """The disk becomes full while the plan is written: the old plan stands."""
    with open_ledger(folder / "ledger") as ledger:
        plan(ledger, people("a", "b"))
        fill_up(folder)
        try:
            plan(ledger, people(*NAMES * 40))
        except LedgerError as error:
            seen = failure(error)
        else:
            seen = {}
        (folder / "junk").unlink()
        return {**seen, "counts": numbers(ledger)}


def full_results(folder: Path) -> dict[str, Any]:
    """The disk becomes full while the results are written: the old file stays."""
    target = folder / "results.csv"
    with open_ledger(folder / "ledger") as ledger:
        plan(ledger, people("a"))
        write_results(ledger, target)
        old = target.read_bytes()
        plan(ledger, people(*NAMES))
        fill_up(folder)
        try:
            write_results(ledger, target)
        except OutputError as error:
            seen = failure(error)
        else:
            seen = {}
        names = sorted(p.name for p in folder.iterdir())
        (folder / "junk").unlink()
        return {**seen, "kept": target.read_bytes() == old, "names": names}


def read_only(folder: Path) -> dict[str, Any]:
    """Looking on needs no right to write; a run does."""
    with open_ledger(folder / "ledger") as ledger:
        plan(ledger, people("a", "b"))
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with Ledger.read(folder / "ledger") as ledger:
        counts = numbers(ledger)
    seen = {"counts": counts}
    for name, step in (
        ("open", lambda: open_ledger(folder / "ledger")),
        ("new", lambda: open_ledger(folder / "new" / "ledger")),
    ):
        try:
            step()
        except LedgerError as error:
            seen[name] = failure(error)
    return seen


def migration(folder: Path) -> list[dict[str, Any]]:
    """The disk is full when a ledger of an earlier version is opened: it stays what it is."""
    seen = []
    for room in (0, 4096, 16_384, 65_536, 262_144):
        path = rebuild("killed", folder / str(room) / "ledger")
        fill_up(folder, but=room)
        found: dict[str, Any] = {"room": room}
        try:
            open_ledger(path).close()
        except LedgerError as error:
            found |= failure(error)
            found["version"] = int.from_bytes(path.read_bytes()[60:64])
        (folder / "junk").unlink()
        with open_ledger(path) as ledger:
            found["after"] = numbers(ledger)
        seen.append(found)
        shutil.rmtree(path.parent)
    return seen


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
