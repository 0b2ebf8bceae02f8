"""The checks of the edition: an edition that is over, or that a run would refuse.

    job.yaml:3:10: error MB131: The new message would go to nobody: edition one was finished on ...

The findings say in words what an `Outlook` holds. This module must never read a ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.checks.findings import Finding
from mailbatch.errors import IdentityError, LedgerError, RecipientError
from mailbatch.outlook import Outlook

if TYPE_CHECKING:
    from mailbatch.job.model import Job


def check_edition(
    job: Job, edition: str, outlook: Outlook | None, *, given: bool = False
) -> Iterator[Finding]:
    """Yield the findings of an edition; `given`: the command line names the edition.

    `outlook` None: no earlier run of the edition is known.
    """
    place = replace(job.locate("edition"), key=None)  # the details name it
    if not given and "edition" not in job.model_fields_set:
        yield Finding("MB133", f"every run is of edition {edition}", location=place)
    if outlook is None:
        return
    if outlook.refused is not None:
        code = _code_of(outlook.refused)
        yield Finding(code, outlook.refused.message, location=place, hint=outlook.refused.hint)
    elif outlook.is_over:
        detail = outlook.told(edition)
        yield Finding("MB131" if outlook.is_wrong else "MB132", detail, location=place)


def _code_of(refused: Exception) -> str:
    if isinstance(refused, LedgerError):
        return "MB135"
    if isinstance(refused, IdentityError):
        return "MB137"
    return "MB136" if isinstance(refused, RecipientError) else "MB134"
