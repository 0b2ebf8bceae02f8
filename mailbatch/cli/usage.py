"""Wrong usage of the command line, told as every other failure: words, and the next step.

    $ mailbatch check
    mailbatch: Missing argument 'JOB'.
      name the job file, as in mailbatch check job.yaml

This module must never guess a job: a script whose variable is empty would send another mailing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from mailbatch.errors import UsageError

#: The base of all errors of usage: Click's own class, or that of a typer that brings Click along.
WrongUsage: type[Any] = typer.BadParameter.__mro__[1]
#: Characters that come from pasting a command out of a letter.
_DASHES, _QUOTES = (
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
    "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab",
)
#: An option with an empty value; `--set title=` has one.
_EMPTY = re.compile(r"--[\w-]+=")
#: The endings of job files, and the most of them that a remedy names.
_ENDINGS, _MOST_NAMED = frozenset({".yaml", ".yml"}), 3


def is_option(parameter: Any) -> bool:
    """Tell an option from an argument."""
    return bool(parameter.param_type_name == "option")


def argument_word(argument: Any) -> str:
    """Return the word of an argument, as in `JOB`."""
    return str(argument.metavar or argument.name.upper())


def usage(ctx: typer.Context) -> str:
    """Return the form of a command, as in `mailbatch run [OPTIONS] JOB`."""
    command: Any = ctx.command
    words = [ctx.command_path, "[OPTIONS]"]
    words += [_place(one) for one in command.params if not is_option(one)]
    if isinstance(command, TyperGroup):
        words.append("COMMAND ...")
    return " ".join(words)


def _place(argument: Any) -> str:
    """Return the word of an argument, in brackets if the argument may be left out."""
    word = argument_word(argument)
    return word if argument.required else f"[{word}]"


def show_usage_error(error: Any) -> int:
    """Write an error that the parser of the command line raised, and return the exit code."""
    from mailbatch.cli.console import Console

    Console().error(usage_error(error))
    return UsageError.exit_code


def refused_argument(given: Sequence[str]) -> str | None:
    """Return the reason why a word of the command line is nobody's intention, None: each may be.

    >>> refused_argument(["run", "job.yaml", "--only", ""])
    '--only has an empty value: is a variable of the script not set?'

    An empty `--only` would mail everybody, and an empty `--state-dir` begin a second ledger.
    """
    for before, word in pairwise(("", *given)):
        if not word or _EMPTY.fullmatch(word):
            option = word.rstrip("=") or (before if before.startswith("-") else "")
            empty = f"{option} has an empty value" if option else "an argument is empty"
            return f"{empty}: is a variable of the script not set?"
        if word[0] in _DASHES:
            return f"{word} begins with a dash of a word processor: write --{word.lstrip(_DASHES)}"
        if word[0] in _QUOTES:
            return f"{word} has quotes of a word processor: the shell knows \" and ' alone"
    return None


def usage_error(error: Any) -> UsageError:
    """Return the failure for an error that the parser of the command line raised."""
    words = " ".join(str(error.format_message()).split())
    ctx = error.ctx
    if ctx is None:
        return UsageError(words, hint="see mailbatch --help")
    parameter = getattr(error, "param", None)
    # Any text that is given for JOB is a path: an error of JOB means that it was not given.
    if parameter is not None and parameter.name == "job":
        return UsageError(words, hint=_name_the_job(ctx.command_path))
    steps = [f"usage: {usage(ctx)}", f"see {ctx.command_path} --help"]
    if isinstance(ctx.command, TyperGroup) and getattr(error, "option_name", None):
        steps.insert(0, "the options of a command stand behind its name")
    return UsageError(words, hint="\n  ".join(steps))


def _name_the_job(command: str) -> str:
    """Return the remedy for a missing JOB, with the job files of this folder."""
    found = sorted(path.name for path in _files_here() if _is_job(path))
    if not found:
        return (
            f"name the job file, as in {command} news/job.yaml; "
            "mailbatch init news makes a first one"
        )
    commands = [f"{command} {shlex.quote(name)}" for name in found[:_MOST_NAMED]]
    return f"name the job file: {' or '.join(commands)}"


def _files_here() -> list[Path]:
    try:
        return [path for path in Path().iterdir() if path.suffix in _ENDINGS and path.is_file()]
    except OSError:  # the folder is gone, or may not be read
        return []


def _is_job(path: Path) -> bool:
    """Tell whether a file looks like a job: keys of a job begin a line."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return any(line.startswith(("recipients:", "message:")) for line in file)
    except OSError:
        return False
