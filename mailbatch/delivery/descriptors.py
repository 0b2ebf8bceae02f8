"""File descriptors: looked for before they are needed, as space on the disk is.

Behind the first message a run must not fail for want of one: it would be lost in the middle of
somebody's transaction. This module only looks; it holds nothing back.
"""

from __future__ import annotations

import contextlib
import os

from mailbatch.errors import raise_if_starved

#: What an event loop, the look-up of a name, the trust anchors and the ledger's temporary files
#: take at one time, beside one for each connection.
_BESIDE = 24


def check_descriptors(connections: int) -> None:
    """See that so many connections can be open at one time, and what belongs to them.

    Raises:
        TooManyOpenFiles: they cannot.
    """
    with contextlib.ExitStack() as opened:
        try:
            for _ in range(_BESIDE + connections):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            raise_if_starved(error)
            raise
