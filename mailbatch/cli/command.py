"""Commands whose arguments are one object: a class has a field for each argument and option.

A command imports the class when somebody asks for its options: a call makes the options of one
command, and not those of all.

>>> app = typer.Typer(cls=Commands)
>>> def status(arguments: "StatusArguments") -> int:
...     return 0
>>> _ = command(app, "ledger_arguments")(status)
>>> [registered.callback.__name__ for registered in app.registered_commands]
['status']

Tests: tests/docs/test_generated.py, tests/cli/test_start.py.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.usage import WrongUsage, refused_argument

A = TypeVar("A")


def command(app: typer.Typer, module: str) -> Callable[[Callable[[A], int]], Callable[[A], int]]:
    """Register a command of `app` that is called with an object of a class of `mailbatch.cli`.

    The annotation of the command names the class, which is in `module`. The fields of the class are
    the options of the command line, with annotations that are objects and no text; the docstring of
    the function is the help, and the number that the function returns is the exit code.
    """

    def register(run: Callable[[A], int]) -> Callable[[A], int]:
        @functools.cache
        def called() -> Callable[..., None]:
            return _called(run, module)

        def declared() -> None:
            """Stand for the command until its options are made."""

        declared.__name__, declared.__doc__ = run.__name__, run.__doc__
        declared.called = called  # type: ignore[attr-defined]
        app.command(cls=Command)(declared)
        return run

    return register


def _called(run: Callable[[A], int], module: str) -> Callable[..., None]:
    """Return what the parser of the command line calls, with an argument for each option."""
    arguments = getattr(import_module(f"mailbatch.cli.{module}"), run.__annotations__["arguments"])
    signature = inspect.signature(arguments)

    def called(**given: Any) -> None:
        raise typer.Exit(run(arguments(**given)))

    called.__name__, called.__doc__ = run.__name__, run.__doc__
    called.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    called.__signature__ = signature  # type: ignore[attr-defined]
    return called


class Command(TyperCommand):
    """A command with our help, whose options are made when they are asked for.

    Each error of its usage knows the command.
    """

    @functools.cached_property
    def _made(self) -> Any:
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(self.name)(self._declared.called())
        return typer.main.get_command(alone)

    @property
    def params(self) -> Any:
        """The options and arguments."""
        return self._made.params

    @params.setter
    def params(self, _none: Any) -> None:
        """Keep none of what typer knows: a command is registered without options."""

    @property
    def callback(self) -> Any:
        """The function that is called with the options."""
        return self._made.callback

    @callback.setter
    def callback(self, declared: Any) -> None:
        self._declared = declared

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse as usual, but for words that no person means."""
        refused = refused_argument(args)
        if refused is not None and not ctx.resilient_parsing:
            ctx.fail(refused)
        try:
            return super().parse_args(ctx, args)
        except WrongUsage as error:
            error.ctx = error.ctx or ctx
            raise

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write usage, text, options by group, and exit codes."""
        formatter.write(_help_text(ctx))

    def get_help_option(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Return `--help`, which ends with 74 where the help finds no room."""
        return _answering(super().get_help_option(ctx))


class Commands(TyperGroup):
    """A group of commands with our help, which is also the answer to no command at all."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse as usual, or write the help to standard error and end with 2."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help(), err=True)
            ctx.exit(ExitCode.USAGE)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write usage, text, commands and options."""
        formatter.write(_help_text(ctx))

    def get_help_option(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Return `--help`, which ends with 74 where the help finds no room."""
        return _answering(super().get_help_option(ctx))


def _help_text(ctx: typer.Context) -> str:
    from mailbatch.cli.help import help_text  # a command without --help needs none

    return help_text(ctx)


def _answering(option: Any) -> Any:
    """Give the option of the help an answer whose failure is one of standard output."""
    if option is not None:
        option.callback = _show_help
    return option


def _show_help(ctx: typer.Context, _option: Any, is_given: bool) -> None:
    if is_given and not ctx.resilient_parsing:
        from mailbatch.cli.answer import answer  # a command without --help needs none

        answer(f"{ctx.get_help()}\n")
        ctx.exit()
