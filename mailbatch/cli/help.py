"""The help of a command: the same text on a terminal and in a pipe, the options in groups.

The groups are declared with the options, in `arguments` and `options`. Here is the form alone: what
typer and Click write by themselves differs between their versions and between terminal and pipe.

    $ mailbatch explain --help
    Usage: mailbatch explain [OPTIONS] CODE

    Explain a code of `check`: why it matters, and how to mend it.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperGroup

from mailbatch.cli.exit_codes import ENDS, MEANING
from mailbatch.cli.panels import Panel
from mailbatch.cli.usage import argument_word, is_option, usage
from mailbatch.cli.wrapping import cells, wrapped

#: A line of a list, as in `--limit N` and what that does.
Line = tuple[str, str]

#: The columns of help in a pipe, and the most on a terminal.
_PIPE, _MOST = 80, 100
#: Words of a list up to this width have the meaning beside them.
_BESIDE = 24
#: In fewer columns a meaning stands below its word, unless the words of the list are short.
_NARROW, _SHORT = 60, 10
#: The columns before a word of a list, and between the word and its meaning.
_INDENT, _GAP = 2, 2


def help_text(ctx: typer.Context) -> str:
    """Return the help of the command of a context, fitted to the terminal or to a pipe."""
    command: Any = ctx.command
    parameters = command.get_params(ctx)
    columns = _columns()
    parts = [wrapped(f"Usage: {usage(ctx)}", columns)]
    parts += [wrapped(text, columns, hanging=0) for text in _paragraphs(command)]
    arguments = [
        (argument_word(one), _text_of(one, command)) for one in parameters if not is_option(one)
    ]
    panels = {"Arguments": arguments, **_panels(parameters)}
    column = _column((line for lines in panels.values() for line in lines), columns)
    commands, ends = _commands(ctx, command), _ends(ctx)
    if commands:
        parts.append(_list("Commands", commands, _column(commands, columns), columns))
    parts += [_list(title, lines, column, columns) for title, lines in panels.items() if lines]
    if ends:
        parts.append(_list("Exit codes", ends, _column(ends, columns), columns))
    if command.epilog:
        parts.append(wrapped(command.epilog, columns, hanging=0))
    return "\n\n".join(parts) + "\n"


def _paragraphs(command: Any) -> list[str]:
    """Return the paragraphs of the text of a command, each in one line."""
    return [" ".join(text.split()) for text in inspect.cleandoc(command.help or "").split("\n\n")]


def _column(lines: Iterable[Line], columns: int) -> int:
    """Return the column where the meanings of a list begin."""
    widths = [cells(word) for word, _ in lines]
    longest = max((width for width in widths if width <= _BESIDE), default=0)
    return longest + 4 if columns >= _NARROW or longest <= _SHORT else 2 * _INDENT


def _list(title: str, lines: list[Line], column: int, columns: int) -> str:
    """Return a title and its lines, the meanings in one column."""
    found = [_styled(f"{title}:", bold=True)]
    for word, meaning in lines:
        start = " " * _INDENT + _styled(word, fg="cyan")
        body = wrapped(meaning, columns - column, hanging=0).replace("\n", "\n" + " " * column)
        room = column - cells(start)
        found += [start + " " * room + body] if room >= _GAP else [start, " " * column + body]
    return "\n".join(found)


def _columns() -> int:
    """Return the columns of the terminal of standard output, or those of a pipe."""
    if not sys.stdout.isatty():
        return _PIPE
    from mailbatch.cli.console import columns_of

    return min(columns_of(sys.stdout), _MOST)


def _has_colours() -> bool:
    dumb = os.environ.get("TERM") in {None, "", "dumb"}
    return sys.stdout.isatty() and not (os.environ.get("NO_COLOR") or dumb)


def _styled(text: str, **style: Any) -> str:
    return typer.style(text, **style) if _has_colours() else text


def _text_of(argument: Any, command: Any) -> str:
    """Return the text of an argument, from the declaration.

    Click 8.5 takes the text away from the arguments of older typers.
    """
    declared = command.callback.__annotations__[argument.name].__metadata__[-1]
    return declared.help or ""


def _panels(parameters: Iterable[Any]) -> dict[str, list[Line]]:
    """Return the groups of the options in the order of `Panel`, each with its options."""
    found: dict[str, list[Line]] = {panel: [] for panel in Panel}
    for one in parameters:
        if is_option(one) and not one.hidden:
            found[getattr(one, "rich_help_panel", None) or Panel.OUTPUT].append(_option(one))
    return found


def _option(option: Any) -> Line:
    words = ", ".join(sorted(option.opts, key=len))
    value = "" if option.is_flag or option.count else f" {option.metavar}"
    meaning = option.help or ""
    if option.envvar:
        meaning += f" Also read from {option.envvar}."
    return words + value, meaning


def _commands(ctx: typer.Context, command: Any) -> list[Line]:
    """Return the commands of a group, each with the first sentence of its help."""
    if not isinstance(command, TyperGroup):
        return []
    found = []
    for name in command.list_commands(ctx):
        below: Any = command.get_command(ctx, name)
        found.append((name, _paragraphs(below)[0].partition(". ")[0].rstrip(".") + "."))
    return found


def _ends(ctx: typer.Context) -> list[Line]:
    """Return the exit codes of a command; none for a group of commands."""
    ends = ENDS.get(ctx.command_path.partition(" ")[2], {})
    return [(f"{int(code):>3}", word or MEANING[code]) for code, word in ends.items()]
