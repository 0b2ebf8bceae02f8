"""Commands whose arguments are one object: a class has a field for each argument and option.

>>> from mailbatch.cli.ledger_arguments import StatusArguments
>>> app = typer.Typer()
>>> def status(arguments: StatusArguments) -> int:
...     return 0
>>> _ = command(app, StatusArguments)(status)
>>> [registered.callback.__name__ for registered in app.registered_commands]
['status']

Tests: tests/docs/test_generated.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from mailbatch.cli.help import HelpCommand

A = TypeVar("A")


def command(
    app: typer.Typer, arguments: Callable[..., A]
) -> Callable[[Callable[[A], int]], Callable[[A], int]]:
    """Register a command of `app` that is called with an object of the class `arguments`.

    The fields of the class are the options of the command line, with annotations that are objects
    and no text; the docstring of the function is the help, and the number that the function returns
    is the exit code.
    """
    signature = inspect.signature(arguments)
    hints = {field.name: field.annotation for field in signature.parameters.values()}

    def register(run: Callable[[A], int]) -> Callable[[A], int]:
        def called(**given: Any) -> None:
            raise typer.Exit(run(arguments(**given)))

        called.__name__, called.__doc__ = run.__name__, run.__doc__
        called.__annotations__ = hints
        called.__signature__ = signature  # type: ignore[attr-defined]
        app.command(cls=HelpCommand)(called)
        return run

    return register
