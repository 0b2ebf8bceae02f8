"""The succession of editions: an edition that was corrected, and the one that took over.

    check_part(ledger, inputs.correction)   # RecipientError: edition 48 was stopped: ...

Neither is sent as a mailing of its own. The facts stand in both ledgers. This module must never
write a ledger but by a correction.

Tests: tests/cli/test_correct.py.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from mailbatch.delivery.ledgers import corrections_of
from mailbatch.errors import Reason, RecipientError

if TYPE_CHECKING:
    from mailbatch.delivery.correction import Correction
    from mailbatch.ledger.ports import OpenLedger


def check_part(ledger: OpenLedger, correction: Correction | None) -> None:
    """Bind a ledger to the correction that it is opened for; without one, check its part.

    Raises:
        RecipientError: the edition was corrected, or is a correction; or the correction is to be
            kept by the ledger of another mailing.
        LedgerError: the ledger cannot be written (74).
    """
    if correction is not None:
        correction.begin(ledger)
        return
    refused = refusal_of(ledger)
    if refused is not None:
        raise refused


class Part(NamedTuple):
    """The part of an edition: the edition that it corrects, and the one that corrects it."""

    corrects: str | None = None
    corrected_by: str | None = None


def part_of(ledger: OpenLedger) -> Part:
    """Return the part of the edition of a ledger, as a run, or a reader, has the ledger open."""
    corrections = corrections_of(ledger)
    if corrections is None:
        return Part()
    return Part(corrections.corrects, corrections.corrected_by)


def refusal_of(ledger: OpenLedger) -> RecipientError | None:
    """Return the error of an edition that is not sent as a mailing of its own; None: it is."""
    edition = ledger.edition
    other, by = part_of(ledger)
    if by is not None:
        return RecipientError(
            f"edition {edition} was stopped: its correction, edition {by}, took over",
            hint=f"mailbatch correct JOB --edition {quote(edition)} --with OTHER goes on with "
            "the correction; a new mailing wants an edition of its own",
            reason=Reason.TAKEN_OVER,
        )
    if other is not None:
        return RecipientError(
            f"edition {edition} is the correction of edition {other}",
            hint=f"mailbatch correct JOB --edition {quote(other)} --with OTHER sends it",
            reason=Reason.IS_CORRECTION,
        )
    return None


def to_correct_again(correction: str) -> str:
    """Return the command that corrects a correction, in words; `correction` is its edition.

    >>> to_correct_again("48.corrected")
    'to correct that correction: mailbatch correct OTHER --edition 48.corrected --with THIRD'
    """
    edition = quote(correction)
    return f"to correct that correction: mailbatch correct OTHER --edition {edition} --with THIRD"
