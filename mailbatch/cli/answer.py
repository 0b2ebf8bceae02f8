r"""The answers that need no console: the help and the version, on standard output.

    answer("mailbatch 1.0\n")

An answer that finds no room ends the process with 74, and is never an exception. This module must
never import anything that a start does not need.

Tests: tests/cli/test_other_commands.py.
"""

from __future__ import annotations

import os
import sys


def answer(text: str) -> None:
    """Write to standard output, or end with 74 and say why."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        from mailbatch.cli.console import NO_ROOM  # a start needs no console

        # What is still in the buffer must not fail once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(
            f"mailbatch: cannot write to standard output: {error.strerror}\n  {NO_ROOM}\n"
        )
        sys.exit(74)
