"""Refusals: whose trouble one refusal speaks of, read from command, code and text.

A refusal of one person is that person's outcome; trouble of the account, the session or the rate
is the run's. This module reads a single reply, pure: no I/O, no clock, no counting. The words and
statuses known here stand in `mailbatch.smtp.wordings`, each with a source.

A reading may only make an outcome milder, a refusal into a wait: it never accepts and never
rejects. A text wrongly taken for a limit costs time, never a person. At RCPT a quota with X.1,
X.2.1 or X.2.2, or that of a mailbox, stays the trouble of that recipient alone.

    550 5.4.5 Daily user sending limit exceeded  ->  ALLOWANCE
    552 5.2.2 Quota exceeded, in reply to RCPT   ->  NONE

The first 4 KiB of a text are read, and every step is linear.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from mailbatch.frozen import frozen
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.wordings import (
    ACCOUNT_WORDS,
    MAILBOX_WORDS,
    RECIPIENT_WORDS,
    SENDING_WORDS,
    WORDINGS,
    Trouble,
    Wording,
)

if TYPE_CHECKING:
    from mailbatch.outcome import Reply

__all__ = ["Meaning", "Trouble", "essence", "is_full", "is_taken_and_thrown_away", "meaning_of"]


@frozen
class Meaning:
    """The meaning of one refusal: whose trouble, and the figures in the text.

    `seconds` is the least wait that the text names ("try again in 92 seconds"), `until` the moment
    ("try again after Sun, 05 Oct 2025 19:22:44 UTC") in seconds since the epoch. `recipients` is
    how many recipients a CROWD says a transaction may have ("Recipient count exceeds 50").
    """

    trouble: Trouble
    seconds: float | None = None
    until: float | None = None
    recipients: int | None = None


#: Characters of a text that are looked at.
LOOKED_AT = 4096

_THROWN_AWAY = 254  # Oracle: taken, and suppressed for this recipient
_STORAGE = 452  # the RFC's code for too many recipients (4.5.3.1.10)
# 552 was RFC 821's code for the same, and is to be taken for 452 (RFC 5321 4.5.3.1.10).
_NO_ROOM = frozenset({_STORAGE, 552})
_TRANSIENT = range(400, 500)  # RFC 5321 4.2.1
_NOT_LET_IN = frozenset({530, 538})  # RFC 4954 6
_TOO_MANY = "5.3"  # RFC 3463: X.5.3 too many recipients
_ONE_MAILBOX = frozenset({"2.1", "2.2"})  # RFC 3463: X.2.1 disabled, X.2.2 full
# RFC 3463: X.1.Y and X.2.Y speak of the one address or mailbox, X.3.Y of the mail system.
_ABOUT_ADDRESS, _ABOUT_ONE, _ABOUT_SYSTEM = "1.", ("1.", "2."), "3."

# An enum's member costs a slow look-up before Python 3.12; these are used for every refusal.
_RCPT = Verb.RCPT
_LIMIT, _ALLOWANCE, _CROWD, _ACCOUNT = (
    Trouble.LIMIT, Trouble.ALLOWANCE, Trouble.CROWD, Trouble.ACCOUNT,
)  # fmt: skip
# The meanings of those that name neither a time nor a number.
_MEANINGS = {trouble: Meaning(trouble) for trouble in Trouble}
_NOTHING = _MEANINGS[Trouble.NONE]


def _rows() -> dict[tuple[Verb, int], tuple[Wording, ...]]:
    """Sort the table by command and by class, 4 or 5: a refusal meets the rows that may fit."""
    return {
        (verb, digit): tuple(row for row in WORDINGS if verb in row.at and digit in row.classes)
        for verb, digit in product(Verb, (4, 5))
    }


_ROWS = _rows()


def meaning_of(verb: Verb, reply: Reply, *, behind_accepted: bool = False) -> Meaning:
    """Say whose trouble a refusal of `verb` speaks of.

    `behind_accepted`: the refused RCPT stands behind an accepted one of the same transaction.
    A reply that is no refusal (2yz, 3yz) is no trouble at all.

        >>> from mailbatch.outcome import Reply
        >>> meaning_of(Verb.MAIL, Reply(450, ("Rate limit, try again in 92 seconds",))).seconds
        92.0
    """
    code = reply.code
    if not reply.negative:
        return _NOTHING
    text = _text(reply)
    status = _status(reply, text)
    if verb is _RCPT and code not in _NOT_LET_IN and _is_of_one(status):
        return _NOTHING
    words = _words(text)
    trouble = _trouble(verb, code, status, words, behind_accepted)
    if trouble is _CROWD:
        return Meaning(trouble, recipients=_recipients(words))
    if trouble is _LIMIT or trouble is _ALLOWANCE:
        return Meaning(trouble, _seconds(words), _until(text))
    return _MEANINGS[trouble]


# Servers say the same few things over and over. Bounded: so many texts of at most LOOKED_AT.
@lru_cache(maxsize=256)
def _trouble(verb: Verb, code: int, status: str, words: str, behind_accepted: bool) -> Trouble:
    """Compare a refusal, whose words are free of names, with the table."""
    means: set[Trouble] = set()
    rules_out: set[Trouble] = set()
    in_time = False
    for row in _ROWS[verb, code // 100]:
        if row.words in words and _agrees(row, code, status):
            means.add(row.means)
            rules_out |= row.rules_out
            in_time = in_time or row.in_time
    if verb is _RCPT:
        rules_out |= _not_the_runs(status, words, in_time=in_time)
        if behind_accepted and _is_crowd(code, status, words, limited=_LIMIT in means - rules_out):
            means.add(_CROWD)
    return _strongest(means, rules_out)


def _agrees(row: Wording, code: int, status: str) -> bool:
    return (not row.status or row.status == status) and (not row.codes or code in row.codes)


def _strongest(means: set[Trouble], rules_out: set[Trouble]) -> Trouble:
    """Return the trouble that decides, if a refusal speaks of several.

    The length of a limit ("daily") counts only beside the words of a limit.
    """
    left = means - rules_out
    if _ALLOWANCE in left and _LIMIT not in means:
        left.discard(_ALLOWANCE)
    for trouble in (Trouble.LOGIN, _ALLOWANCE, _CROWD, _LIMIT, _ACCOUNT):
        if trouble in left:
            return trouble
    return Trouble.NONE


# -- of one recipient, or of one transaction -------------------------------------------------------


def _is_of_one(status: str) -> bool:
    """Say whether a status at RCPT speaks of this address or mailbox, whatever the text says."""
    return status.startswith(_ABOUT_ADDRESS) or status in _ONE_MAILBOX


def _not_the_runs(status: str, words: str, *, in_time: bool) -> set[Trouble]:
    """Return the troubles that a refusal of RCPT cannot mean, since the recipient is the subject.

    A limit that is counted in time (`in_time`) is the sender's: no mailbox is full per minute.
    """
    if any(word in words for word in SENDING_WORDS):
        return set()
    not_the_runs = set()
    if any(word in words for word in ACCOUNT_WORDS):
        not_the_runs.add(_ACCOUNT)
    theirs = MAILBOX_WORDS if status else RECIPIENT_WORDS
    if not in_time and any(word in words for word in theirs):
        not_the_runs |= {_LIMIT, _ALLOWANCE}
    return not_the_runs


def is_full(reply: Reply) -> bool:
    """Say whether this refusal of a RCPT behind an accepted one means: no more in this transaction.

    The answer schedules and never accepts: a recipient taken for one too many goes into the next
    transaction, where the same reply to the first RCPT is an ordinary refusal.
    452 is the RFC's code, and 552 is to be taken for 452 (RFC 5321 4.5.3.1.10); servers also use
    others with X.5.3, or words only.

        >>> from mailbatch.outcome import Reply
        >>> is_full(Reply(452, ("Too many recipients",), "4.5.3"))
        True
        >>> is_full(Reply(452, ("Mailbox full",), "4.2.2"))
        False
    """
    if reply.enhanced is not None and reply.enhanced[2:] == _TOO_MANY:
        return True
    text = _text(reply)
    return _takes_no_more(reply.code, _status(reply, text), _words(text))


def _takes_no_more(code: int, status: str, words: str) -> bool:
    if status:
        if code == _STORAGE:
            return not status.startswith(_ABOUT_ONE)
        return status == _TOO_MANY or (code in _TRANSIENT and _names_crowd(words))
    if code in _NO_ROOM:
        return not any(word in words for word in MAILBOX_WORDS)
    return _names_crowd(words)


def _names_crowd(words: str) -> bool:
    return "too many recipients" in words


def _is_crowd(code: int, status: str, words: str, *, limited: bool) -> bool:
    """Say whether a refusal of RCPT behind an accepted one tells how many recipients are taken.

    A bare 452 does, unless the text speaks of storage or of a limit: then the other recipients go
    into the next transaction all the same, and nothing is learned.
    """
    if status == _TOO_MANY or _names_crowd(words):
        return _takes_no_more(code, status, words)
    if limited or status.startswith(_ABOUT_SYSTEM) or " storage " in words:
        return False
    return _takes_no_more(code, status, words)


def is_taken_and_thrown_away(reply: Reply) -> bool:
    """Say whether a 2yz to RCPT means that this recipient will not get the message.

    That is so where the text begins with an enhanced status of class 4 or 5, as in Oracle's
    "254 4.7.1 Suppression for user"; 254 alone says the same. 251 and 252 are acceptances.
    """
    if not reply.positive:
        return False
    return reply.code == _THROWN_AWAY or any(_NEGATIVE_STATUS.match(line) for line in reply.lines)


# -- the text --------------------------------------------------------------------------------------

_STATUS = re.compile(r"[245]\.([0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_STATUS_BEHIND = re.compile(r"\(#[45]\.([0-9]{1,3}\.[0-9]{1,3})\)")  # qmail's way, and qpsmtpd's
_NEGATIVE_STATUS = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")
_ANGLED = re.compile(r"<[^<>]*>")
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}\.?")
_EDGES = str.maketrans(dict.fromkeys("\t.,;:!?()[]{}<>/\\|\"'`-_=+*#&%$^~", " "))


def _text(reply: Reply) -> str:
    return " ".join(reply.lines)[:LOOKED_AT]


def _status(reply: Reply, text: str) -> str:
    """Return subject and detail of the enhanced status, `"4.5"` of `X.4.5`; empty without one.

    A class that is not the code's does not make the rest wrong: 452 5.5.3 (SocketLabs).
    """
    if reply.enhanced is not None:
        return reply.enhanced[2:]
    if "." not in text:
        return ""
    found = _STATUS.match(text) or _STATUS_BEHIND.search(text)
    return found[1] if found is not None else ""


def _words(text: str) -> str:
    """Return the words of a text in lower case, between single spaces, without names.

    A name states nothing: `<quota@example.com>`, a URL, `throttle.example.com`.
    """
    if "<" in text:
        text = _ANGLED.sub(" ", text)
    tokens = [
        token
        for token in text.split()
        if "@" not in token and "://" not in token and not ("." in token and _HOST.fullmatch(token))
    ]
    return f" {' '.join(' '.join(tokens).lower().translate(_EDGES).split())} "


# The figures of a text, read from the words: "try again in 92 seconds", "come back in 00 04 59".
_WAIT = re.compile(
    r" (?:again|retry|wait|back)(?: [a-z]{1,12}){0,3}"
    r" ([0-9]{1,9}) ?(s|m|h|d|secs?|seconds?|mins?|minutes?|hours?|days?) "
)
_CLOCK = re.compile(r" (?:again|back) in ([0-9]{1,3}) ([0-5][0-9]) ([0-5][0-9]) ")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST = re.compile(
    r" (?:exceeds?|exceeded|maximum|max|limit|most|than|only|to)(?: (?:of|is|are|the))?"
    r" ([1-9][0-9]{0,5})(?= )(?! (?:per|a|an|in|within) )"
)
# RFC 5322 3.3 and ISO 8601, with an explicit zone.
_MOMENT = re.compile(
    r"\b(?:after|until) (?:"
    r"((?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
    r" (?:UTC|GMT|[+-][0-9]{4}))"
    r"|([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]{1,9})?)"
    r" ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})"
    r")(?![0-9A-Za-z])"
)
_UTC = frozenset({"Z", "UTC", "GMT"})


def _seconds(words: str) -> float | None:
    """Return the least wait that a text names, in seconds."""
    found = _WAIT.search(words)
    if found is not None:
        return float(int(found[1]) * _UNIT_SECONDS[found[2][0]])
    found = _CLOCK.search(words)
    if found is not None:
        hours, minutes, seconds = map(int, found.groups())
        return float(3600 * hours + 60 * minutes + seconds)
    return None


def _until(text: str) -> float | None:
    """Return the moment that a text names, in seconds since the epoch; None without a date."""
    found = _MOMENT.search(text)
    if found is None:
        return None
    message_date, iso_date, zone = found.groups()
    try:
        if message_date is not None:
            return parsedate_to_datetime(message_date).timestamp()
        return datetime.fromisoformat(iso_date + ("+00:00" if zone in _UTC else zone)).timestamp()
    except (ValueError, OverflowError):
        return None


def _recipients(words: str) -> int | None:
    """Return how many recipients a text says are taken; None without a number."""
    found = _MOST.search(words)
    return int(found[1]) if found is not None else None


# -- the same refusal ------------------------------------------------------------------------------

_VARYING = "#"
_DIGITS = frozenset("0123456789")
# The words beside the numbers of a date, in English whatever the locale (RFC 5322 3.3).
_CALENDAR = frozenset({
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "monday", "tuesday", "wednesday", "thursday",
    "friday", "saturday", "sunday", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep",
    "oct", "nov", "dec", "january", "february", "march", "april", "june", "july", "august",
    "september", "october", "november", "december", "utc", "gmt",
})  # fmt: skip


def essence(reply: Reply) -> tuple[int, str | None, str]:
    """Return the common part of two refusals that are the same one, said to different people.

    That is the code, the enhanced status, and the text without addresses, message and queue ids,
    numbers, dates and times:

        >>> from mailbatch.outcome import Reply
        >>> essence(Reply(450, ("Limit for ann@example.com reached",), "4.2.1"))
        (450, '4.2.1', 'Limit for # reached')
    """
    text = _text(reply)
    if "<" in text:
        text = _ANGLED.sub(_VARYING, text)
    kept: list[str] = []
    for token in text.split():
        if _varies(token):
            if not kept or kept[-1] != _VARYING:
                kept.append(_VARYING)
        else:
            kept.append(token)
    return reply.code, reply.enhanced, " ".join(kept)


def _varies(token: str) -> bool:
    """Say whether a word is an address, an id, a number or a part of a date."""
    return (
        "#" in token
        or "@" in token
        or not _DIGITS.isdisjoint(token)
        or token.lower().rstrip(",.;") in _CALENDAR
    )
