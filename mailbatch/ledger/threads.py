"""The thread of an edition: the editions before, kept as a fact, and the messages to stand behind.

    ledger.thread.keep((Before("2026-W47", "5f8a…", 1_795_767_300.0),))
    earlier.thread.messages(["ann@example.com"], until=1_795_767_300.0)
    # {'ann@example.com': '8c9f…@example.com'}

A message is named once it was accepted, and only where that was before an instant: a recipient that
is settled afterwards changes no answer. One statement for many keys, along the index of the keys.
This module must never choose an edition, nor look at another ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.message_names import MESSAGE_ID
from mailbatch.ledger.rows import Before
from mailbatch.ledger.under_way import UnderWay

#: The name of the fact.
FACT = "thread"
_MESSAGES = f"""
SELECT s.key, {MESSAGE_ID}
FROM json_each(?) AS k CROSS JOIN standing AS s ON s.key = k.value AND s.claim = 'own'
LEFT JOIN delivery AS d ON d.id = s.delivery_id
WHERE s.status = 'accepted' AND s.settled_at < ?
AND (d.id IS NOT NULL OR s.message_id IS NOT NULL)
"""  # noqa: S608 - constants


class Thread:
    """The thread of an edition; `under_way` None only reads."""

    __slots__ = ("_database", "_under_way")

    def __init__(self, database: Database, under_way: UnderWay | None) -> None:
        self._database = database
        self._under_way = under_way

    @property
    def ledger(self) -> str:
        """The id of the ledger; empty for one of an earlier mailbatch that no run has opened."""
        return self._database.fact("id") or ""

    def before(self) -> tuple[Before, ...] | None:
        """Return the editions of the thread, the last one first; None: none was chosen yet."""
        return before_of(self._database.fact(FACT))

    def keep(self, before: Sequence[Before]) -> tuple[Before, ...]:
        """Keep the editions of the thread, synced, unless some are kept; return the kept ones."""
        if self._under_way is None:
            raise broken_rule(self._database.path, "the ledger is not open for writing")
        self._under_way.check_open()
        with self._database.transaction(durable=True) as connection:
            kept = self.before()
            if kept is None:
                kept = tuple(before)
                set_fact(connection, FACT, fact_of(kept))
        return kept

    def messages(self, keys: Iterable[str], until: float) -> dict[str, str]:
        """Return the Message-ID of each recipient, by key, that was accepted before `until`."""
        wanted = json.dumps(list(keys))
        with self._database.guard:
            return dict(self._database.connection.execute(_MESSAGES, (wanted, until)))


def fact_of(before: Iterable[Before]) -> str:
    """Return the editions of a thread as JSON, which stands in a ledger.

    >>> fact_of([Before("1", "5f8a", 1.5)])
    '[["1", "5f8a", 1.5]]'
    """
    return json.dumps([list(one) for one in before])


def before_of(text: str | None) -> tuple[Before, ...] | None:
    """Return the editions of a thread from the JSON of a ledger; None without a text."""
    return None if text is None else tuple(Before(*one) for one in json.loads(text))
