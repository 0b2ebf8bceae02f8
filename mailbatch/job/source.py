"""The text of a job file: from offsets to places, and to lines that may be shown.

A line goes into an error, and from there into mail from cron and into logs. The text behind a key
that sounds like a secret is masked, whether or not the file is YAML at all.

Tests: tests/job/test_loader.py, tests/job/test_secrets.py.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from functools import lru_cache

from mailbatch.errors import NEIGHBOURS, Location
from mailbatch.suggest import nearest

MASK = "***"

# A longer line says nothing to a person.
_LONGEST_LINE = 300

_LINE_END = re.compile(r"\r\n|\r|\n")
_KEY = re.compile(r"[^\s:,{}\[\]]+(?=\s*:)")
_WORD = re.compile(r"[^\s:,{}\[\]]+")
_SECRET_WORDS = re.compile(
    r"pass|pwd|\bpw\b|secret|token|credential|authori[sz]ation|(?:api|private)[-_]?key|^key$",
    re.IGNORECASE,
)
_RECIPIENTS = re.compile(r"recipients\s*:")
# A user and a password in a URL (RFC 3986 3.2.1).
_USERINFO = re.compile(r"://[^\s/@]*:[^\s/@]*@")
# The place of a secret may be shown: `{env: NAME}`, or `env: NAME` on a line of its own.
_SOURCE_KEY = r"""\s*["']?(?:env|file|command|keyring)["']?\s*:"""
_FORM = re.compile(rf"\s*:\s*\{{{_SOURCE_KEY}(?:[^,:{{}}\[\]]*|\s*\[[^{{}}\[\]]*\]\s*)\}}")
_FORM_LINE = re.compile(_SOURCE_KEY)
# A value of `env` that can be no name may be the secret itself, in the place of the name.
_OF_ENV = re.compile(r"""[\s:{]*["']?env["']?\s*:""")
_NAMED = re.compile(
    rf"""{_OF_ENV.pattern}\s*["']?(?:[A-Za-z_][A-Za-z0-9_]*|\$\{{[^{{}}]*\}})?["']?\s*(?:[,}}#]|$)"""
)
_COMMAND_LINE = re.compile(r"""\s*["']?command["']?\s*:""")


class Source:
    """A job file's text with the path that the user gave."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
        self._number = len(self._starts) - (self._starts[-1] == len(text))

    def location(self, offset: int, key: str | None = None) -> Location:
        """Return the place of a character, with the line, masked where necessary."""
        line = bisect.bisect_right(self._starts, offset) - 1
        return Location(
            self.path,
            line=line + 1,
            column=offset - self._starts[line] + 1,
            key=key,
            source=self._shown(line),
            before=self._around(range(max(0, line - NEIGHBOURS), line)),
            after=self._around(range(line + 1, min(self._number, line + 1 + NEIGHBOURS))),
        )

    def _around(self, lines: Iterable[int]) -> tuple[str, ...]:
        return tuple(shown if (shown := self._shown(one)) is not None else "…" for one in lines)

    def line(self, offset: int) -> int:
        """Return the number of the line of a character, from 1."""
        return bisect.bisect_right(self._starts, offset)

    def raw_line(self, number: int) -> str:
        """Return the text of a line, unmasked and without the line end."""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def _shown(self, line: int) -> str | None:
        raw = self.raw_line(line + 1)
        if len(raw) > _LONGEST_LINE:
            return None
        names_columns = self._is_of_recipients(line)
        if self._continues_secret(line, raw, names_columns=names_columns):
            return raw[: _indent(raw)] + MASK
        return masked(raw, names_columns=names_columns)

    def _is_of_recipients(self, line: int) -> bool:
        """Tell whether a line is of `recipients`, where `key` names columns of the table."""
        for above in range(line, -1, -1):
            text = self.raw_line(above + 1)
            if text[:1] not in ("", " ", "\t", "#"):
                return bool(_RECIPIENTS.match(text))
        return False

    def _continues_secret(self, line: int, raw: str, *, names_columns: bool) -> bool:
        """Tell whether a line is a further line of a value whose key sounds like a secret."""
        if _FORM_LINE.match(raw) and _may_be_place(raw):
            return False
        for above in range(line - 1, -1, -1):
            text = self.raw_line(above + 1)
            if not text.strip():
                continue
            if _COMMAND_LINE.match(text) and raw.lstrip().startswith("-"):
                return False
            if masked(text, names_columns=names_columns) != text or _opens_secret(
                text, names_columns=names_columns
            ):
                return _indent(raw) > _indent(text) or not _KEY.search(raw)
            if _KEY.search(text) and not _FORM_LINE.match(text):
                return False
        return False


def masked(line: str, *, names_columns: bool = False) -> str:
    """Return a line with all that follows a word that sounds like the key of a secret masked.

    So is the user of a URL that comes with a password. With `names_columns`, the word `key` alone
    is that of `recipients.key`, which is no secret.

    >>> masked("  key: n"), masked("  key: n", names_columns=True)
    ('  key: ***', '  key: n')
    """
    line = _USERINFO.sub(f"://{MASK}@", line)
    first = line.partition(": ")[0]
    if first != line and _is_secret_key(first.strip(" \t-{"), names_columns=names_columns):
        return _masked_behind(line, len(first))
    for match in _WORD.finditer(line):
        is_key = line[match.end() :].lstrip().startswith(":")
        begins = not line[: match.start()].strip(" \t-{")
        if (is_key or begins) and _is_secret_key(match[0], names_columns=names_columns):
            shown = _masked_behind(line, match.end())
            if shown != line:
                return shown
    return line


def _masked_behind(line: str, end: int) -> str:
    """Mask the text behind the key that ends at an offset, unless that names a secret's place."""
    rest = line[end:]
    if not rest.strip(" \t:") or (_FORM.match(rest) and _may_be_place(rest)):
        return line
    return f"{line[:end]}{':' if ':' in rest else ''} {MASK}"


def _may_be_place(form: str) -> bool:
    """Tell whether the form of a secret's place holds no secret where `env` wants a name."""
    return not _OF_ENV.match(form) or bool(_NAMED.match(form))


def _opens_secret(line: str, *, names_columns: bool) -> bool:
    is_open = line.rstrip().endswith(":")
    return is_open and _is_secret_key(line.strip(" \t:-"), names_columns=names_columns)


def _is_secret_key(word: str, *, names_columns: bool) -> bool:
    return not (names_columns and word == "key") and _sounds_secret(word)


@lru_cache(maxsize=1024)  # every place that is kept asks for all words above again
def _sounds_secret(key: str) -> bool:
    return bool(
        _SECRET_WORDS.search(key) or nearest(key[:32].strip("\"'"), ["password"], likeness=0.7)
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
