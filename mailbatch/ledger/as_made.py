"""A delivery as its first lease made it, out of the rows that both kinds of ledger keep.

    delivery_as_made(head, members)

This module must never read a ledger.

Tests: tests/ledger/test_proof.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailbatch.envelope import Delivery, is_alias
from mailbatch.ledger.attempts import Attempt, Head, Leased, Names, Row


def delivery_as_made(head: Head, members: Sequence[Row]) -> Delivery:
    """Return a delivery as its first lease made it: all recipients, none of them settled.

    `members` are the rows of the delivery, in the order in which the ledger got to know them.
    """
    own = {row.to: row.address for row in reversed(members) if row.claim == "own"}
    addresses = tuple([own[row.to] for row in members if row.claim == "own"])
    addresses = tuple(dict.fromkeys(addresses))
    alone = len(addresses) == 1
    # Several see the values of their group alone, which a forgotten one does not keep.
    known = [row for row in members if not is_alias(row.address)] or members
    seen = sorted(members, key=lambda row: row.line or 0) if alone else list(known[:1])
    leased = Leased(addresses, (), whole=True)
    attempt = Attempt(leased, addresses, seen, [], 0, 0)
    names = Names(job="", edition="", secret=None, domain="")
    return names.delivery(head, attempt, float(head.date or 0), frozenset())
