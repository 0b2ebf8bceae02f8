"""The faults of a table whose job stops at invalid rows: found together, for one correction.

    for block in all_valid(blocks, "recipients.csv"):
        ...                                     # up to the first invalid row; then InputErrors

This module must never yield a row behind an invalid one, nor judge a row itself.

Tests: tests/recipients/test_plan.py, tests/recipients/test_plain_lines.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailbatch.envelope import Recipient
from mailbatch.errors import InputError, InputErrors, Location, RecipientError
from mailbatch.outcome import Status
from mailbatch.plain_rows import PlainRows

#: The mistakes that are reported together.
MOST_ERRORS = 20
_SHOWN = 80  # characters of an address
_INVALID = Status.INVALID.value


def all_valid(
    blocks: Iterable[PlainRows | list[Recipient]], shown: str
) -> Iterator[PlainRows | list[Recipient]]:
    """Yield recipients up to the first invalid one, then collect the other faults.

    `shown` is the name of the table in errors.

    Raises, from iterating:
        InputErrors: rows are invalid; at the end of the table.
        RecipientError: a record breaks the table, and no row before it is invalid.
    """
    errors: list[InputError] = []
    try:
        for block in blocks:
            valid, faults = block, list[Recipient]()
            if not isinstance(block, PlainRows):
                faults = [one for one in block if one.status == _INVALID]
                valid = block[: block.index(faults[0])] if faults else block
            if valid and not errors:
                yield valid
            errors += [_fault(one, shown) for one in faults]
            if len(errors) >= MOST_ERRORS:
                del errors[MOST_ERRORS:]
                break
    except RecipientError as error:
        if not errors:
            raise
        errors.append(error)
    if errors:
        raise InputErrors(errors)


def _fault(recipient: Recipient, shown: str) -> RecipientError:
    message = f"{recipient.reason}: {recipient.address[:_SHOWN]!r}"
    return RecipientError(message, location=Location(shown, recipient.line))
