"""`mailbatch schema`: the JSON Schema of the job file."""

from __future__ import annotations

from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import reporting


@reporting
def schema_command(console: Console) -> int:
    """Print the schema."""
    from mailbatch.job.schema import schema_text

    console.lines(schema_text().removesuffix("\n"))
    return ExitCode.DONE
