"""Times as text: ISO 8601, UTC, to the second, in results, commands and the ledger's lock alike."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import overload


@overload
def iso_time(seconds: float) -> str: ...
@overload
def iso_time(seconds: None) -> None: ...
@overload
def iso_time(seconds: float | None) -> str | None: ...


def iso_time(seconds: float | None) -> str | None:
    """Write a time, given in seconds since the epoch; None stays None.

    >>> iso_time(1_795_767_300.9)
    '2026-11-27T08:15:00Z'
    """
    return None if seconds is None else _whole(int(seconds))


@lru_cache(maxsize=1024)
def _whole(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
