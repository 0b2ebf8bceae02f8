"""The attempts of deliveries: which recipients one lease is for, and the `Delivery` made of these.

    attempt = cut(of_some(rows, now, None), most)      # the rows of one delivery, as stored
    delivery = names.delivery(head, attempt, now, settled_copies)

Rules alone, over rows that every kind of ledger stores alike: no connection, no file. This module
must never decide which delivery is next.

Tests: tests/ledger/contract/test_model.py, tests/ledger/test_groups.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.cells import unpacked
from mailbatch.ledger.rows import Doubt

_TOKEN_LENGTH = 32  # hexadecimal: 128 bits
#: The columns of a `Row`, of a table `recipient AS r`, in the SQL of either ledger.
COLUMNS = "r.id, r.line, r.address, r.key, r.mailbox, r.claim, r.cells, r.status, r.due,\
 r.attempts, r.reason, r.resend, r.digest"
NOBODY: frozenset[str] = frozenset()
_NOTHING: frozenset[bytes] = frozenset()
_UNSETTLED = frozenset({"pending", "deferred"})
_decode = json.JSONDecoder().raw_decode


class Head(NamedTuple):
    """A delivery of the ledger."""

    id: int
    part: int
    message_id: str | None
    date: int | None
    tries: int
    tries_since: float | None
    group: str | None


class Row(NamedTuple):
    """A recipient of a delivery: `COLUMNS`."""

    id: int
    line: int | None
    address: str
    key: str
    mailbox: str | None
    claim: str
    cells: str
    status: str
    due: float | None
    attempts: int
    reason: str | None
    resend: int
    digest: bytes | None

    @property
    def to(self) -> str:
        """The address in lower case: that of the RCPT, which rows of one address share."""
        return self.mailbox or self.key


class Attempt(NamedTuple):
    """The recipients of one attempt of a delivery.

    `addresses` are all that the delivery ever had, `seen` the rows that templates see, `again`
    the rows that may have the message already. `attempts` is the number of earlier attempts,
    `deferred` the number of deferred rows.
    """

    leased: Leased
    addresses: tuple[str, ...]
    seen: list[Row]
    again: list[Row]
    attempts: int
    deferred: int


@dataclass(slots=True)
class Leased:
    """A leased delivery: the addresses of this attempt, and the row ids behind each address.

    `whole`: no unsettled recipient stays behind. `resent` are the addresses that may have the
    message already.
    """

    addresses: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    whole: bool
    resent: frozenset[str] = frozenset()
    committed: bool = False


class Names:
    """The Message-IDs of an edition, each of which follows from the recipient of the delivery."""

    __slots__ = ("_domain", "_seed")

    def __init__(self, *, job: str, edition: str, secret: str | None, domain: str) -> None:
        """Name deliveries from now on at `domain`.

        The secret of the ledger is in each name: job, edition and address are known to others, and
        a report that names a Message-ID must come from a message. A ledger that an earlier
        mailbatch made has no secret.
        """
        names = [job, edition, secret] if secret else [job, edition]
        self._seed = hashlib.sha256(json.dumps(names).encode())
        self._domain = domain

    def delivery(
        self, head: Head, attempt: Attempt, now: float, settled_copies: frozenset[str]
    ) -> Delivery:
        """Return the delivery of a lease at `now` (seconds since the epoch).

        `settled_copies` are the Cc and Bcc addresses that need no RCPT any more.
        """
        seen, again = attempt.seen, attempt.again
        key = delivery_key(seen[0].key, head.group, head.part)
        seed = key if head.group is not None else _seed(seen[0])
        return Delivery(
            id=head.id,
            key=key,
            attempt=1 + attempt.attempts,
            message_id=head.message_id or f"{self._token(seed)}@{self._domain}",
            date=int(now) if head.date is None else head.date,
            unsettled=attempt.leased.addresses,
            addresses=attempt.addresses,
            rows=tuple([recipient(row, head.group) for row in seen]),
            settled_copies=settled_copies,
            resent=attempt.leased.resent,
            digests=frozenset(row.digest for row in again if row.digest) if again else _NOTHING,
            tries=head.tries + 1,
            first_try=now if head.tries_since is None else head.tries_since,
        )

    def _token(self, seed: str) -> str:
        """Return the local part of a Message-ID: one for each delivery of an edition."""
        name = self._seed.copy()
        name.update(seed.encode())
        return name.hexdigest()[:_TOKEN_LENGTH]


def _seed(row: Row) -> str:
    """Return the part of a Message-ID that tells the delivery to one recipient from others.

    The address stands beside a key that is none: so no delivery of the edition, planned under
    another identity, can have had the name.
    """
    return row.key if row.mailbox is None else f"{row.mailbox}\x1f{row.key}"


def cut(attempt: Attempt, most: int | None) -> Attempt:
    """Return the attempt for the first `most` addresses; the others stay behind, and are due."""
    leased = attempt.leased
    if most is None or len(leased.addresses) <= most:
        return attempt
    addresses = leased.addresses[:most]
    resent = leased.resent & frozenset(addresses)
    first = Leased(addresses, leased.ids[:most], whole=False, resent=resent)
    return attempt._replace(leased=first)


def of_one(row: Row) -> Attempt:
    """Return the attempt of a delivery that has one row, which is due with the delivery."""
    addresses, again = (row.address,), [row] if row.resend else []
    resent = frozenset(addresses) if again else NOBODY
    leased = Leased(addresses, ((row.id,),), whole=True, resent=resent)
    return Attempt(leased, addresses, [row], again, row.attempts, int(row.status == "deferred"))


def of_some(rows: list[Row], now: float, to: str | None) -> Attempt:
    """Return the attempt of a delivery with recipients that may be settled, or wait.

    Rows of one address share a RCPT, and its outcome, in the spelling of the first.
    """
    own: dict[str, str] = {}
    for row in rows:
        if row.claim == "own":
            own.setdefault(row.to, row.address)
    found: dict[str, tuple[int, ...]] = {}
    tried: list[Row] = []
    whole = True
    for row in rows:
        if row.status not in _UNSETTLED:
            continue
        if row.due is not None and row.due <= now and (to is None or to == row.to):
            address = own[row.to]
            found[address] = (*found.get(address, ()), row.id)
            tried.append(row)
        else:
            whole = False
    addresses = tuple(own.values())
    alone = len(addresses) == 1
    seen = sorted(rows, key=lambda row: row.line or 0) if alone else tried[:1]
    again = [row for row in tried if row.resend]
    resent = frozenset(own[row.to] for row in again) if again else NOBODY
    leased = Leased(tuple(found), tuple(found.values()), whole=whole, resent=resent)
    deferred = sum(row.status == "deferred" for row in tried)
    return Attempt(leased, addresses, seen, again, max(r.attempts for r in tried), deferred)


def doubt_of(row: Iterable[Any]) -> Doubt:
    """Return a recipient in doubt, from the columns that either ledger asks for, in this order."""
    address, line, delivery_id, recipient, group, part, message_id, at, why, digest = row
    return Doubt(
        address=address,
        line=line,
        delivery_id=delivery_id,
        key=delivery_key(recipient, group, part),
        recipient=recipient,
        message_id=message_id,
        at=at,
        reason=why or "the reply to the end of data never came",
        digest=digest,
    )


def delivery_key(key: str, group: str | None, part: int) -> str:
    """Return the name of a delivery: its recipient's key, or its group and part (`de/pro#1`).

    >>> delivery_key("ann@example.com", None, 0), delivery_key("", '["de", "pro"]', 1)
    ('ann@example.com', 'de/pro#1')
    """
    return key if group is None else f"{group_text(group)}#{part}"


def group_text(cells: str) -> str:
    r"""Return the values of a group in one line, from JSON: `de/pro`; `/` and `\` are escaped.

    >>> print(group_text('["de", "a/b"]'))
    de/a\/b
    """
    values = json.loads(cells)
    return "/".join(value.replace("\\", "\\\\").replace("/", "\\/") for value in values)


def recipient(row: Row, group: str | None) -> Recipient:
    """Return the row of the table that a template sees; `group` is a JSON list."""
    return Recipient(
        row.line or 0,
        row.address,
        unpacked(row.cells, row.address),
        None if group is None else tuple(_decode(group)[0]),
        row.status,
        row.reason,
        None if row.mailbox is None else row.key,
    )
