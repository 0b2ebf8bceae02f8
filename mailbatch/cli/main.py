"""The entry point: fast answers first, then the commands.

Every command lives in a module of its own and is imported when it is called; `mailbatch --version`
imports next to nothing.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    _open_what_is_closed()
    if sys.argv[1:] in (["--version"], ["-V"]):
        from mailbatch import __version__

        sys.stdout.write(f"mailbatch {__version__}\n")
        return
    try:
        from mailbatch.cli.app import app

        app()
    except KeyboardInterrupt:  # while still importing: nothing has been begun
        sys.exit(130)
    finally:
        _let_go_of_errors()


def _open_what_is_closed() -> None:
    """Give closed streams the null device: else the next file would take their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _let_go_of_errors() -> None:
    """Flush standard error, or forget what it did not take: Python would end with 120 for it."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
