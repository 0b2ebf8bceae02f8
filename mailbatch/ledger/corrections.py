"""The corrections that an edition has part in: facts of both ledgers, and the letters to compare.

    earlier.corrections().take_over("2026-W48.corrected")   # nothing of 2026-W48 is sent any more
    earlier.corrections().had(["ann@example.com"])
    # {'ann@example.com': Had(id=1, address='ann@example.com', status='accepted', ...)}

A correction is an edition with a ledger of its own. Its ledger is bound to the edition that it
corrects before that edition is marked, so that a mark always names a ledger that is there. This
module must never judge a letter, nor look at another ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from mailbatch.envelope import Recipient
from mailbatch.ledger.corrected import Had
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.forgotten import Forgotten
from mailbatch.ledger.message_names import DATE, MESSAGE_ID
from mailbatch.ledger.rows import Before
from mailbatch.ledger.standing import DIGEST, DIGEST_TABLES
from mailbatch.ledger.threads import FACT as THREAD
from mailbatch.ledger.threads import fact_of
from mailbatch.ledger.under_way import UnderWay
from mailbatch.outcome import Status

_CORRECTS = "corrects"
_CORRECTED_BY = "corrected_by"
_HAD = f"""
SELECT s.key, s.id, s.address, s.status, s.header_id, s.cells, {MESSAGE_ID}, {DATE}, {DIGEST}
FROM json_each(?) AS k CROSS JOIN standing AS s ON s.key = k.value AND s.claim = 'own'
{DIGEST_TABLES}
"""  # noqa: S608 - of the constants above
_HEADERS = "SELECT id, columns FROM header"
_UNMAILABLE = "SELECT DISTINCT key FROM recipient WHERE claim IS NULL AND status = 'invalid'"
_ROWS = "SELECT EXISTS (SELECT 1 FROM recipient)"


class Corrections:
    """The corrections of an edition; `under_way` None only reads."""

    __slots__ = ("_database", "_headers", "_people", "_under_way")

    def __init__(self, database: Database, under_way: UnderWay | None) -> None:
        self._database = database
        self._under_way = under_way
        self._headers: dict[int, tuple[str, ...]] = {}
        self._people: list[Forgotten | None] = []

    @property
    def corrects(self) -> str | None:
        """The edition that this one corrects; None: the edition is no correction."""
        return self._database.fact(_CORRECTS)

    @property
    def corrected_by(self) -> str | None:
        """The edition that took over from this one; None: no edition did."""
        return self._database.fact(_CORRECTED_BY)

    @property
    def is_planned(self) -> bool:
        """Whether the ledger has rows: those of an edition that is no correction, maybe."""
        with self._database.guard:
            return bool(self._database.connection.execute(_ROWS).fetchone()[0])

    def begin(self, before: Sequence[Before]) -> None:
        """Bind the ledger to the edition that it corrects, synced; `before` has that one first.

        The other editions are those of its thread, the last one first.
        """
        self._check_open()
        with self._database.transaction(durable=True) as connection:
            set_fact(connection, _CORRECTS, before[0].edition)
            set_fact(connection, THREAD, fact_of(before))

    def take_over(self, by: str) -> None:
        """Mark the edition as corrected by the edition `by`, synced: no run sends it any more."""
        self._check_open()
        with self._database.transaction(durable=True) as connection:
            set_fact(connection, _CORRECTED_BY, by)

    def had(self, keys: Iterable[str]) -> dict[str, Had]:
        """Return the recipients with these keys, by key; a row that asked for no mail is none.

        The key of a person that the ledger has forgotten finds the row all the same.
        """
        forgotten = self._forgotten()
        asked = {key if forgotten is None else forgotten.alias(key) or key: key for key in keys}
        wanted = json.dumps(list(asked))
        with self._database.guard:
            found = self._database.connection.execute(_HAD, (wanted,)).fetchall()
        return {
            asked[key]: Had(
                row_id, address, Status(status), self._columns(header),
                tuple(json.loads(cells)), message_id, date, digest,
            )
            for key, row_id, address, status, header, cells, message_id, date, digest in found
        }  # fmt: skip

    def forgotten(self, row: Recipient) -> Recipient | None:
        """Return a row of a table under the alias of its person; None: nobody was forgotten."""
        forgotten = self._forgotten()
        hidden = row if forgotten is None else forgotten.disguised(row)
        return None if hidden is row else hidden

    def unmailable(self) -> frozenset[str]:
        """Return the keys of rows that could not be mailed, and never asked for a mail."""
        with self._database.guard:
            found = self._database.connection.execute(_UNMAILABLE).fetchall()
        return frozenset(key for (key,) in found)

    def _forgotten(self) -> Forgotten | None:
        """Return the people that the ledger has forgotten, read once; None: nobody was."""
        if not self._people:
            with self._database.guard:
                self._people.append(Forgotten.of(self._database.connection))
        return self._people[0]

    def _columns(self, header: int) -> tuple[str, ...]:
        if header not in self._headers:
            with self._database.guard:
                found = self._database.connection.execute(_HEADERS).fetchall()
            self._headers = {one: tuple(json.loads(columns)) for one, columns in found}
        return self._headers[header]

    def _check_open(self) -> None:
        if self._under_way is None:
            raise broken_rule(self._database.path, "the ledger is not open for writing")
        self._under_way.check_open()
