"""The reader of any body: mail, JSON or XML, told apart by the content.

A content type is often wrong, and one URL may serve several kinds of event. Members decide:
`results` (Infobip), `TopicArn` (SNS), `mail` beside a type (SES), `event-data` (Mailgun),
`notificationType` (Infobip, but SES without event publishing has a member of that name, too). This
module must never ask for a proof: the caller has done so where one is needed.

Tests: tests/reports/test_golden.py, tests/reports/test_hostile.py.
"""

from __future__ import annotations

from mailbatch.reports.bodies import BodyError, read_json
from mailbatch.reports.infobip import infobip_reading, read_infobip_xml
from mailbatch.reports.mail_reports import read_mail
from mailbatch.reports.mailgun import is_mailgun, mailgun_reading
from mailbatch.reports.members import MemberError, Members, members_of
from mailbatch.reports.refusal import Reading, Refusal
from mailbatch.reports.ses import ses_reading
from mailbatch.reports.sns import is_sns, sns_reading

#: The version of all readers together: raise it where a reader reads a body otherwise.
VERSION = 4

_BLANK = b" \t\r\n"
#: The first bytes of gzip, bzip2, xz, zstd and zip.
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_body(body: bytes, *, received: float) -> Reading:
    """Read a body of any form: the reports, and refusals of all other parts; never empty.

    `received` is the time of arrival in seconds since the epoch.

    Example:
        >>> [str(one) for one in read_body(b"[1, 2", received=0.0)]
        ["line 1, column 6: Expecting ',' delimiter"]
    """
    if body.startswith(_PACKED):
        return (Refusal("", "a compressed file: unpack it, and read what comes out"),)
    start = body[:4096].removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANK)[:1]
    if not start:
        return (Refusal("", "empty"),)
    if start == b"<":
        return read_infobip_xml(body)
    if start not in (b"{", b"["):
        return read_mail(body)
    try:
        return _read_members(members_of("", read_json(body)), received)
    except (BodyError, MemberError) as error:
        return (Refusal(error.place, error.reason),)


def _read_members(members: Members, received: float) -> Reading:
    if is_sns(members):
        return sns_reading(members)
    if is_mailgun(members):
        return mailgun_reading(members)
    if members.has("mail") and (members.has("eventType") or members.has("notificationType")):
        return ses_reading(members)
    return infobip_reading(members, received=received)
