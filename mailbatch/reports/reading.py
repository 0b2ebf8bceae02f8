"""The reader of any body: mail, JSON or XML, told apart by the content.

A content type is often wrong, and one URL may serve several kinds of event. Members decide:
`results` (Infobip), `TopicArn` (SNS), `mail` beside a type (SES), `event-data` (Mailgun),
`notificationType` (Infobip, but SES without event publishing has a member of that name, too). This
module must never ask for a proof: the caller has done so where one is needed.

Tests: tests/reports/test_golden.py, tests/reports/test_hostile.py.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from mailbatch.reports.bodies import BodyError, read_json, read_xml_results
from mailbatch.reports.infobip import infobip_reading, is_infobip, read_infobip_xml
from mailbatch.reports.mail import is_mail
from mailbatch.reports.mail_reports import read_mail
from mailbatch.reports.mailgun import is_mailgun, mailgun_reading
from mailbatch.reports.members import MemberError, Members, members_of
from mailbatch.reports.refusal import Reading, Refusal
from mailbatch.reports.ses import ses_reading
from mailbatch.reports.sns import is_sns, sns_reading

#: The version of all readers together: raise it where a reader reads a body otherwise.
VERSION = 4

_BLANK = b" \t\r\n"
#: The first bytes of files that are no report: of gzip, bzip2, xz, zstd and zip ...
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
#: ... and of SQLite's database, write-ahead log, index of the log, and rollback journal.
DATABASES = (
    b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", b"\x18\xe2\x2d\0",
    b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
)  # fmt: skip
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NO_FORM = (
    "in no form of a report, which is a mail with its header, or JSON or XML of Infobip, "
    "Amazon SES or Mailgun"
)
_NO_MEMBERS = (
    "JSON, but of no report: neither `results` nor `notificationType` (Infobip), nor `mail` "
    "(Amazon SES), `TopicArn` (SNS) or `event-data` (Mailgun)"
)


class _Form(Enum):
    """The form of a body, by the first character."""

    MAIL = auto()
    XML = auto()
    JSON = auto()


def read_body(body: bytes, *, received: float) -> Reading:
    """Read a body of any form: the reports, and refusals of all other parts; never empty.

    `received` is the time of arrival in seconds since the epoch.

    Example:
        >>> [str(one) for one in read_body(b"[1, 2", received=0.0)]
        ["line 1, column 6: Expecting ',' delimiter"]
    """
    form = _form(body)
    if isinstance(form, Refusal):
        return (form,)
    if form is _Form.XML:
        return read_infobip_xml(body)
    if form is _Form.MAIL:
        return read_mail(body) if is_mail(body) else (Refusal("", _NO_FORM),)
    try:
        members = members_of("", read_json(body))
        read = _reader_of(members)
        return (Refusal("", _NO_MEMBERS),) if read is None else read(members, received)
    except (BodyError, MemberError) as error:
        return (Refusal(error.place, error.reason),)


def refusal_of_form(body: bytes) -> Refusal | None:
    """Return the refusal of a body in no form of a report; None where a reader takes the form.

    A body of such a form may still make no report, or have a mistake in a part.

    Example:
        >>> refusal_of_form(b'{"results": 7}') is None
        True
        >>> str(refusal_of_form(b"email,name"))[:25]
        'in no form of a report, w'
    """
    form = _form(body)
    if isinstance(form, Refusal):
        return form
    try:
        if form is _Form.MAIL:
            return None if is_mail(body) else Refusal("", _NO_FORM)
        if form is _Form.XML:
            read_xml_results(body)
        elif _reader_of(members_of("", read_json(body))) is None:
            return Refusal("", _NO_MEMBERS)
    except (BodyError, MemberError) as error:
        return Refusal(error.place, error.reason)
    return None


def _form(body: bytes) -> _Form | Refusal:
    if body.startswith(_PACKED):
        return Refusal("", "a compressed file: unpack it, and read what comes out")
    if body.startswith(DATABASES):
        return Refusal("", "an SQLite database")
    start = body[:4096].removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANK)[:1]
    if not start:
        return Refusal("", "empty")
    if start == b"<":
        return _Form.XML
    return _Form.JSON if start in (b"{", b"[") else _Form.MAIL


def _reader_of(members: Members) -> Callable[[Members, float], Reading] | None:
    """Return the reader of an object, by its members; None where no reader knows these."""
    if is_sns(members):
        return lambda members, _: sns_reading(members)
    if is_mailgun(members):
        return lambda members, _: mailgun_reading(members)
    if members.has("mail") and (members.has("eventType") or members.has("notificationType")):
        return lambda members, _: ses_reading(members)
    if is_infobip(members):
        return lambda members, received: infobip_reading(members, received=received)
    return None
