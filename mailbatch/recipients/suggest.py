"""Which known name somebody meant who wrote an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 12


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint: the nearest known name, all of them where none is near, None without any."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    if not names:
        return None
    return f"There are: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}."
