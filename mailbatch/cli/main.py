"""The entry point: fast answers first, then the commands.

Every command lives in a module of its own, which is imported for a call; `mailbatch --version`
imports next to nothing.

Tests: tests/cli/test_start.py, tests/cli/test_exit_codes.py.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def main() -> None:
    """Run the command line and exit with the code of the command."""
    _open_what_is_closed()
    _escape_what_cannot_be_encoded()
    from mailbatch.cli.answer import answer

    if sys.argv[1:] in (["--version"], ["-V"]):
        from mailbatch import __version__

        answer(f"mailbatch {__version__}\n")
        return
    put_away_at_the_end()
    try:
        from mailbatch.cli.importing import begin

        begin()  # the command ends it
        from mailbatch.cli.app import app

        _run(app)
    except KeyboardInterrupt:  # while still importing: nothing has been begun
        sys.exit(130)
    except OSError as error:
        answer("")  # ends with 74 if the script of a completion is still unwritten
        if error.errno in {errno.EMFILE, errno.ENFILE}:  # while still importing
            sys.stderr.write(f"mailbatch: {error.strerror}\n  raise the limit: ulimit -n 1024\n")
            sys.exit(74)
        raise
    finally:
        _let_go_of_errors()


def _run(app: typer.Typer) -> None:
    """Run a command and exit with its code; wrong usage ends with 2."""
    from mailbatch.cli.usage import WrongUsage, show_usage_error

    try:
        code = app(prog_name="mailbatch", standalone_mode=False)
    except WrongUsage as error:
        code = show_usage_error(error)
    sys.exit(code)


def put_away_at_the_end() -> None:
    """Let SIGTERM and SIGHUP raise: a temporary folder has the rows of a table, and must not stay.

    A run has receivers of its own. A signal without effect, such as SIGHUP behind nohup, stays so.
    """
    import signal

    ending = [
        signum
        for name in ("SIGTERM", "SIGHUP")
        if (signum := getattr(signal, name, None)) is not None
        and signal.getsignal(signum) is signal.SIG_DFL
    ]

    def end(signum: int, _frame: object) -> None:
        for one in ending:
            signal.signal(one, signal.SIG_IGN)
        sys.exit(128 + signum)

    for signum in ending:
        signal.signal(signum, end)


def _open_what_is_closed() -> None:
    """Give closed streams the null device: else the next file would take the number of a stream."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _escape_what_cannot_be_encoded() -> None:
    """Let no name fail that the encoding of the terminal or of cron does not have."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _let_go_of_errors() -> None:
    """Flush standard error, or forget the rest: Python would end with 120 for a failed flush."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
