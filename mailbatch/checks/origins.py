"""The origin of a text of a finished message: the place in a template where the text stands.

Tests: tests/checks/test_check_codes.py, tests/checks/test_report.py.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from mailbatch.errors import Location

if TYPE_CHECKING:
    from mailbatch.render.branches import Branches

_SHORTEST = 4


class Origins:
    """Finds the texts of messages that stand literally in a template."""

    def __init__(self, branches: Branches) -> None:
        self._branches = branches
        self._cached = lru_cache(maxsize=2048)(self._find)

    def find(self, text: str) -> Location | None:
        """Return the first place of a text in the templates, None for a text in none of them.

        The rows complete many addresses: for `https://example.com/u/ann` the place of
        `https://example.com/u/` is returned, and so on up to the last slash, `?` or `=`.
        """
        found = self._cached(text)
        return None if found is None else found[1]

    def written(self, text: str) -> str:
        """Return the beginning of a text, or all of it, that has this place; empty: none has.

        The rest came with a row, or with the job.
        """
        found = self._cached(text)
        return "" if found is None else found[0]

    def _find(self, text: str) -> tuple[str, Location] | None:
        for wanted in _beginnings(text):
            for quote in ('"', "'", ""):
                for name, source in self._branches.sources().items():
                    for spelled in dict.fromkeys((wanted, escape(wanted))):
                        at = source.find(quote + spelled)
                        if at >= 0:
                            return wanted, Location.at_offset(name, source, at + len(quote))
        return None


def _beginnings(text: str) -> list[str]:
    found = [text] if len(text) >= _SHORTEST else []
    while (match := re.fullmatch(r"(.*[/?=])[^/?=]+", text, re.DOTALL)) is not None:
        text = match[1] if not match[1].endswith("://") else ""
        if len(text) < _SHORTEST:
            break
        found.append(text)
        text = text[:-1]
    return found
