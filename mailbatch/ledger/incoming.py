"""The rows of a plan as they come in: in blocks, with encoded cells and a digest of all rows.

    for block in blocks(rows, digest):
        connection.executemany("INSERT ...", zip(block.lines, block.addresses, block.keys))

A block is a set of columns, since a million rows go through here: a column is encoded, digested
and handed to SQLite without a statement of Python for each row. This module must never change a
row, nor hold more than a block of them.

Tests: tests/ledger/test_plan.py, tests/ledger/contract/test_model.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeAlias

from mailbatch.envelope import Recipient, address_keys
from mailbatch.ledger.cells import pack, pack_plain
from mailbatch.outcome import Status
from mailbatch.plain_rows import InBlocks, PlainRows

#: The rows of a block: larger blocks are not faster.
ROWS = 256
_HEAD = 64
_MOST_CLUSTERS = 4096
_PENDING = Status.PENDING.value
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


#: A row of `incoming`, in the order of its columns.
Row: TypeAlias = "tuple[int, str, str, str | None, str, str | None, bool, str, str | None]"
#: The temporary table of rows that a merge compares with the recipients.
INCOMING = """
CREATE TEMP TABLE incoming (
  line INTEGER PRIMARY KEY, address TEXT, key TEXT, mailbox TEXT, cells TEXT, cluster TEXT,
  wanted INTEGER, status TEXT, reason TEXT)
"""
LAY = "INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class PlanDigest:
    """The digest of a plan: of the settings that its rows are read by, and of the rows.

    `head` is the digest of the first `_HEAD` blocks, None before these are there: a table that
    changed in one row of a hundred differs there already.
    """

    __slots__ = ("_blocks", "_digest", "head")

    def __init__(self, settings: Sequence[object]) -> None:
        self._digest = hashlib.sha256(encode(settings).encode())
        self._blocks = 0
        self.head: str | None = None

    def add(self, said: str) -> None:
        """Add a block of rows."""
        self._digest.update(said.encode())
        self._blocks += 1
        if self._blocks == _HEAD:
            self.head = self._digest.hexdigest()

    @property
    def text(self) -> str:
        """The digest of all so far, in hexadecimal."""
        return self._digest.hexdigest()


class Block(NamedTuple):
    """Rows of the recipient table, column by column; `cells` are packed (module `cells`).

    A mailbox is the address in lower case, None where the key is that; a cluster is the values of
    `group_by` as a JSON list, None where the row has a message alone. A time is that of sending, in
    the text of `Recipient.send_at`.
    """

    lines: Sequence[int]
    addresses: Sequence[str]
    keys: Sequence[str]
    mailboxes: Sequence[str | None]
    cells: Sequence[str]
    clusters: Sequence[str | None]
    statuses: Sequence[str]
    reasons: Sequence[str | None]
    times: Sequence[str | None]

    @property
    def own_keys(self) -> list[str | None]:
        """The keys that are not the very address; None for the others."""
        if self.keys is self.addresses:
            return [None] * len(self.keys)
        pairs = zip(self.keys, self.addresses, strict=True)
        return [None if key == address else key for key, address in pairs]

    @property
    def is_wanted(self) -> bool:
        """Whether every row asks for a mail."""
        return self.statuses.count(_PENDING) == len(self.statuses)


def rows_of(block: Block) -> list[Row]:
    """Return the rows of a block as rows of `incoming`."""
    wanted = [status == _PENDING for status in block.statuses]
    rows = zip(
        block.lines, block.addresses, block.keys, block.mailboxes, block.cells, block.clusters,
        wanted, block.statuses, block.reasons, strict=True,
    )  # fmt: skip
    return list(rows)


class _Clusters(dict[tuple[str, ...] | None, str | None]):
    """The JSON list of each group, made once."""

    def __missing__(self, group: tuple[str, ...] | None) -> str | None:
        if len(self) == _MOST_CLUSTERS:
            self.clear()
        self[group] = found = encode(group) if group else None
        return found


def blocks(rows: Iterable[Recipient], digest: PlanDigest) -> Iterator[Block]:
    """Yield the rows in blocks, and add these to the digest."""
    known = _Clusters()
    for found in rows.blocks() if isinstance(rows, InBlocks) else _cut(rows):
        block = _plain(found, known) if isinstance(found, PlainRows) else _block(found, known)
        digest.add(_said(block))
        yield block


def _cut(rows: Iterable[Recipient]) -> Iterator[list[Recipient]]:
    rest = iter(rows)
    while found := list(islice(rest, ROWS)):
        yield found


def _block(found: Sequence[Recipient], known: _Clusters) -> Block:
    lines, addresses, values, groups, statuses, reasons, given, times = zip(*found, strict=True)
    cells = pack(values, addresses)
    clusters = groups if not any(groups) else list(map(known.__getitem__, groups))
    keys, mailboxes = _keys(given, address_keys(addresses))
    return Block(lines, addresses, keys, mailboxes, cells, clusters, statuses, reasons, times)


def _plain(rows: PlainRows, known: _Clusters) -> Block:
    """Return plain rows as a block, without a look at any single one."""
    first, addresses, cells, groups = rows
    number = len(addresses)
    keys = address_keys(addresses)
    nothing = [None] * number
    return Block(
        range(first, first + number),
        addresses,
        addresses if keys == addresses else keys,
        nothing,
        pack_plain(cells, addresses),
        nothing if groups is None else list(map(known.__getitem__, groups)),
        [_PENDING] * number,
        nothing,
        nothing,
    )


def count_unchanged(
    rows: Iterable[Recipient], digest: PlanDigest, *, known: str, head: str | None
) -> int | None:
    """Count the rows of a plan whose digest is `known`; None for any other plan.

    Reads no more than the first rows where those differ from the plan with the digest `head`.
    """
    number = 0
    for block in blocks(rows, digest):
        number += len(block.lines)
        if digest.head not in {None, head}:
            return None
    return number if digest.text == known else None


def _said(block: Block) -> str:
    """Return a block as a text that no other block has; most need no encoder."""
    lines, addresses = block.lines, "\n".join(block.addresses)
    number = len(lines)
    if addresses.count("\n") >= number:  # one that is none has a line end
        addresses = encode(block.addresses)
    numbers = f"{lines[0]}+" if lines[-1] - lines[0] == number - 1 else f"{lines}"
    others = _others_said(block)
    if block.times.count(None) != number:  # a plan without times has the digest that it always had
        others = f"{others}{encode(block.times)}"
    return "\n".join((f"{number} {numbers}", addresses, *block.cells, others))


def _others_said(block: Block) -> str:
    """Return groups, statuses and reasons of a block: mostly the groups alone, or nothing."""
    clusters = [cluster for cluster in block.clusters if cluster is not None]
    if block.is_wanted and len(clusters) in {0, len(block.clusters)}:
        return "\n".join(clusters)  # a JSON list has no line end
    return encode([block.clusters, block.statuses, block.reasons])


def _keys(
    given: Sequence[str | None], mailboxes: list[str]
) -> tuple[Sequence[str], Sequence[str | None]]:
    """Return the keys of rows, and the mailboxes that have to stand beside the keys."""
    if given.count(None) == len(given):
        return mailboxes, given
    pairs = zip(given, mailboxes, strict=True)
    known = [(box, None) if key is None else (key, box) for key, box in pairs]
    return [key for key, _ in known], [box for _, box in known]


def encode(values: Sequence[object]) -> str:
    """Return a JSON list, without spaces.

    >>> print(encode(["ann@example.com", "Ann"]))
    ["ann@example.com","Ann"]
    """
    return _encode(values)
