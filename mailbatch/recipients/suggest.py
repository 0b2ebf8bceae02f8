"""Which known name somebody meant who wrote an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 12


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint: the nearest known name, all of them where none is near, None without any."""
    names = list(known)
    near = nearest(name, names)
    if near is not None:
        return f"Did you mean {near!r}?"
    if not names:
        return None
    return f"There are: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, whatever its case; None if none is."""
    folded = {candidate.casefold(): candidate for candidate in reversed(list(known))}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None
