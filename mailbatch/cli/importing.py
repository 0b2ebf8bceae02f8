"""Imports of commands: the objects made then stay until the process ends.

Tests: tests/cli/test_start.py.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage within the block, and never again among the objects of the block.

    Modules, classes and functions are no garbage, and a look through so many of these objects took
    a tenth of the start of a run.
    """
    gc.disable()
    try:
        yield
    finally:
        if hasattr(gc, "freeze"):  # CPython has it
            gc.freeze()
        gc.enable()
