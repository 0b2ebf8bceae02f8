"""The known name that an unknown one is meant to be: "Did you mean port?".

A name is a key, an option's word, a column, a file or a name in a template. Only known names stand
in a hint: this module must never repeat the unknown one, which may be a secret in a wrong place.

    >>> did_you_mean("Prot", ["host", "port"])
    'Did you mean port?'
    >>> did_you_mean("user", ["host", "port"])
    >>> did_you_mean_or_all("user", ["E-Mail", "First name"])
    'There are: E-Mail, First name.'
"""

from __future__ import annotations

from collections.abc import Iterable

#: The share of equal characters from which two names are alike, 0 to 1.
_LIKENESS = 0.6
#: The number of known names that a hint lists.
_LISTED = 12


def nearest(name: str, known: Iterable[str], *, likeness: float = _LIKENESS) -> str | None:
    """Return the known name that is most like `name`, whatever the case of both.

    Args:
        name: The unknown name.
        known: The names to choose from; of two that differ in case, the first is returned.
        likeness: The least share of equal characters, 0 to 1.

    Returns:
        The name as it is known, or None where no name is alike.
    """
    import difflib

    folded = {candidate.casefold(): candidate for candidate in reversed(list(known))}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=likeness)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint with the nearest known name, or None where no name is alike."""
    near = nearest(name, known)
    return None if near is None else f"Did you mean {near}?"


def did_you_mean_or_all(name: str, known: Iterable[str]) -> str | None:
    """Return a hint with the nearest known name in quotes, or with all names, or None without any.

    The quotes are for names that a user chose, such as columns: spaces may be part of them.
    """
    names = list(known)
    near = nearest(name, names)
    if near is not None:
        return f"Did you mean {near!r}?"
    if not names:
        return None
    return f"There are: {', '.join(names[:_LISTED])}{', …' if len(names) > _LISTED else ''}."
