"""A code of the checks, as a value, and the weight of its findings.

Tests: tests/checks/test_codes.py.
"""

from __future__ import annotations

from enum import StrEnum

from mailbatch.frozen import frozen


class Severity(StrEnum):
    """The weight of a finding; with `--strict`, warnings count as well.

    An *error* is refused by `mailbatch run`, or would let it mail nobody; a *warning* would be
    noticed by readers of the mail; an *info* is good to know and changes no exit code.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@frozen
class Code:
    """A kind of finding: `title` has no stop at its end, `why` and `mend` are whole sentences."""

    code: str
    severity: Severity
    title: str
    why: str
    mend: str
