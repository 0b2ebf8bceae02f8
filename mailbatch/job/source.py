"""The text of a job file: from offsets to places, and what of a line may be shown.

A line goes into an error, and from there into mail from cron and into logs. What stands behind a
key that sounds like a secret is masked, whether or not the file is YAML at all.
"""

from __future__ import annotations

import bisect
import difflib
import re

from mailbatch.errors import Location

MASK = "***"

# A longer line says nothing to a person.
_LONGEST_LINE = 300

_LINE_END = re.compile(r"\r\n|\r|\n")
_KEY = re.compile(r"([A-Za-z_][\w-]*)[\"']?\s*:")
_SECRET_WORDS = re.compile(r"pass|pwd|secret|token|credential|api[-_]?key", re.IGNORECASE)
# The forms of a secret in the model: where it is, which may be shown.
_FORM = re.compile(r"""\s*(?:-\s|(?:\{\s*)?["']?(?:env|file|command|keyring)["']?\s*:)""")


class Source:
    """A job file's text with the path that the user gave for it."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def location(self, offset: int, key: str | None = None) -> Location:
        """Return the place of a character, with its line as it may be shown."""
        line = bisect.bisect_right(self._starts, offset) - 1
        return Location(
            self.path,
            line=line + 1,
            column=offset - self._starts[line] + 1,
            key=key,
            source=self._shown(line),
        )

    def line(self, offset: int) -> int:
        """Return the number of the line of a character, from 1."""
        return bisect.bisect_right(self._starts, offset)

    def raw_line(self, number: int) -> str:
        """Return the text of a line, without its end and unmasked."""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def _shown(self, line: int) -> str | None:
        raw = self.raw_line(line + 1)
        if len(raw) > _LONGEST_LINE:
            return None
        if self._continues_secret(line, raw):
            return raw[: _indent(raw)] + MASK
        return masked(raw)

    def _continues_secret(self, line: int, raw: str) -> bool:
        """Tell whether a line is a further line of a value whose key sounds like a secret."""
        if _FORM.match(raw):
            return False
        for above in range(line - 1, -1, -1):
            text = self.raw_line(above + 1)
            if not text.strip():
                continue
            if masked(text) != text or _opens_secret(text):
                return _indent(raw) > _indent(text) or not _KEY.search(raw)
            if _KEY.search(text) and not _FORM.match(text):
                return False
        return False


def masked(line: str) -> str:
    """Return a line with all that follows a key that sounds like a secret masked."""
    for match in _KEY.finditer(line):
        rest = line[match.end() :]
        if _sounds_secret(match[1]) and rest.strip() and not _FORM.match(rest):
            return f"{line[: match.end()]} {MASK}"
    return line


def _opens_secret(line: str) -> bool:
    match = _KEY.search(line)
    return match is not None and _sounds_secret(match[1]) and not line[match.end() :].strip()


def _sounds_secret(key: str) -> bool:
    return bool(
        _SECRET_WORDS.search(key)
        or difflib.get_close_matches(key[:32].lower(), ["password"], n=1, cutoff=0.7)
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
