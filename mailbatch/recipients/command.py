"""A program whose output is the recipient table, such as a query with `psql --csv`.

The program runs once, without a shell and without input, in the job's folder, and to the end. The
output is kept in a file without a name (flat memory), and counts only after the exit code 0: a
query that breaks off in the middle leaves no recipient out, and a second reading sees the same
table. The program and its children are stopped after `LONGEST`, or when the run is interrupted.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mailbatch.errors import Location, RecipientError, raise_if_starved
from mailbatch.job.scalars import Interpolated
from mailbatch.recipients.spool import Spool

#: The longest time of a program, in seconds: a query may be slow, but must not hold up cron.
LONGEST = 3600.0

_BLOCK = 1 << 18
_LAST = 1 << 13  # the last bytes of standard error, in which the reason is looked for
_SHOWN = 200
_GRACE = 2.0  # seconds to stop in after SIGTERM
_LINE_END = re.compile(r"[\r\n]+")
_TELLING = re.compile(r"error|fatal|denied|cannot|could not|not found|no such", re.IGNORECASE)


class _NoRoomError(Exception):
    """There is no room for the output of a program."""


def run_command(
    words: tuple[str, ...], *, folder: Path, location: Location, longest: float = LONGEST
) -> Spool:
    """Run a program in `folder` and return the output.

    `location` is the place of the command in the job; `longest` is in seconds.

    Raises:
        RecipientError: the program cannot be run, does not end with 0 or in time, or prints
            nothing.
    """
    # A value of the environment is not repeated, as in every text about a job.
    name = "the command" if isinstance(words[0], Interpolated) else f"the command {words[0]}"
    by_hand = f"Run it by hand in {folder}."

    def refused(reason: str, hint: str = by_hand) -> RecipientError:
        return RecipientError(f"{name} {reason}", location=location, hint=hint)

    try:
        spool = Spool()
        with tempfile.TemporaryFile() as complaints:
            with _started(words, folder, complaints) as process:
                code = _finish(process, spool, time.monotonic() + longest)
            complaint = _complaint(complaints)
    except _NoRoomError as error:
        raise refused(
            f"printed more than can be kept: {error}", "TMPDIR names the folder."
        ) from None
    except TimeoutError:
        raise refused(f"took longer than {longest:g} s") from None
    except (OSError, ValueError) as error:
        raise_if_starved(error)
        reason = getattr(error, "strerror", None) or "not a command"
        raise refused(f"cannot be run: {reason}") from None
    if code != 0:
        raise refused(f"ended with {code}{f': {complaint}' if complaint else ''}")
    if not spool.size:
        raise refused("printed nothing", "The first line names the columns: psql needs --csv.")
    return spool


@contextlib.contextmanager
def _started(
    words: tuple[str, ...], folder: Path, complaints: BinaryIO
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program within the block; the end of the block, in any way, ends the program."""
    # In a session of its own a program has no terminal to ask for a password, and all of its
    # processes can be stopped at once.
    process = subprocess.Popen(
        words,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _stop(process)
        if process.stdout is not None:
            process.stdout.close()


def _finish(process: subprocess.Popen[bytes], spool: Spool, deadline: float) -> int:
    """Keep the output of the program until the end, and return the exit code."""
    with selectors.DefaultSelector() as selector:
        output = process.stdout.fileno() if process.stdout is not None else -1
        selector.register(output, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            block = os.read(output, _BLOCK)
            if not block:
                break
            try:
                spool.write(block)
            except OSError as error:
                raise _NoRoomError(error.strerror) from None
        else:
            raise TimeoutError
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a program that still runs, and its children: SIGTERM first."""
    if process.poll() is not None:
        return
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


def _complaint(errors: BinaryIO) -> str:
    """Return the last line of standard error, fit to be shown.

    A line that names an error goes before one that only points at a place.
    """
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - _LAST))
    text = errors.read().decode("utf-8", "backslashreplace")
    lines = [line.strip() for line in _LINE_END.split(text) if any(map(str.isalnum, line))]
    told = [line for line in lines if _TELLING.search(line)] or lines or [""]
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in told[-1])
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
