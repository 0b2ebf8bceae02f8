"""How commands import: what is made then stays until the process ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage within the block, and never again among what it leaves.

    Modules, classes and functions are no garbage, but there are so many of them that looking
    through them took a tenth of the start of a run.
    """
    gc.disable()
    try:
        yield
    finally:
        if hasattr(gc, "freeze"):  # CPython has it
            gc.freeze()
        gc.enable()
