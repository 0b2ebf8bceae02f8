"""Failures as words and exit codes, the same for every command.

Tests: tests/cli/test_mistakes.py, tests/cli/test_descriptors.py.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mailbatch.cli.importing import end, importing
from mailbatch.errors import MailbatchError, UsageError, too_many_open_files

if TYPE_CHECKING:
    from mailbatch.cli.console import Console
    from mailbatch.job.model import Job
    from mailbatch.ledger.postgres.address import Place
    from mailbatch.sandbox.answers import Answer

A = TypeVar("A")


def reporting(command: Callable[[Console, A], int]) -> Callable[[A], int]:
    """Give a command its console, show its failure, and return its exit code.

    `quiet`, `as_json` and `log_json` come from the arguments of the command, False where an
    argument is missing. A bug is not caught: the process ends with a traceback and exit code 1. A
    failure for want of file descriptors is `TooManyOpenFiles`, neither a bug nor a wrong file. The
    imports of the command end here.
    """

    @functools.wraps(command)
    def reported(arguments: A) -> int:
        from mailbatch.cli.console import Console

        end()
        console = Console(
            quiet=getattr(arguments, "quiet", False),
            as_json=getattr(arguments, "as_json", False),
            log_json=getattr(arguments, "log_json", False),
        )
        try:
            return command(console, arguments)
        except Exception as error:
            failure: MailbatchError | None = too_many_open_files(error)
            if failure is None and isinstance(error, MailbatchError):
                failure = error
            if failure is None:
                raise
            console.error(failure)
            return failure.exit_code

    return reported


def read_job(path: Path, *, look: bool = True) -> Job:
    """Load the job file; without `look` the files that the job names need not be there.

    Raises:
        InputErrors: every mistake in the file.
        UsageError: the working folder, from which the path leads, is gone.
    """
    if not path.is_absolute():
        _check_working_folder()
    with importing():
        from mailbatch.job.loader import load_job

        return load_job(path, look=look)


def edition_of(job: Job, given: str | None) -> str:
    """Return the edition that a command is about: the given one, else the job's for now."""
    from mailbatch.delivery import editions

    return editions.edition_of(job, given)


def check_folder(out: Path | None) -> None:
    """Raise `UsageError` if `--out` names a file, before anything is written."""
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder", hint="choose another --out")


def _check_working_folder() -> None:
    """Raise `UsageError` if the working folder was removed: no relative path leads anywhere."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() is the same, and slower
    except OSError as error:
        raise UsageError(
            f"the folder in which mailbatch was started is gone: {error.strerror}",
            hint="change to a folder that is there",
        ) from error


def pairs(given: list[str] | None) -> dict[str, str]:
    """Return `KEY=VALUE` options as a mapping.

    >>> pairs(["issue=48", "title=More=better"])
    {'issue': '48', 'title': 'More=better'}

    Raises:
        UsageError: an option has no `=`, or the key is no identifier.
    """
    found = {}
    for pair in given or ():
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"--set {pair}: expected KEY=VALUE", hint="for example --set issue=48")
        found[key] = value
    return found


def answers_of(given: list[str] | None) -> tuple[Answer, ...]:
    """Return the answers of `--answer` in the order given; raises `UsageError`.

    >>> [answer.after for answer in answers_of(["MAIL:2=530 5.7.0 No", "DATA:5:1=close"])]
    [2, 5]
    """
    if not given:
        return ()
    from mailbatch.sandbox.answers import parse_answer

    return tuple(map(parse_answer, given))


def as_on_the_wire(address: str | None) -> str | None:
    """Return an address in the form of the ledger, the domain in A-labels.

    >>> as_on_the_wire("ann@bücher.example")
    'ann@xn--bcher-kva.example'
    """
    if address is None:
        return None
    from mailbatch.recipients.address import parse_address

    try:
        return parse_address(address)
    except ValueError:
        return address  # rows that are not valid are known by their cell


def all_on_the_wire(given: list[str] | None) -> tuple[str, ...]:
    """Return the addresses of an option that may be given several times, each of them once."""
    found = filter(None, map(as_on_the_wire, given or ()))
    return tuple(dict.fromkeys(found))


def shown(path: Path | Place) -> str:
    """Return a place for people: a path relative to the working folder, where it lies below that.

    >>> shown(Path.cwd() / "news" / "job.yaml"), shown(Path("/etc/job.yaml"))
    ('news/job.yaml', '/etc/job.yaml')
    """
    if not isinstance(path, Path):
        return str(path)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # the folder where they stood may be gone
        return str(path)


def mistakes(error: MailbatchError) -> int:
    """Return how many mistakes a failure names.

    >>> from mailbatch.errors import InputError, InputErrors
    >>> mistakes(InputErrors([InputError("no subject"), InputError("no sender")]))
    2
    """
    return len(error.errors)
