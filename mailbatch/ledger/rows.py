"""The rows that a ledger tells of: each the row of a recipient table, as one question wants it.

    for row in ledger.standing.result_rows():    # ResultRow(row=2, ...)
        writer.write(row)

Values only, which pass through the roles of `ports.py`: every kind of ledger depends upon this
module, so this module never imports one that stores anything.

Tests: tests/ledger/test_run.py, tests/ledger/test_keys.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mailbatch.frozen import frozen
from mailbatch.outcome import Status


class ResultRow(NamedTuple):
    r"""One row of the results: a row of the recipient table, and where it stands.

    `row` is the line of the record, None when the row left the table. `message_id` is the
    server's, `header_message_id` ours, both without angle brackets. `group` is `de/pro`, with `/`
    and `\` in a value escaped by a backslash. Times are seconds since the epoch, UTC. `reason`
    adds to the reply, and names the copies (Cc, Bcc) that were refused. `server` had the last
    attempt, where that is another one than the first server of the job.
    """

    row: int | None
    email: str
    status: Status
    message_id: str | None
    reply_code: int | None
    enhanced_status: str | None
    reply: str | None
    attempts: int
    group: str | None
    edition: str
    header_message_id: str | None
    first_attempt_at: float | None
    settled_at: float | None
    reason: str | None
    server: str | None


class SharedRows:
    """A block of the results whose rows mostly share their facts.

    `rows` are line, address and a key, and maybe more. `facts` has for each key the values of a
    `ResultRow` behind the address. Iterating gives whole rows, as bare tuples.
    """

    __slots__ = ("facts", "rows")

    def __init__(
        self, rows: Sequence[tuple[Any, ...]], facts: Mapping[Hashable, tuple[Any, ...]]
    ) -> None:
        self.rows = rows
        self.facts = facts

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        facts = self.facts
        return ((line, address, *facts[key]) for line, address, key, *_ in self.rows)


class AttemptedRow(NamedTuple):
    """The names of the message that a row of the recipient table was tried with.

    The fields are those of a `ResultRow`; here a row always has a `header_message_id`.
    """

    email: str
    message_id: str | None
    header_message_id: str


@frozen
class UnfinishedRow:
    """A row of the recipient table that did not come through, with the cells."""

    line: int
    status: Status
    values: tuple[str, ...]


class KeyedRow(NamedTuple):
    """A row of a plan with its key; `wanted` says that the row asks for a message.

    `cells` are those of the row, as a JSON list.
    """

    line: int | None
    address: str
    key: str
    cells: str
    wanted: bool


class Moved(NamedTuple):
    """A row that gets nothing: its key had the message at another address, `mailed`.

    `status` is accepted, skipped or in doubt, or that of a recipient who is sent to again.
    """

    line: int
    address: str
    mailed: str
    status: Status


class Repeat(NamedTuple):
    """A row that is a `duplicate`, and the cells of the row that stands for both.

    `elsewhere` is the address of the row, where the other one is mailed at another address.
    """

    line: int
    values: tuple[str, ...]
    mailed: tuple[str, ...]
    elsewhere: str | None


@frozen
class PlanChange:
    """The changes of a plan, in rows of the recipient table.

    `rows` is the number of rows of the table. `added` were never asked for before; `changed` are
    unsettled rows with other fields; `withdrawn` left the table unsent; `stopped` became
    suppressed, filtered or invalid unsent; `returned` were withdrawn or stopped and are pending
    again.
    """

    rows: int
    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    stopped: int = 0
    returned: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.withdrawn or self.stopped or self.returned)


@frozen
class Doubt:
    """A recipient that may have the message.

    `line` is None when the row left the table. `message_id` is ours, without angle brackets.
    `at` is when the attempt was made (seconds since the epoch), `reason` the last thing seen of it.
    `digest` is the SHA-256 of its commit point, if one was given. `key` is the name of the delivery
    (`Delivery.key`), `recipient` the key of the recipient (`identity`).
    """

    address: str
    line: int | None
    delivery_id: int
    key: str
    message_id: str
    at: float
    reason: str
    digest: bytes | None
    recipient: str


class Before(NamedTuple):
    """An edition that stands before another one in a thread, as that other one keeps the edition.

    `ledger` is the id of its ledger. Recipients count that were accepted there before `until`
    (seconds since the epoch).
    """

    edition: str
    ledger: str
    until: float
