"""The doubts that `mailbatch resolve` is to settle: all of them, or those of `--only`.

Tests: tests/cli/test_doubt.py, tests/cli/test_doubt_reports.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailbatch.cli.ledger_arguments import ResolveArguments
from mailbatch.cli.reporting import as_on_the_wire
from mailbatch.envelope import address_key
from mailbatch.errors import UsageError

if TYPE_CHECKING:
    from mailbatch.ledger.ports import OpenLedger
    from mailbatch.ledger.rows import Doubt


def doubts_of(ledger: OpenLedger, given: ResolveArguments, again: str) -> list[Doubt]:
    """Return the doubts that are to be settled: those of `--only`, or all.

    `again` are the arguments that name the mailing on a command line.

    Raises:
        UsageError: an address, or a key, of `--only` is not in doubt.
    """
    doubts = list(ledger.doubts.in_doubt())
    if not given.only:
        return doubts
    by_address: dict[str, list[int]] = {}
    by_recipient: dict[str, list[int]] = {}
    for position, one in enumerate(doubts):
        by_address.setdefault(address_key(one.address), []).append(position)
        by_recipient.setdefault(one.recipient, []).append(position)
    chosen: set[int] = set()
    for written in given.only:
        address = address_key(as_on_the_wire(written) or "")
        found = by_address.get(address) or by_recipient.get(written)
        if found is None:
            raise UsageError(
                f"{written} is not in doubt", hint=f"list them: mailbatch resolve {again}"
            )
        chosen.update(found)
    return [doubts[position] for position in sorted(chosen)]
