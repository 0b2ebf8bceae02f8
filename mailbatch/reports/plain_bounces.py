"""Bounces without a status part: addresses and replies in plain text (dma, qmail and older ones).

A letter can hold an address and "550 5.1.1", too, so module `mail_reports` asks here only about
mails with a null return path. A code counts only behind a reply code.

Tests: tests/reports/test_mail_reports.py.
"""

from __future__ import annotations

import re

from mailbatch.reports.legacy_bounces import legacy_failures
from mailbatch.reports.mail import Mail
from mailbatch.reports.members import clean
from mailbatch.reports.refusal import Reading, Refusal
from mailbatch.reports.report import LONGEST_NAME, Event, Kind, Report, Source
from mailbatch.reports.returned import message_id_in, ours_in
from mailbatch.reports.status_codes import kind_of, reply_in, speaks_of_address

_MOST_TEXT = 256 * 1024
_MOST_ADDRESSES = 1000
_LONGEST_PARAGRAPH = 2000
_QUOTED_HEADER = re.compile(
    r"^(?:received|return-path|from|to|message-id|date|subject):", re.IGNORECASE | re.MULTILINE
)
_HEADING = re.compile(r"^[ \t]*<([^\s<>@]{1,320}@[^\s<>@]{1,320})>:", re.MULTILINE)
_ANYWHERE = re.compile(r"<([^\s<>@]{1,320}@[^\s<>@]{1,320})>")
_REPLY_LINE = re.compile(r"(?:^|said: |: )(5\d\d|4\d\d)(?=[ -])", re.MULTILINE)
_END_OF_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")


def read_plain_bounce(data: bytes, mail: Mail, *, said: str, at: float | None) -> Reading:
    """Read a mail with a null return path and no status part.

    `data` is the whole mail, `said` the identity, `at` the date in seconds since the epoch.
    """
    part = next(mail.of_type("text/plain"), None)
    text = part.text[:_MOST_TEXT] if part else ""
    quoted = _QUOTED_HEADER.search(text)
    told, returned = (text[: quoted.start()], text[quoted.start() :]) if quoted else (text, "")
    failures = legacy_failures(data)
    temporary, permanent = failures or (frozenset(), frozenset())
    addresses = dict.fromkeys([*_named(told), *sorted(permanent), *sorted(temporary)])
    addresses = dict.fromkeys(list(addresses)[:_MOST_ADDRESSES])
    if not addresses:
        more = "" if failures else "; flufl.bounce (extra `reports`) knows more forms"
        return (Refusal("", f"a bounce in no form that is known: it names nobody{more}"),)
    ours = ours_in(mail)
    made = []
    for address in addresses:
        words = _words(told, address, sole=len(addresses) == 1)
        reply, code = reply_in(words)
        is_temporary = address in temporary and address not in permanent and not reply
        kind = None if is_temporary else kind_of(reply, code)
        made.append(
            Report(
                event=Event.DEFERRED if is_temporary else Event.BOUNCED,
                kind=kind,
                source=Source.MAIL,
                recipients=(address,),
                token=ours.token,
                header_message_id=message_id_in(returned) or ours.header_message_id,
                bulk_id=ours.bulk_id,
                at=at,
                code=code,
                text=words,
                about_address=kind is Kind.HARD and speaks_of_address(code),
                said=said,
            )
        )
    return tuple(made)


def _named(text: str) -> list[str]:
    """Return the addresses that head a paragraph, or the only one that stands anywhere."""
    found = _HEADING.findall(text)
    if not found:
        found = list(dict.fromkeys(_ANYWHERE.findall(text)))
        found = found if len(found) == 1 else []
    return [clean(address, LONGEST_NAME) for address in found]


def _words(text: str, address: str, *, sole: bool) -> str:
    """Return the reply in the paragraph of an address, or anywhere for the only address."""
    if not sole:
        start = max(text.find(f"<{address}>"), 0)
        text = _END_OF_PARAGRAPH.split(text[start : start + _LONGEST_PARAGRAPH], maxsplit=1)[0]
    found = _REPLY_LINE.search(text)
    if not found:
        return ""
    return clean(text[found.start(1) :].partition("\n")[0])
