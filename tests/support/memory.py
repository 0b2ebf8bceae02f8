"""Where the folders of the tests lie: in memory where the system has room, on the disk otherwise.

A sync of the disk takes milliseconds, and a run has a dozen of them: half of the time of the suite
went by in waiting for them. No test learns anything from a real one. What survives a kill survives
it in memory, too, and what a power loss would leave is tested with copies of what was synced.
"""

from __future__ import annotations

import os
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest and the tests make folders of their own in it
#: What a run of the whole suite never needs at once, in bytes.
_ROOM = 1 << 30


def memory() -> Path | None:
    """Return the folder of the system that lies in memory, None where there is none to be used.

    Some systems have one of a few megabytes, or run no program from it.
    """
    if not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(_MEMORY)
    if found.f_flag & os.ST_NOEXEC or found.f_bavail * found.f_frsize < _ROOM:
        return None
    return _MEMORY
