"""`mailbatch explain`: the reason of a finding, and how to mend the cause.

Tests: tests/cli/test_words.py.
"""

from __future__ import annotations

from mailbatch.cli.arguments import ExplainArguments
from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import reporting
from mailbatch.errors import UsageError


@reporting
def explain_command(console: Console, given: ExplainArguments) -> int:
    """Write the sentences about a code to standard output.

    Raises:
        UsageError: there is no such code.
    """
    from mailbatch.checks.codes import CODES

    code = CODES.get(given.code.strip().upper())
    if code is None:
        raise UsageError(
            f"there is no code {given.code}", hint=f"codes are {min(CODES)} to {max(CODES)}"
        )
    console.lines(f"{code.code} {code.severity}: {code.title}")
    console.lines(f"\n{code.why}\n\nTo mend it: {code.mend}", hanging=0)
    return ExitCode.DONE
