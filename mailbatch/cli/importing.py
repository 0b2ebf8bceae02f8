"""Imports of commands: the objects made then stay until the process ends.

    begin()         # the program starts
    end()           # the command has its arguments, and begins its work
    with importing():
        ...         # what this work needs alone

Tests: tests/cli/test_start.py.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

#: What keeps pydantic from looking into every package that is installed for a plugin of its models.
_NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
_given = os.environ.get(_NO_PLUGINS)


def begin() -> None:
    """Look for no garbage, nor for plugins of pydantic, until the `end` of the imports.

    Modules, classes and functions are no garbage, and a look through so many of these objects took
    a tenth of the start of a run. For plugins pydantic reads the names of all installed packages.
    """
    gc.disable()
    os.environ[_NO_PLUGINS] = "1"


def end() -> None:
    """Look for garbage again, but never among the objects that were made until now."""
    if _given is None:
        os.environ.pop(_NO_PLUGINS, None)
    else:
        os.environ[_NO_PLUGINS] = _given
    if hasattr(gc, "freeze"):  # CPython has it
        gc.freeze()
    gc.enable()


@contextmanager
def importing() -> Iterator[None]:
    """Hold the block between `begin` and `end`."""
    begin()
    try:
        yield
    finally:
        end()
