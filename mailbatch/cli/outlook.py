"""The outlook of a real run, as the members of `check --json` and `preview --json`.

Tests: tests/checks/test_edition_checks.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.checks.findings import Overview
    from mailbatch.outlook import Outlook


def counts_of(overview: Overview | None, outlook: Outlook | None) -> Mapping[str, int]:
    """Return the rows of the table by status: as the ledger has them, where there is one."""
    if outlook is not None and outlook.counts:
        return outlook.counts
    return overview.counts if overview is not None else {}


def outlook_object(outlook: Outlook | None) -> dict[str, Any]:
    """Return the members that tell of a real run; None: no earlier run is known."""
    return {
        "finished_at": iso_time(outlook.finished_at) if outlook is not None else None,
        "nothing_to_do": outlook is not None and outlook.is_over,
        "changed": list(outlook.changed) if outlook is not None else [],
    }
