"""The bodies of the provider: delivery reports, tracking events, log entries, in their wire shape.

A delivery report stands in `results`, with others; a tracking event is one bare object:

    {"results": [{"bulkId": "notice-friday", "messageId": "6f1c...", "to": "ada@example.org",
      "status": {"groupId": 3, ...}, "error": {"id": 0, ...}, "callbackData": "..."}]}

Source: the provider's OpenAPI specification 3.210.0 (July 2026). In XML, which the specification
does not show for email, the names are elements below `results` and `result`, as in the provider's
tutorial for SMS. This module must never decide the fate of a message.

Tests: tests/sandbox/test_provider.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from mailbatch.frozen import frozen
from mailbatch.sandbox.callbacks import Callbacks
from mailbatch.sandbox.fates import Error, Status, Told, Tracked

JSON, XML = "application/json", "application/xml"
#: An address of RFC 5737: no mail comes from there.
_SENDING_IP = "192.0.2.10"
#: Characters that XML 1.0 (2.2) does not have.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CLICKED_URL = "https://www.example.com/"
#: The price of a message, since nothing is sent.
_PRICE = {"pricePerMessage": 0, "currency": "UNKNOWN"}


@frozen
class Accepted:
    """A message to one recipient as the provider knows the message from its acceptance on.

    `id` is the name in the reply to the end of data, and `sent_at` the time of the acceptance, in
    UTC. `bulk_id` is that of the callbacks, or the provider's own where the message has none.
    """

    id: str
    to: str
    bulk_id: str
    sent_at: datetime
    callbacks: Callbacks

    @property
    def digest(self) -> bytes:
        """A digest that is the same each time the same message goes to the same recipient."""
        name = f"{self.callbacks.message_id or self.id}\0{self.to}".encode()
        return hashlib.blake2b(name, digest_size=16).digest()


def delivery_report(message: Accepted, told: Told) -> dict[str, Any]:
    """Return one delivery report: an entry of `results`."""
    report: dict[str, Any] = {
        "bulkId": message.bulk_id,
        "messageId": message.id,
        "to": message.to,
        "sentAt": time_text(message.sent_at),
        "doneAt": time_text(message.sent_at + timedelta(seconds=told.after)),
        "smsCount": 1,
        "attemptCount": told.attempts,
        "timeToFirstAttempt": 240,
        "price": _PRICE,
        "status": _status(told.status),
        "error": _error(told.error),
    }
    if told.response:
        report["smtp"] = {"response": told.response}
    report |= {"sendingIp": _SENDING_IP, "browserLink": ""}
    if message.callbacks.data:
        report["callbackData"] = message.callbacks.data
    return report


def pulled_report(message: Accepted, told: Told) -> dict[str, Any]:
    """Return one delivery report as the pull API names its members."""
    report = delivery_report(message, told)
    return {("messageCount" if name == "smsCount" else name): one for name, one in report.items()}


def log_entry(message: Accepted, told: Told) -> dict[str, Any]:
    """Return one log entry: it knows neither the callback data nor our Message-ID."""
    return {
        "sender": message.callbacks.sender,
        "destination": message.to,
        "bulkId": message.bulk_id,
        "messageId": message.id,
        "sentAt": time_text(message.sent_at),
        "doneAt": time_text(message.sent_at + timedelta(seconds=told.after)),
        "messageCount": 1,
        "price": _PRICE,
        "status": _status(told.status),
        "error": _error(told.error),
    }


def tracking_event(message: Accepted, tracked: Tracked) -> dict[str, Any]:
    """Return one tracking event, which has no time of its own."""
    kind = tracked.notification
    name = f"{kind}\0".encode() + message.digest + message.id.encode()
    event: dict[str, Any] = {
        "notificationType": kind,
        "eventId": hashlib.blake2b(name, digest_size=16).hexdigest(),
        "messageId": message.id,
        "bulkId": message.bulk_id,
        "recipient": message.to,
        "domain": message.callbacks.domain,
        "sendDateTime": int(message.sent_at.timestamp() * 1000),
    }
    if kind in {"COMPLAINED", "LATE_BOUNCE"}:
        event["sender"] = message.callbacks.sender
    else:
        event["recipientInfo"] = {"deviceType": "Other", "os": "Other", "deviceName": "Other"}
    if kind == "CLICKED":
        event["url"] = _CLICKED_URL
    if message.callbacks.data:
        event["callbackData"] = message.callbacks.data
    return event


def as_json(value: object) -> bytes:
    """Write a body in JSON."""
    return json.dumps(value, ensure_ascii=False).encode()


def delivery_body(reports: Sequence[Mapping[str, Any]], *, is_xml: bool) -> bytes:
    """Write delivery reports as one body to post.

    >>> delivery_body([{"to": "a@b.c"}], is_xml=False)
    b'{"results": [{"to": "a@b.c"}]}'
    """
    if not is_xml:
        return as_json({"results": reports})
    results = "".join(f"<result>{_elements(one)}</result>" for one in reports)
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}<reportResponse><results>{results}</results></reportResponse>".encode()


def _elements(members: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{_element(one)}</{name}>" for name, one in members.items())


def _element(value: object) -> str:
    if isinstance(value, Mapping):
        return _elements(value)
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    return escape(_NO_XML.sub(" ", text))


def _status(status: Status) -> dict[str, Any]:
    return {
        "groupId": status.group_id,
        "groupName": status.group,
        "id": status.id,
        "name": status.name,
        "description": status.description,
    }


def _error(error: Error) -> dict[str, Any]:
    return {
        "groupId": error.group_id,
        "groupName": error.group,
        "id": error.id,
        "name": error.name,
        "description": error.description,
        "permanent": error.permanent,
    }


def time_text(time: datetime) -> str:
    """Write a time as the provider does: milliseconds, and a zone without a colon."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}+0000"
