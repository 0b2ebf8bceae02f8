"""Amazon SES: event records and feedback notifications, as reports.

SES replaces the Message-ID on the wire; ours stands among `mail.headers`. One record may be about
several recipients. Opens and clicks do not name the recipient of a message to several, and a
complaint names all recipients of a domain that may have complained. Source: "Contents of event data
that Amazon SES publishes to Amazon SNS" and "Amazon SNS notification contents for Amazon SES".

Tests: tests/reports/test_golden.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailbatch.frozen import frozen
from mailbatch.report_token import MEMBER, token_in
from mailbatch.reports.members import MemberError, Members, members_of
from mailbatch.reports.refusal import Cause, Reading, Refusal
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.status_codes import code_of, reply_in, speaks_of_address, status_in


@frozen
class _Record:
    """A type of record: the event, the member with the facts, and the list of recipients.

    `recipients` is empty where the record is about everybody in `mail.destination`.
    """

    event: Event
    facts: str
    recipients: str = ""


_RECORDS = {
    "Send": _Record(Event.SENT, "send"),
    "Delivery": _Record(Event.DELIVERED, "delivery", "recipients"),
    "DeliveryDelay": _Record(Event.DEFERRED, "deliveryDelay", "delayedRecipients"),
    "Bounce": _Record(Event.BOUNCED, "bounce", "bouncedRecipients"),
    "Complaint": _Record(Event.COMPLAINED, "complaint", "complainedRecipients"),
    "Reject": _Record(Event.REJECTED, "reject"),
    "Rendering Failure": _Record(Event.FAILED, "failure"),
    "Open": _Record(Event.OPENED, "open"),
    "Click": _Record(Event.CLICKED, "click"),
    "Subscription": _Record(Event.UNSUBSCRIBED, "subscription"),
}
_KINDS = {"Permanent": Kind.HARD, "Transient": Kind.SOFT, "Undetermined": Kind.UNKNOWN}
#: Sub-types that speak of the address, whatever the code beside them.
_NO_ADDRESS = frozenset({"NoEmail", "Suppressed", "OnAccountSuppressionList"})
#: SES took the message and sent nothing, because of an earlier bounce or complaint.
_SUPPRESSED = frozenset({"Suppressed", "OnAccountSuppressionList"})
#: Events whose record tells nothing of one recipient among several.
_OF_ONE = frozenset({Event.OPENED, Event.CLICKED, Event.UNSUBSCRIBED})


def ses_reading(members: Members, *, said: str = "") -> Reading:
    """Read one record: a report for each recipient.

    `said` is the SNS MessageId, empty where the record came another way.

    Raises:
        MemberError: a member has a type that it cannot have.
    """
    name = "eventType" if members.has("eventType") else "notificationType"
    kind = members.text(name)
    record = _RECORDS.get(kind)
    if record is None:
        return (Refusal(members.at(name), f"{kind[:80]!r} is not known"),)
    facts, mail = members.members(record.facts), members.members("mail")
    reason = _no_report(record, facts)
    if reason:
        return (Refusal(facts.place, reason, Cause.NO_REPORT),)
    people = list(_people(record, facts, mail))
    if record.event in _OF_ONE and len(people) > 1:
        people = []
    told = facts.text("feedbackId") or facts.text("timestamp") or mail.text("timestamp")
    made = [
        _report(record, facts, mail, person, said=said or f"{kind}/{told}", several=len(people) > 1)
        for person in people or [Members(facts.place, {})]
    ]
    return tuple(made)


def _no_report(record: _Record, facts: Members) -> str:
    if record.event is Event.UNSUBSCRIBED:
        wish = facts.members("newTopicPreferences").truth("unsubscribeAll")
        return "" if wish else "a change of topics, and no unsubscription"
    kind = facts.text("complaintFeedbackType")
    return f"{kind} is no complaint" if kind == "not-spam" else ""


def _people(record: _Record, facts: Members, mail: Members) -> Iterator[Members]:
    """Yield the members of each recipient; a bare address becomes `emailAddress`."""
    whole, name = (facts, record.recipients) if record.recipients else (mail, "destination")
    for place, entry in whole.each(name):
        if isinstance(entry, str):
            yield Members(place, {"emailAddress": entry})
        else:
            yield members_of(place, entry)


def _report(
    record: _Record, facts: Members, mail: Members, person: Members, *, said: str, several: bool
) -> Report:
    event, kind = record.event, None
    sub_type = facts.text("bounceSubType") or facts.text("complaintSubType")
    words = _words(facts, person)
    reply, enhanced = reply_in(words)
    code = code_of(status_in(person.text("status")), enhanced)
    about_address = sub_type in _NO_ADDRESS
    if sub_type in _SUPPRESSED:
        event = Event.REJECTED
    elif event is Event.BOUNCED:
        kind = _KINDS.get(facts.text("bounceType"), Kind.UNKNOWN)
        about_address |= speaks_of_address(code)
        about_address &= kind is Kind.HARD
    elif event is Event.COMPLAINED and several:
        words = f"{words} of one of several recipients".strip()
    address = person.name("emailAddress")
    return Report(
        event=event,
        kind=kind,
        source=Source.SES,
        recipients=(address,) if address else (),
        token=_token(mail),
        message_id=mail.name("messageId"),
        header_message_id=_header_message_id(mail),
        at=facts.time("timestamp") or mail.time("timestamp"),
        code=code if reply or event in (Event.BOUNCED, Event.DEFERRED) else "",
        text=words or sub_type,
        about_address=about_address,
        said=said,
    )


def _words(facts: Members, person: Members) -> str:
    kind, separator, words = person.text("diagnosticCode").partition(";")
    told = words.strip() if separator and " " not in kind.strip() else kind
    return told or next(
        (
            facts.text(name)
            for name in ("smtpResponse", "complaintFeedbackType", "reason", "errorMessage", "link")
            if facts.has(name)
        ),
        "",
    )


def _header_message_id(mail: Members) -> str:
    """Return our own Message-ID, which SES replaced on the wire."""
    for place, entry in mail.each("headers"):
        field = members_of(place, entry)
        if field.text("name").lower() == "message-id":
            return field.name("value").strip("<>")
    told = mail.members("commonHeaders").name("messageId").strip("<>")
    return "" if told == mail.name("messageId") else told


def _token(mail: Members) -> str:
    """Return the token in the tags of a message (`{"mb": [TOKEN]}`)."""
    try:
        found = [tag for _, tag in mail.members("tags").each(MEMBER)]
    except MemberError:
        return ""
    return token_in({MEMBER: found[0]}) if found else ""
