"""Mailgun: events of webhooks, as reports, and the proof of origin.

The signature covers a timestamp and a token only, not the event: a reader of one webhook can send
another event under the same signature. So a token counts once (the identity of the report) and for
a short time, and a report still needs a Message-ID of ours. Source: Mailgun's "Webhook Payloads"
and "Securing Webhooks".

Tests: tests/reports/test_golden.py, tests/reports/test_proofs.py.
"""

from __future__ import annotations

import hashlib
import hmac

from mailbatch.report_token import MEMBER, token_in
from mailbatch.reports.bodies import BodyError, read_json
from mailbatch.reports.members import MemberError, Members, members_of
from mailbatch.reports.refusal import Cause, Reading, Refusal
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.status_codes import code_of, kind_of, reply_in, speaks_of_address, status_in

#: Seconds; retries carry the old timestamp for eight hours.
OLDEST = 12 * 3600
_EARLY = 300

_EVENTS = {
    "accepted": Event.QUEUED,
    "delivered": Event.DELIVERED,
    "failed": Event.BOUNCED,
    "rejected": Event.REJECTED,
    "complained": Event.COMPLAINED,
    "unsubscribed": Event.UNSUBSCRIBED,
    "opened": Event.OPENED,
    "clicked": Event.CLICKED,
}
#: `reason` of a failure without an attempt: the address is on a suppression list.
_SUPPRESSED = frozenset({"suppress-bounce", "suppress-complaint", "suppress-unsubscribe"})


def is_mailgun(members: Members) -> bool:
    """Tell whether a body has the form of a webhook of Mailgun."""
    return members.has("event-data") and members.has("signature")


def mailgun_reading(members: Members) -> Reading:
    """Read a webhook whose proof was checked, or that needs none.

    Raises:
        MemberError: a member has a type that it cannot have.
    """
    data = members.members("event-data")
    name = data.text("event")
    event = _EVENTS.get(name)
    if event is None:
        return (Refusal(data.at("event"), f"{name[:80]!r} is not known"),)
    kind: Kind | None = None
    status = data.members("delivery-status")
    number, words = str(status.integer("code") or ""), _words(data, status)
    # Some messages begin with the reply code, most leave it to `code`.
    reply, enhanced = reply_in(words) if words[:3].isdigit() else reply_in(f"{number} {words}")
    code = code_of(status_in(status.text("enhanced-code")), enhanced)
    about_address = False
    if event is Event.BOUNCED and data.text("severity") == "temporary":
        event = Event.DEFERRED
    elif event is Event.BOUNCED and data.text("reason") in _SUPPRESSED:
        event, about_address = Event.REJECTED, True
    elif event is Event.BOUNCED:
        kind = kind_of(reply, code)
        about_address = kind is Kind.HARD and speaks_of_address(code)
    recipient = data.name("recipient")
    signature = members.members("signature")
    return (
        Report(
            event=event,
            kind=kind,
            source=Source.MAILGUN,
            recipients=(recipient,) if recipient else (),
            token=token_in({MEMBER: data.members("user-variables").values.get(MEMBER)}),
            header_message_id=data.members("message")
            .members("headers")
            .name("message-id")
            .strip("<>"),
            at=data.time("timestamp"),
            code=code or (number if kind or event is Event.DEFERRED else ""),
            text=words,
            about_address=about_address,
            said=signature.name("token") or data.name("id"),
        ),
    )


def _words(data: Members, status: Members) -> str:
    for members, name in ((status, "message"), (status, "description"), (data, "reason")):
        if members.has(name):
            return members.text(name)
    return data.text("url")


def check_mailgun(body: bytes, *, key: bytes, now: float) -> Refusal | None:
    """Check the signature and the age of a webhook; None where both hold.

    `key` is the webhook signing key, `now` the time in seconds since the epoch.
    """
    try:
        signature = members_of("", read_json(body)).members("signature")
        timestamp = signature.name("timestamp")
        token, told = signature.name("token"), signature.name("signature")
        at = signature.integer("timestamp")
    except (BodyError, MemberError) as error:
        return _forged(error.place, error.reason)
    signed = f"{timestamp}{token}".encode(errors="replace")
    wanted = hmac.new(key, signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), told.encode(errors="replace")):
        return _forged("signature.signature", "it does not hold")
    if at is None or not now - OLDEST <= at <= now + _EARLY:
        return _forged("signature.timestamp", "too old, or in the future")
    return None


def _forged(place: str, reason: str) -> Refusal:
    return Refusal(place, reason, Cause.NOT_GENUINE)
