"""`mailbatch schema`: the JSON Schema of the job file."""

from __future__ import annotations

import json
import sys

from mailbatch.cli.exit_codes import ExitCode


def schema_command() -> int:
    """Print the schema."""
    from mailbatch.job.schema import job_schema

    sys.stdout.write(json.dumps(job_schema(), indent=2, ensure_ascii=False) + "\n")
    return ExitCode.DONE
