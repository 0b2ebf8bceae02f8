"""What a server of the tests did, as JSON-able records, each written before the reply it tells of.

A record has `n` (from 1), `connection`, `transaction` (the last MAIL's number), `stage`, `command`,
`reply` (what is about to be written, None if nothing), `fault` (its kind) and the facts of its
stage; see `fault_server`. With a file each record is one line, flushed, so that it survives whoever
is killed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the server has taken over.

    `told` is True where a complete positive reply was, or was going to be, written; `reply` is what
    was written, if anything. `body` is the SHA-256 of the content behind the header. `named` are
    the recipients' addresses that stand in its content, `thread` its In-Reply-To and References,
    each empty where there is none.
    """

    connection: int
    transaction: int
    mail_from: str
    recipients: tuple[str, ...]
    message_id: str | None
    sha256: str
    size: int
    told: bool
    reply: str | None
    named: tuple[str, ...]
    thread: tuple[str, ...] = ("", "")
    body: str = ""


def deliveries(records: Iterable[Record]) -> list[Taken]:
    """The messages taken over, in their order: what the world would see."""
    return [
        Taken(
            connection=record["connection"],
            transaction=record["transaction"],
            mail_from=record["mail_from"],
            recipients=tuple(record["recipients"]),
            message_id=record["message_id"],
            sha256=record["sha256"],
            size=record["size"],
            told=record["told"],
            reply=record["reply"],
            named=tuple(record["named"]),
            thread=tuple(record["thread"]),
            body=record["body"],
        )
        for record in records
        if record.get("taken")
    ]


def read_journal(file: Path) -> list[Record]:
    """Read the records of a journal file; a line that is still being written is left out."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]


class Journal:
    """A list of records that many threads append to and anyone may look at."""

    def __init__(self, file: Path | None = None) -> None:
        self._records: list[Record] = []
        self._limit: int | None = None
        self._grown = threading.Condition()
        self._file = None if file is None else file.open("a", encoding="utf-8")

    def append(self, record: Record) -> None:
        """Add a record, numbered, and have it in the file before this returns.

        While the journal is at its limit this waits, and whoever appends does nothing more.
        """
        with self._grown:
            while self._limit is not None and len(self._records) >= self._limit:
                self._grown.wait()
            record = {"n": len(self._records) + 1, **record}
            self._records.append(record)
            if self._file is not None:
                self._file.write(json.dumps(record) + "\n")
                self._file.flush()
            self._grown.notify_all()

    def limit(self, records: int | None) -> None:
        """Let no more than that many records in until told otherwise; None for any number."""
        with self._grown:
            self._limit = records
            self._grown.notify_all()

    def snapshot(self) -> list[Record]:
        """A copy of the records so far."""
        with self._grown:
            return list(self._records)

    def wait_for(self, fact: Callable[[list[Record]], bool], seconds: float = 10.0) -> list[Record]:
        """Wait until `fact` holds of the records and give them; TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._grown:
            while not fact(self._records):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"not in the journal after {seconds} s: {self._records}")
                self._grown.wait(left)
            return list(self._records)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
