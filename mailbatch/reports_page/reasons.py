"""The reasons of refusals, bounces and complaints, in classes: a code, and the words around names.

    >>> words_of("<ada@example.org>: user unknown (in reply to RCPT, id 4c9XqR1)")
    '<address> user unknown (in reply to RCPT, id <id>'

A server writes an address or a queue id into each text, so that a thousand texts say the same. This
module must never decide anything by the words, which are for a reader alone.
"""

from __future__ import annotations

import re

from mailbatch.frozen import frozen
from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status
from mailbatch.reports.report import Event
from mailbatch.reports.standings import RecipientStanding

#: The subjects of enhanced statuses, by the second number (RFC 3463 3.1 to 3.8).
SUBJECTS = {
    "1": "address",
    "2": "mailbox",
    "3": "mail system",
    "4": "network",
    "5": "protocol",
    "6": "content",
    "7": "policy or security",
}
#: Events that need no reason.
_GOOD = frozenset({Event.QUEUED, Event.SENT, Event.DELIVERED})
_REFUSED = frozenset({Status.REJECTED, Status.DEFERRED})
_STATUS = re.compile(r"[245]\.([0-7])\.\d{1,3}")
#: Characters of a code, characters of a text that are looked at, and those of a class of words.
LONGEST_CODE = 40
_MOST_READ = 500
_LONGEST_WORDS = 140
#: A word of so many characters with a digit names one message or one host, and no reason.
_SHORTEST_ID = 6


@frozen
class Reason:
    """A class of reasons: the event of a report or the status of the ledger, and the words for it.

    `kind`, `code` and `words` are empty where nothing is said.
    """

    told: Event | Status
    kind: str = ""
    code: str = ""
    words: str = ""

    @property
    def subject(self) -> str:
        """The subject of an enhanced status; empty for any other code."""
        found = _STATUS.fullmatch(self.code)
        return SUBJECTS.get(found[1], "") if found else ""


def reason_of(row: ResultRow, standing: RecipientStanding | None) -> Reason | None:
    """Return the reason why a recipient stands badly; None for any other recipient.

    A report goes before the reply of the server, since the report came later.
    """
    if standing is not None and standing.event is not None:
        if standing.event in _GOOD:
            return None
        kind, code = str(standing.kind or ""), shortened(standing.code, LONGEST_CODE)
        return Reason(standing.event, kind, code, words_of(standing.text))
    if row.status in _REFUSED:
        code = shortened(row.enhanced_status or str(row.reply_code or ""), LONGEST_CODE)
        return Reason(row.status, "", code, words_of(row.reply or ""))
    return None


def printable(text: str) -> str:
    r"""Return a text whose invisible characters are escaped: controls, and marks of direction.

    >>> printable("ada\u202egro.elpmaxe")
    'ada\\u202egro.elpmaxe'
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def shortened(text: str, most: int) -> str:
    """Return a text on one line, printable, with at most so many characters."""
    # Cut before and behind: an escaped character is longer than the character.
    shown = printable(" ".join(text[: most + 1].split()))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def words_of(text: str) -> str:
    """Return the words of a text without the addresses, links and identifiers in it."""
    return shortened(" ".join(map(_word, text[:_MOST_READ].split())), _LONGEST_WORDS)


def _word(word: str) -> str:
    if "@" in word:
        return "<address>"
    if "://" in word:
        return "<link>"
    is_id = len(word) >= _SHORTEST_ID and any(map(str.isdigit, word))
    return "<id>" if is_id and not _STATUS.fullmatch(word.strip("()[],;:#.")) else word
