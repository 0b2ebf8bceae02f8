"""Feedback reports (RFC 5965 ARF): complaints of readers, passed on by a mailbox provider.

Recipients are often masked, so our Message-ID in the returned message has to do. A report of type
`auth-failure` (RFC 6591) tells a sender that DMARC failed and is no complaint; `not-spam` is the
contrary of one.

Tests: tests/reports/test_mail_reports.py.
"""

from __future__ import annotations

from mailbatch.reports.mail import Mail, Part
from mailbatch.reports.members import clean
from mailbatch.reports.refusal import Cause, Reading, Refusal
from mailbatch.reports.report import LONGEST_NAME, Event, Report, Source
from mailbatch.reports.returned import ours_in
from mailbatch.reports.status_fields import blocks_of, first

FEEDBACK_TYPE = "message/feedback-report"

#: Feedback-Type (RFC 5965 7.3, RFC 6430, RFC 6591); None is no statement about the recipient.
_EVENTS: dict[str, Event | None] = {
    "abuse": Event.COMPLAINED,
    "fraud": Event.COMPLAINED,
    "virus": Event.COMPLAINED,
    "other": Event.COMPLAINED,
    "opt-out": Event.UNSUBSCRIBED,
    "opt-out-list": Event.UNSUBSCRIBED,
    "not-spam": None,
    "auth-failure": None,
    "dkim": None,
}


def read_feedback(mail: Mail, part: Part, *, said: str, at: float | None) -> Reading:
    """Read a mail with a feedback part: a report for each named recipient.

    A complaint that names several says only that one of them complained; each gets a report,
    whose text tells. `said` is the identity of the mail, `at` the date in seconds since the epoch.
    """
    fields = {name: values for block in blocks_of(part.content) for name, values in block.items()}
    kind = first(fields, "feedback-type").lower()
    if kind not in _EVENTS:
        return (Refusal("Feedback-Type", f"{kind[:80]!r} is not known"),)
    event = _EVENTS[kind]
    if event is None:
        return (Refusal("Feedback-Type", f"{kind} is no complaint", Cause.NO_REPORT),)
    ours = ours_in(mail, envelope_id=first(fields, "original-envelope-id"))
    addresses = [clean(value, LONGEST_NAME) for value in fields.get("original-rcpt-to", ())]
    named = dict.fromkeys(address.strip("<> ") for address in addresses if "@" in address)
    sole = [ours.verp_address] if ours.verp_address and not named else list(named)
    text = f"{kind} feedback" if len(sole) < 2 else f"{kind} feedback of one of {len(sole)}"  # noqa: PLR2004
    return tuple(
        Report(
            event=event,
            source=Source.ARF,
            recipients=(address,) if address else (),
            token=ours.token,
            header_message_id=ours.header_message_id,
            bulk_id=ours.bulk_id,
            at=at,
            text=text,
            said=said,
        )
        for address in sole or [""]
    )
