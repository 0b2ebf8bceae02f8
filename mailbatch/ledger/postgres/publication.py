"""The publication of a mailing in the database: its bundle, its samples, and its stop.

    publication = OfDatabase(link, held, names)
    publication.publish(Published(name, samples, versions), data)

The rules are those of `ledger.published`. This module must never look into a bundle.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from mailbatch.envelope import Delivery
from mailbatch.errors import JobError
from mailbatch.ledger.attempts import COLUMNS, NOBODY, Head, Names, Row, of_one, of_some
from mailbatch.ledger.postgres.burial import bury
from mailbatch.ledger.postgres.company import Lookout
from mailbatch.ledger.postgres.grants import Grants, forget_count
from mailbatch.ledger.postgres.leasing import check_nothing_leased
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.locks import stand_still
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.turns import Turns
from mailbatch.ledger.published import Bound, Company, Published, Sample

#: The date of a sample (seconds since the epoch): no message of a run has it.
_DATE = 1_000_000_000
#: All that this version knows of a publication.
_KNOWN = frozenset(one.name for one in fields(Published))


class OfDatabase:
    """The publication of one edition; `names` makes Message-IDs at a domain."""

    __slots__ = ("_grants", "_held", "_link", "_names", "lookout", "turns")

    def __init__(
        self, link: Link, held: OpenLeases, grants: Grants, names: Callable[[str], Names]
    ) -> None:
        self._link = link
        self._held = held
        self._grants = grants
        self._names = names
        self.turns = Turns(link)
        self.lookout = Lookout(link, held)

    def bound_by(self, bound: Bound) -> None:
        """Have claims of this process take recipients within a bound, and count for it now."""
        self._link.wait(self._grants.bound_by(bound))

    def judged_by(self, bound: Bound) -> None:
        """Have a bound judge what counts now, beside all claims."""
        self._link.wait(self._grants.judged_by(bound))

    def telling(self, domain: str) -> list[tuple[int, Delivery]]:
        """Return the deliveries of telling recipients, with their row ids."""
        ids = dict.fromkeys(row["id"] for row in self._link.wait(self._link.fetch(_TELLING)))
        found = ((row_id, self.delivery_of(row_id, domain)) for row_id in ids)
        return [(row_id, delivery) for row_id, delivery in found if delivery is not None]

    def delivery_of(self, recipient: int, domain: str) -> Delivery | None:
        """Return the sample delivery of a row; None where the row is gone."""
        return self._link.wait(self._delivery_of(recipient, self._names(domain)))

    async def _delivery_of(self, recipient: int, names: Names) -> Delivery | None:
        found = await self._link.fetch(_ROWS, recipient)
        if not found:
            return None
        # As if nothing had been tried: the standing of a row is no part of its message.
        rows = [
            Row._make(row[2:])._replace(
                status="pending", due=0.0, attempts=0, reason=None, resend=0, digest=None
            )
            for row in found
        ]
        head = Head(1, found[0]["part"], None, _DATE, 0, None, found[0]["cells_of_group"])
        attempt = of_one(rows[0]) if len(rows) == 1 else of_some(rows, float(_DATE), None)
        return names.delivery(head, attempt, float(_DATE), NOBODY)

    def publish(self, published: Published, archive: bytes) -> None:
        """Let workers send with a bundle; another one waits until nothing is leased.

        Raises:
            LedgerLocked: workers have messages under way, made of another bundle.
        """
        self._grants.step_is_used_up = False  # as no claim of the new step has said
        if self.current() == published:
            return
        with self._link.transaction(self._writing()) as connection:
            self._link.wait(self._publish(connection, published, archive))

    async def _publish(self, connection: Any, published: Published, archive: bytes) -> None:
        await stand_still(self._link, connection)
        before = await connection.fetchval("SELECT bundle FROM mailing")
        if before != published.mark:
            await check_nothing_leased(self._link, connection, self._held.worker)
            await connection.execute("DELETE FROM bundle WHERE sha256 <> $1", published.bundle)
            if published.file is None:
                await connection.execute(
                    "INSERT INTO bundle VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    published.bundle,
                    archive,
                )
        told = json.dumps(asdict(published), sort_keys=True)
        await connection.execute(
            "UPDATE mailing SET bundle = $1, published = $2, rate = $3",
            published.mark, told, published.rate,
        )  # fmt: skip
        await forget_count(connection)

    @property
    def step_is_used_up(self) -> bool:
        """Whether the last claim of this process got nothing, since a guard has to judge before."""
        return self._grants.step_is_used_up

    def withdraw(self, rate: float | None = None) -> None:
        """Let no worker without a job file claim any more; wait until nothing is leased.

        Turns are of the `rate` of this run from now on.

        Raises:
            LedgerLocked: workers have messages under way.
        """
        with self._link.transaction(self._writing()) as connection:
            self._link.wait(self._withdraw(connection, rate))

    async def _withdraw(self, connection: Any, rate: float | None) -> None:
        await stand_still(self._link, connection)
        await check_nothing_leased(self._link, connection, self._held.worker)
        await connection.execute(
            "UPDATE mailing SET bundle = NULL, published = NULL, rate = $1", rate
        )
        await forget_count(connection)

    def current(self) -> Published | None:
        """Return what is published, None: nothing is."""
        told = self._link.wait(self._link.value("SELECT published FROM mailing"))
        if told is None:
            return None
        values = json.loads(told)
        known = {name: values[name] for name in _KNOWN & values.keys()}
        unknown = sorted(name for name in values.keys() - _KNOWN if values[name])
        if unknown:
            raise JobError(
                f"{self._link.name}: the run wants of workers what this mailbatch does not know: "
                f"{', '.join(unknown)}",
                hint="install the versions of the run here",
            )
        known["samples"] = tuple(Sample(*one) for one in values["samples"])
        return Published(**known)

    def archive(self, bundle: str) -> bytes | None:
        """Return the archive of a bundle by its name; None where there is none."""
        found: bytes | None = self._link.wait(
            self._link.value("SELECT archive FROM bundle WHERE sha256 = $1", bundle)
        )
        return found

    def is_left(self) -> bool:
        """Bury workers that are gone, where this one writes; say whether anything is left to do."""
        return bool(self._link.wait(self._is_left()))

    async def _is_left(self) -> bool:
        if self._held.worker:
            async with self._link.writer() as connection:
                await bury(self._link, connection, self._held.worker, record=False)
        found: bool = await self._link.value(_LEFT)
        return found

    def is_due(self, within: float) -> bool:
        """Say whether a worker is wanted within so many seconds, or anything is under way."""
        return bool(self._link.wait(self._link.value(_DUE, within)))

    def clock_ahead(self) -> float:
        """Return by how much the clock of the database is ahead of this machine's, in seconds."""
        asked = time.time()
        told: float = self._link.wait(self._link.value(_CLOCK))
        # The clock was read somewhere between the question and the answer.
        return told - (asked + time.time()) / 2

    async def company(self) -> Company | None:
        """Return the other workers and all counts; None: no other worker has been there."""
        return await self.lookout.look()

    def stop(self, words: str, exit_code: int) -> None:
        """Stop all workers by trouble that is the trouble of all; the first words stay."""
        with self._link.transaction(self._writing()) as connection:
            self._link.wait(
                connection.execute(
                    "UPDATE mailing SET stop = $1, stop_code = $2 WHERE stop IS NULL",
                    words,
                    exit_code,
                )
            )

    def _writing(self) -> OpenLeases:
        if not (self._held.worker and self._held.is_open):
            raise self._link.closed()
        return self._held


#: A lease behind the commit point of a worker that is gone is a doubt, and nothing to do.
_LEFT = """
SELECT EXISTS (SELECT 1 FROM lease AS l JOIN worker AS w ON w.id = l.worker AND w.live)
  OR EXISTS (SELECT 1 FROM block) OR EXISTS (SELECT 1 FROM delivery WHERE due IS NOT NULL)
"""
#: A worker that is gone has to be buried, and its leases are under way until then.
_DUE = """
SELECT EXISTS (SELECT 1 FROM lease AS l JOIN worker AS w ON w.id = l.worker AND w.live)
  OR EXISTS (SELECT 1 FROM block) OR EXISTS (
    SELECT 1 FROM delivery
    WHERE due <= extract(epoch FROM clock_timestamp()) + $1::double precision)
"""
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_MAILED = "FROM recipient WHERE claim = 'own' AND wanted = 1"
_TELLING = f"""
(SELECT id {_MAILED} ORDER BY length(cells), id LIMIT 1)
UNION ALL (SELECT id {_MAILED} ORDER BY length(cells) DESC, id LIMIT 1)
UNION ALL (SELECT id {_MAILED} ORDER BY octet_length(cells) - length(cells) DESC, id LIMIT 1)
"""
_ROWS = f"""
SELECT coalesce(d.part, 1) AS part, g.cells AS cells_of_group, {COLUMNS}
FROM recipient AS o
JOIN recipient AS r ON r.id = o.id OR (o.group_id IS NOT NULL AND r.delivery_id = o.delivery_id)
LEFT JOIN delivery AS d ON d.id = o.delivery_id
LEFT JOIN recipient_group AS g ON g.id = o.group_id
WHERE o.id = $1 AND r.claim IS NOT NULL ORDER BY r.id
"""  # noqa: S608 - a constant
