"""Mails to the envelope sender: bounces, complaints, and much that is neither.

A status part makes a report, whatever mail is around: servers differ in outer type, Auto-Submitted
and Subject. Without one, an automatic reply is no bounce, and text is believed only behind a null
return path. This module must never delete or change a mail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from mailbatch.reports.delivery_status import STATUS_TYPES, read_delivery_status
from mailbatch.reports.feedback import FEEDBACK_TYPE, read_feedback
from mailbatch.reports.mail import Mail, MailError, cut, open_mail
from mailbatch.reports.members import clean, time_of
from mailbatch.reports.plain_bounces import read_plain_bounce
from mailbatch.reports.refusal import Cause, Reading, Refusal
from mailbatch.reports.report import LONGEST_NAME

#: Fields of automatic replies, with the beginnings of values that count; empty: any value.
_AUTOMATIC = (
    ("auto-submitted", ("auto-replied",)),  # RFC 3834
    ("x-auto-response-suppress", ("",)),  # Exchange, Pigeonhole
    ("x-autoreply", ("",)),
    ("x-loop", ("",)),  # procmail
    ("precedence", ("bulk", "junk", "list", "auto_reply")),
)
_MAILERS = ("mailer-daemon@", "mailer-daemon ", "mailer-daemon<", "postmaster@")


def read_mail(data: bytes) -> Reading:
    """Read one mail (`is_mail`): a report for each recipient, or the reason for none."""
    try:
        mail = open_mail(data)
    except MailError as error:
        return (Refusal("", str(error)),)
    said, at = _identity(mail, data), _date(mail)
    for content_types, read in _READERS:
        part = next(mail.of_type(*content_types), None)
        if part is not None:
            return read(mail, part, said=said, at=at)
    return _refusal(mail) or read_plain_bounce(cut(data), mail, said=said, at=at)


def _receipt(*_: object, **__: object) -> Reading:
    return (Refusal("", "a receipt of a reader's program", Cause.NO_REPORT),)


#: Types of parts that tell what a mail is, the most telling first.
_READERS: tuple[tuple[tuple[str, ...], Callable[..., Reading]], ...] = (
    (STATUS_TYPES, read_delivery_status),
    ((FEEDBACK_TYPE,), read_feedback),
    (("message/disposition-notification", "message/global-disposition-notification"), _receipt),
)


def _refusal(mail: Mail) -> Reading:
    """Return the reason why a mail without such a part is no bounce; nothing if it may be one."""
    field = _automatic_field(mail)
    if field:
        return (Refusal(field, "an automatic reply", Cause.NO_REPORT),)
    if not _has_null_return_path(mail):
        reason = "a letter: no status part, and a return path that is not null"
        return (Refusal("", reason, Cause.NO_REPORT),)
    return ()


def _identity(mail: Mail, data: bytes) -> str:
    named = clean(mail.field("message-id"), LONGEST_NAME)
    return named or hashlib.blake2b(data, digest_size=16).hexdigest()


def _date(mail: Mail) -> float | None:
    try:
        return time_of(parsedate_to_datetime(mail.field("date")[:100]).isoformat())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _automatic_field(mail: Mail) -> str:
    """Return the field that says that a mail is an automatic reply; empty where none does."""
    for name, values in _AUTOMATIC:
        if any(value.lower().startswith(values) for value in mail.each(name)):
            return name
    return ""


def _has_null_return_path(mail: Mail) -> bool:
    """Tell whether the mail came from `<>`; without Return-Path the From must be a mailer's."""
    if mail.has("return-path"):
        return mail.field("return-path") == "<>"
    sender = mail.field("from").lower()
    return sender in ("", "<>") or any(name in f"{sender} " for name in _MAILERS)
