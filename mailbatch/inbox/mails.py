"""The mails that a sandbox took: the newest ones, within bounds of number and bytes.

    mails = Mails(most=2)
    mails.add(kept, content)
    [one.subject for one in mails.listed("", before=None, limit=50).mails]

A mail has a number, from 1, that stays. Methods may be called from any thread. This module must
never parse more of a mail than the fields that a list shows.
"""

from __future__ import annotations

import threading
import unicodedata
from collections import OrderedDict

from mailbatch.frozen import frozen
from mailbatch.inbox.reading import shown_fields
from mailbatch.sandbox.outbox import Kept

#: Mails, and bytes of these, that are kept: the oldest give way.
MOST, MOST_BYTES = 20_000, 512 * 1024 * 1024


@frozen
class Mail:
    """A mail with the number, the fields of the list, and the text that a search looks at."""

    number: int
    kept: Kept
    content: bytes
    from_: str
    subject: str
    searched: str


@frozen
class Listed:
    """A page of mails, the newest first: `found` are all that have the words, `more` follow."""

    mails: list[Mail]
    found: int
    more: bool


class Mails:
    """The mails that were taken; at most `most`, and `most_bytes` bytes of the contents.

    `last` is the number of the newest one, 0 before the first.
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.last = 0
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._mails: OrderedDict[int, Mail] = OrderedDict()
        self._came = threading.Condition()

    def add(self, kept: Kept, content: bytes) -> None:
        """Keep a mail; the oldest ones give way where there are too many."""
        from_, subject = shown_fields(content, "From", "Subject")
        searched = folded("\n".join((*kept.rcpt_tos, from_, subject)))
        with self._came:
            self.last += 1
            mail = Mail(self.last, kept, content, from_, subject, searched)
            self._mails[mail.number] = mail
            self._bytes += len(content)
            while len(self._mails) > 1 and self._is_full():
                _, gone = self._mails.popitem(last=False)
                self._bytes -= len(gone.content)
            self._came.notify_all()

    @property
    def gone(self) -> int:
        """The number of mails that gave way."""
        return self.last - len(self._mails)

    def find(self, number: int) -> Mail | None:
        """Return a mail by the number; None for one that never came, or gave way."""
        with self._came:
            return self._mails.get(number)

    def listed(self, words: str, *, before: int | None, limit: int) -> Listed:
        """Return the newest mails that have all words; `before` is a number that all are below."""
        with self._came:
            mails = list(reversed(self._mails.values()))
        wanted = folded(words).split()
        found = [one for one in mails if all(word in one.searched for word in wanted)]
        older = [one for one in found if before is None or one.number < before]
        return Listed(older[:limit], len(found), len(older) > limit)

    def wait(self, last: int, *, seconds: float) -> int:
        """Wait until the newest mail is another one than `last`; return the newest one's number."""
        with self._came:
            self._came.wait_for(lambda: self.last != last, seconds)
            return self.last

    def _is_full(self) -> bool:
        return len(self._mails) > self._most or self._bytes > self._most_bytes


def folded(text: str) -> str:
    """Return a text to search, or to search for: without accents and capitals.

    >>> folded("Zoë@Example.org")
    'zoe@example.org'
    """
    apart = unicodedata.normalize("NFKD", text)
    return "".join(one for one in apart if not unicodedata.combining(one)).casefold()
