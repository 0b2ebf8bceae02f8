"""The parts of groups in a first plan, given out while the rows come.

    parts = FirstParts(connection, limit=1000)
    for block in blocks:
        groups, deliveries = parts.place(block)      # of each row: None where it has none
    parts.finish()

A row gets its group, and a delivery of at most `limit` recipients, before it is written: so it is
written once. Deliveries are numbered by the first row of each, as `assignment` numbers them. Where
groups are too many to be remembered, rows get a group alone, and `assignment` gives the deliveries.
This module must never be used where a group is known, nor count a row that asks for no mail.

Tests: tests/ledger/test_groups.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailbatch.ledger.incoming import Block
from mailbatch.outcome import Status

#: So many groups are remembered: 4 MiB.
MOST_GROUPS = 16_384
_PENDING = Status.PENDING.value


class _Group:
    """A group with the delivery that takes its next recipient, and the room in there."""

    __slots__ = ("delivery", "id", "part", "room")

    def __init__(self, row_id: int) -> None:
        self.id = row_id
        self.part = self.room = self.delivery = 0


class FirstParts:
    """The groups and deliveries of an edition that had none."""

    __slots__ = ("_connection", "_given", "_known", "_last_delivery", "_last_group", "_limit",
                 "_most", "everywhere", "spilled")  # fmt: skip

    def __init__(
        self, connection: sqlite3.Connection, limit: int, *, most: int = MOST_GROUPS
    ) -> None:
        """Give out deliveries of `limit` recipients, of `most` groups at most."""
        self._connection = connection
        self._limit = limit
        self._most = most
        self._known: dict[str, _Group] = {}
        self._given: list[tuple[int, int, int]] = []
        self._last_group = 0
        (self._last_delivery,) = connection.execute(
            "SELECT coalesce(max(id), 0) FROM delivery"
        ).fetchone()
        #: Whether there are too many groups: no row has a delivery then.
        self.spilled = False
        #: Whether every row so far has a group.
        self.everywhere = True

    def place(self, block: Block) -> tuple[Sequence[int | None], Sequence[int | None]]:
        """Return the group and the delivery of each row; write down those that are new."""
        self._learn(block.clusters)
        self.everywhere = self.everywhere and None not in block.clusters
        known = self._known
        groups = [None if cluster is None else known[cluster] for cluster in block.clusters]
        ids = [None if group is None else group.id for group in groups]
        if self.spilled:
            return ids, [None] * len(ids)
        deliveries = [
            None if group is None or status != _PENDING else self._delivery(group)
            for group, status in zip(groups, block.statuses, strict=True)
        ]
        if self._given:
            self._connection.executemany(
                "INSERT INTO delivery (id, group_id, part, due) VALUES (?, ?, ?, 0)", self._given
            )
            self._given.clear()
        return ids, deliveries

    def finish(self) -> None:
        """Write down how many parts each group has."""
        if not self.spilled:
            self._connection.executemany(
                "UPDATE recipient_group SET parts = ? WHERE id = ?",
                [(group.part, group.id) for group in self._known.values()],
            )

    def _delivery(self, group: _Group) -> int:
        if not group.room:
            self._last_delivery += 1
            group.delivery = self._last_delivery
            group.part += 1
            group.room = self._limit
            self._given.append((group.delivery, group.id, group.part))
        group.room -= 1
        return group.delivery

    def _learn(self, clusters: Sequence[str | None]) -> None:
        """Write new groups down, in their order; forget all others where these are too many."""
        new = [one for one in dict.fromkeys(clusters) if one not in self._known and one is not None]
        if len(self._known) + len(new) > self._most:
            self.spilled = True
            self._known.clear()
            new = [one for one in dict.fromkeys(clusters) if one is not None]
        for cluster in new:
            self._known[cluster] = self._written(cluster)

    def _written(self, cluster: str) -> _Group:
        if self.spilled:  # it may have been forgotten
            found = self._connection.execute(
                "SELECT id FROM recipient_group WHERE cells = ?", (cluster,)
            ).fetchone()
            if found is not None:
                return _Group(found[0])
        self._last_group += 1
        self._connection.execute(
            "INSERT INTO recipient_group (id, cells) VALUES (?, ?)", (self._last_group, cluster)
        )
        return _Group(self._last_group)
