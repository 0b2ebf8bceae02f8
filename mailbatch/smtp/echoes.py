"""Echoes: the repetitions of a secret in the replies of a server, found and taken out.

A server may do anything with a secret: show the secret plainly, in a URL, in hexadecimal digits, in
base64, backwards, cut short, or in pieces over the lines of one reply. A reply is an *echo* with
twelve characters of these forms in pieces of seven or more, or with the whole of a shorter form.
Only letters and digits count, in either case, so characters between them hide nothing. Behind the
first echo of a session, and during authentication, six characters in a row are replaced wherever
they stand. Where that leaves an echo, the line is replaced, or else the whole text of the reply;
the code and the enhanced status code stay.

Not found: a secret spelled out over several replies, in pieces of fewer than seven characters with
words between, or in a form of no table. A secret of four or five characters is looked for as a
whole word, since any word may have such a part, and a shorter one only in replies to AUTH.

Nearly all replies are no echo. Groups of four characters, every fourth of the input, tell: a run of
seven holds one whole group, wherever the run begins. Time is linear in the input.

    >>> Echoes("correct-horse").redact("bad password correct-horse")
    'bad password ***'
"""

from __future__ import annotations

import base64
import binascii
import re
import string
import sys
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from mailbatch.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from mailbatch.outcome import Reply

REDACTED = "***"
#: So many characters of a form in a row are replaced behind the first echo.
_RUN = 6
#: So many that count are a piece of the secret, and so many in pieces make an echo.
_PIECE, _TELLING = 7, 12
_GROUP = 4
#: A shorter secret is looked for only where the server speaks of the secret.
_SHORTEST = 4
#: How many kinds of harmless input are kept, and the longest that is, in bytes.
_KEPT, _LONGEST_KEPT = 64, 512

_TO_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
#: Bytes that do not count: neither a letter nor a digit nor a byte of one beyond ASCII.
_BETWEEN = bytes(b for b in range(128) if not chr(b).isalnum())
_STATUS = re.compile(r"(?:[245][0-9]{2}(?:[ -]|$))?(?:[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$))?")


def _folded(data: bytes) -> bytes:
    """Return the characters of a text that count."""
    return data.translate(_TO_LOWER, _BETWEEN)


def _groups(folded: bytes) -> memoryview:
    """Return every fourth group of four, as numbers."""
    return memoryview(folded)[: len(folded) & -_GROUP].cast("I")


def forms(secret: str) -> tuple[str, ...]:
    """Return the forms of a secret that a server may show, each long enough to be looked for.

    The plain text, a URL, quoted-printable, hexadecimal, base64, and each of these backwards. The
    base64 form is the part that stays the same wherever the secret stands in the encoded text.

        >>> {"secret", "736563726574", "c2VjcmV0", "terces"} <= set(forms("secret"))
        True
    """
    raw = secret.encode(errors="surrogatepass")
    if len(secret) < _SHORTEST:
        return ()
    digits = raw.hex()
    quoted = binascii.b2a_qp(raw, quotetabs=True, istext=False).replace(b"=\n", b"")
    found = {secret, quote(raw, safe=""), quoted.decode("ascii"), digits, digits.upper()}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode("ascii")
        found.add(encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    found |= {form[::-1] for form in found}
    return tuple(sorted(form for form in found if len(form) >= _RUN))


def _runs(secrets: Iterable[str]) -> frozenset[str]:
    return frozenset(
        secret[start : start + _RUN]
        for secret in secrets
        for start in range(len(secret) - _RUN + 1)
    )


def _without(text: str, runs: Container[str], more: Container[str]) -> str:
    """Replace text that consists of these runs, and dots behind a run that was cut short."""
    shown: list[str] = []
    end = 0  # of the run that is passed over
    for start, character in enumerate(text):
        run = text[start : start + _RUN]
        if run in runs or run in more:
            if start >= end:
                shown.append(REDACTED)
            end = start + _RUN
        elif start >= end and not (character in ".…" and shown[-1:] == [REDACTED]):
            shown.append(character)
    return "".join(shown)


@frozen
class _Traces:
    """The traces of one secret: built once, since building takes longer than a session's start.

    `groups` and `pieces` are of the folded forms, `whole` those forms that are short as a whole.
    `exact` are forms that have next to no characters when folded, `word` is a secret that is looked
    for as a word. `empty`: there is nothing to look for.
    """

    empty: bool
    runs: frozenset[str]
    groups: frozenset[int]
    pieces: frozenset[bytes]
    whole: tuple[bytes, ...]
    exact: tuple[bytes, ...]
    word: re.Pattern[str] | None


@lru_cache(maxsize=4)
def _traces(secret: str) -> _Traces:
    found = forms(secret)
    encoded = [form.encode(errors="surrogatepass") for form in found]
    folded = {_folded(form) for form in encoded}
    long = sorted(form for form in folded if len(form) >= _PIECE)
    word = _word(secret) if _SHORTEST <= len(secret) < _RUN else None
    return _Traces(
        not found,
        _runs(found),
        frozenset(int.from_bytes(cut, sys.byteorder) for cut in _cuts(long, _GROUP)),
        frozenset(_cuts(long, _PIECE)),
        tuple(form for form in long if len(form) < _TELLING),
        tuple(form for form in encoded if len(_folded(form)) < _PIECE),
        word,
    )


def _word(secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")


def _cuts(texts: Iterable[bytes], length: int) -> Iterator[bytes]:
    return (text[i : i + length] for text in texts for i in range(len(text) - length + 1))


class Echoes:
    """The echoes of one secret in one session.

    `listen` sees all bytes of the server; while `alert` is false, no reply of one line among these
    is an echo. `heard`: there was an echo; from then on every reply is looked at before showing.
    `rest` is the part that has come of a line that has not ended.
    """

    __slots__ = ("_harmless", "_traces", "_word", "alert", "heard", "rest")

    def __init__(self, secret: str) -> None:
        self._traces = _traces(secret)
        self._word = secret.encode(errors="surrogatepass") if len(secret) < _RUN else b""
        self._harmless: set[bytes] = set()
        self.rest = b""  # of a line that has not ended
        self.alert = False
        self.heard = False

    def listen(self, data: bytes) -> None:
        """Look at bytes of the server, cut anywhere."""
        traces = self._traces
        if traces.empty:
            return
        if not self.rest and data in self._harmless:
            self.alert = self.heard
            return
        read = self.rest + data
        suspect = not traces.groups.isdisjoint(_groups(read.translate(_TO_LOWER, _BETWEEN)))
        if not suspect and (traces.exact or self._word):
            suspect = any(form in read for form in (*traces.exact, self._word) if form)
        self.alert = self.heard or suspect
        if data[-1:] != b"\n":
            # At most MAX_LINE bytes, or the session ends.
            self.rest = read[read.rfind(b"\n") + 1 :]
            return
        if not suspect and not self.rest and len(data) <= _LONGEST_KEPT:
            if len(self._harmless) >= _KEPT:
                self._harmless.clear()
            self._harmless.add(data)
        self.rest = b""

    def clean(self, reply: Reply, said: Sequence[str] = ()) -> Reply:
        """Return a reply without echoes of the secret and of the answers `said`."""
        lines = tuple(self.cleaned(reply.lines, said))
        return reply if lines == reply.lines else replace(reply, lines=lines)

    def cleaned(self, lines: Sequence[str], said: Sequence[str] = ()) -> list[str]:
        """Return the lines of one reply, with or without codes, as these may be shown.

        `said` is not empty while the session authenticates.
        """
        if self._is_echo(lines):
            self.heard = self.alert = True
        elif not self.heard and not said:
            return list(lines)
        words = [_word(one) for one in said if 0 < len(one) < _RUN]
        words += [self._traces.word] if self._traces.word is not None else []
        more = _runs(said)
        shown = []
        for line in lines:
            text = line
            for word in words:
                text = word.sub(REDACTED, text)
            shown.append(_without(text, self._traces.runs, more))
        # An echo that cannot be replaced in pieces goes as a whole: a line, or all lines.
        if self._is_echo(shown):
            shown = [_head(line) + REDACTED if self._is_echo([line]) else line for line in shown]
        if self._is_echo(shown):
            shown = [_head(line) + REDACTED for line in lines]
        return shown

    def redact(self, text: str) -> str:
        """Return a text about the server without echoes of the secret."""
        return self.cleaned([text])[0]

    def _is_echo(self, lines: Sequence[str]) -> bool:
        """Say whether the lines together repeat the secret."""
        traces = self._traces
        if traces.empty:
            return False
        raw = "".join([line[len(_head(line)) :] for line in lines]).encode(errors="surrogatepass")
        folded = _folded(raw)
        if any(form in folded for form in traces.whole) or self._told(folded) >= _TELLING:
            return True
        solid = b"".join(raw.split())
        if any(form in solid for form in traces.exact):
            return True
        return traces.word is not None and any(map(traces.word.search, lines))

    def _told(self, folded: bytes) -> int:
        """Return how many characters of the secret stand there in pieces, each piece once."""
        pieces = self._traces.pieces
        told = end = 0
        seen: set[bytes] = set()
        for start in range(len(folded) - _PIECE + 1):
            piece = folded[start : start + _PIECE]
            if piece in pieces and piece not in seen:
                seen.add(piece)
                told += start + _PIECE - max(start, end)
                end = start + _PIECE
        return told


def _head(line: str) -> str:
    """Return the code and the enhanced status code that a line begins with."""
    found = _STATUS.match(line)
    return found[0] if found is not None else ""
