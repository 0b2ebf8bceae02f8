"""The outcomes of an attempt as rows: one for each row of the recipient table behind an address.

    rows, copies, number = outcome_rows(leased, settlement, number, refuse)

Rules alone, for every kind of ledger: which status needs a commit point, when a recipient is due
again, and that each address has one outcome. This module must never decide the meaning of a reply:
an Outcome is recorded as given.

Tests: tests/ledger/contract/test_roles.py, tests/ledger/test_run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mailbatch.errors import LedgerError
from mailbatch.ledger.attempts import Leased
from mailbatch.ledger.ports import Settlement
from mailbatch.outcome import UNFINISHED, Outcome, Reply

# As words: looking an Enum up in a set costs more than the rest of its check.
_SAID_ABOVE = (None, None, None)
# `invalid`: this server can never be given the address.
_OF_AN_ATTEMPT = frozenset({"pending", "accepted", "rejected", "deferred", "in_doubt", "invalid"})
#: The server may hold the message: only behind a commit point.
_BEHIND_COMMIT = frozenset({"accepted", "in_doubt"})
_UNFINISHED = frozenset(map(str, UNFINISHED))


class OutcomeRow(NamedTuple):
    """The outcome of one row of the recipient table.

    `code`, `enhanced` and `reply` stand with the first outcome of a reply alone, whose number is
    `reply_id`. `due` and `settled_at` are seconds since the epoch.
    """

    recipient_id: int
    delivery_id: int
    status: str
    counted: bool
    reply_id: int | None
    code: int | None
    enhanced: str | None
    reply: str | None
    reason: str | None
    due: float | None
    settled_at: float | None


def outcome_rows(
    leased: Leased, settlement: Settlement, number: int, refuse: Callable[[str], LedgerError]
) -> tuple[list[OutcomeRow], list[Outcome], int]:
    """Return the rows of a settlement, the outcomes of copies, and the next number of a reply.

    `number` is that of the first reply. `refuse` makes the error of a broken rule.

    Raises:
        LedgerError: an outcome without its commit point, or not one outcome for each address.
    """
    delivery_id, outcomes, now, retry_at, resume_at = settlement
    ids_of = dict(zip(leased.addresses, leased.ids, strict=True))
    rows: list[OutcomeRow] = []
    copies: list[Outcome] = []
    known: dict[Reply, int] = {}
    for outcome in outcomes:
        status, reply = str(outcome.status), outcome.reply
        if status not in _OF_AN_ATTEMPT:
            raise refuse(f"{status} is no outcome of an attempt")
        if outcome.address in leased.resent:
            status = "in_doubt" if status == "invalid" else status  # and nobody knows more
        elif status in _BEHIND_COMMIT and not leased.committed:
            raise refuse(f"delivery {delivery_id} is {status} without a commit point")
        ids = ids_of.get(outcome.address)
        if ids is None:
            copies.append(outcome)
            continue
        reply_id = code = enhanced = text = None
        if reply is not None:
            reply_id = known.get(reply) if known else None
            if reply_id is None:  # the text is written once, however many it decided
                reply_id, number = number, number + 1
                code, enhanced, text = reply.code, reply.enhanced, reply.text
                if len(outcomes) > 1:
                    known[reply] = reply_id
        counted = outcome.counted
        again = retry_at if counted else resume_at
        due, settled_at = _due_and_settled(status, now, again, retry_at)
        said, tail = (code, enhanced, text), (outcome.reason, due, settled_at)
        rows.append(OutcomeRow(ids[0], delivery_id, status, counted, reply_id, *said, *tail))
        rows.extend(
            OutcomeRow(row_id, delivery_id, status, counted, reply_id, *_SAID_ABOVE, *tail)
            for row_id in ids[1:]
        )
    _check_addresses(delivery_id, leased, rows, refuse)
    return rows, copies, number


def _check_addresses(
    delivery_id: int,
    leased: Leased,
    rows: Sequence[OutcomeRow],
    refuse: Callable[[str], LedgerError],
) -> None:
    """Raise LedgerError unless every row of the attempt has one outcome."""
    if len(rows) == 1 == len(leased.ids):
        return
    expected = sum(map(len, leased.ids))
    if len({row.recipient_id for row in rows}) < len(rows):
        raise refuse(f"delivery {delivery_id} has two outcomes for one address")
    if len(rows) < expected:
        raise refuse(f"delivery {delivery_id} has an address without an outcome")


def _due_and_settled(
    status: str, now: float, again: float | None, retry_at: float | None
) -> tuple[float | None, float | None]:
    if status not in _UNFINISHED:
        return None, now
    if status == "deferred":
        return again or retry_at, None
    return again, None
