"""File descriptors: looked for before the first message, as space on the disk is.

Behind the first message a run must not fail for want of a descriptor, in the middle of a
transaction. This module only looks; no descriptor is held back.

Tests: tests/cli/test_descriptors.py.
"""

from __future__ import annotations

import contextlib
import os

from mailbatch.errors import raise_if_starved

#: The descriptors of an event loop, the look-up of a name, the trust anchors and the ledger's
#: temporary files at one time, beside one for each connection.
_BESIDE = 24


def check_descriptors(connections: int) -> None:
    """Check that so many connections can be open at one time, with all that belongs to them.

    Raises:
        TooManyOpenFiles: the system has fewer descriptors left.
    """
    with contextlib.ExitStack() as opened:
        try:
            for _ in range(_BESIDE + connections):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            raise_if_starved(error)
            raise
