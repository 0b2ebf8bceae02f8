"""Infobip's delivery reports (JSON, XML), log entries and tracking events, as reports.

Source: the provider's OpenAPI specification 3.210.0 (July 2026), and bodies that customers
published in 2024, whose members have older names. A delivery report stands in `results`, with
others; a tracking event is one bare object. Personal data (place, device) is not read.

Tests: tests/reports/test_golden.py, tests/reports/test_hostile.py.
"""

from __future__ import annotations

from typing import Any

from mailbatch.reports.bodies import BodyError, read_xml_results
from mailbatch.reports.infobip_codes import speaks_of_address
from mailbatch.reports.members import MemberError, Members, members_of
from mailbatch.reports.refusal import Cause, Reading, Refusal
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.returned_token import token_in_callback_data

#: status.groupName of the pull API, for an entry without groupId.
_STATUS_GROUPS = {
    "OK": 0,
    "ACCEPTED": 0,
    "PENDING": 1,
    "UNDELIVERABLE": 2,
    "DELIVERED": 3,
    "EXPIRED": 4,
    "REJECTED": 5,
}
_Told = tuple[Event, Kind | None]
_HELD: _Told = (Event.QUEUED, None)  # deferred from the second attempt on
_REFUSED_BY_SERVER = (2, 2)  # the kind of this bounce is that of `error.permanent`
#: (status.groupId, error.groupId), the latter None for any other. Of error groups the number alone
#: counts (1 dropped, 2 bounced, 3 system): their names differ between the registry and the wire.
_EVENTS: dict[tuple[int, int | None], _Told] = {
    (0, None): _HELD,
    (1, None): _HELD,
    (2, 1): (Event.REJECTED, None),
    (2, 3): (Event.FAILED, None),
    (2, None): (Event.BOUNCED, Kind.UNKNOWN),
    (3, None): (Event.DELIVERED, None),
    (4, None): (Event.BOUNCED, Kind.SOFT),
    (5, 1): (Event.REJECTED, None),
    (5, None): (Event.FAILED, None),
}
#: One of these members makes a JSON body one of Infobip.
_MEMBERS = ("results", "notificationType", "eventDetails")
#: error.permanent
_KINDS = {True: Kind.HARD, False: Kind.SOFT, None: Kind.UNKNOWN}
#: notificationType
_TRACKING = {
    "OPENED": (Event.OPENED, None),
    "CLICKED": (Event.CLICKED, None),
    "UNSUBSCRIBED": (Event.UNSUBSCRIBED, None),
    "COMPLAINED": (Event.COMPLAINED, None),
    "LATE_BOUNCE": (Event.BOUNCED, Kind.LATE),
}


def read_infobip_xml(body: bytes) -> Reading:
    """Read an XML body: delivery reports, each an element `result`."""
    try:
        results: list[Any] = list(read_xml_results(body))
    except BodyError as error:
        return (Refusal(error.place, error.reason),)
    return _delivery_reports(Members("", {"results": results}))


def is_infobip(members: Members) -> bool:
    """Tell whether the members of a JSON body are those of a body of Infobip."""
    return any(map(members.has, _MEMBERS))


def infobip_reading(members: Members, *, received: float) -> Reading:
    """Read the members of a JSON body that `is_infobip`: delivery reports, log entries, an event.

    `received` is the time of arrival in seconds since the epoch: a tracking event has no time of
    its own.

    Raises:
        MemberError: a member has a type that it cannot have.
    """
    if members.has("results"):
        return _delivery_reports(members)
    if members.has("notificationType"):
        return (_tracking_event(members, received),)
    return (_platform_event(members),)


def _delivery_reports(members: Members) -> Reading:
    made: list[Report | Refusal] = []
    listed = 0
    for place, entry in members.each("results"):
        if isinstance(entry, dict) and "emailAddress" in entry and "status" not in entry:
            listed += 1
            continue
        try:
            made.append(_delivery_report(members_of(place, entry)))
        except MemberError as error:
            made.append(Refusal(error.place, error.reason))
    if listed:
        words = f"the provider's suppression list, with {listed} addresses"
        made.append(Refusal("results", words, Cause.NO_REPORT))
    return tuple(made) or (Refusal("results", "no report in it", Cause.NO_REPORT),)


def _delivery_report(entry: Members) -> Report | Refusal:
    status, error = entry.members("status"), entry.members("error")
    group = status.integer("groupId")
    if group is None:
        group = _STATUS_GROUPS.get(status.text("groupName").upper())
    told = _event(group, error, attempts=entry.integer("attemptCount") or 0)
    if told is None:
        name = "absent" if group is None else f"{group}, which is not known"
        return Refusal(f"{entry.place}.status.groupId", name)
    number, name = error.integer("id"), error.text("name")
    in_error = bool(number)
    code = str(number) if in_error else ""
    done = entry.text("doneAt")
    recipient = entry.name("to", "destination")
    return Report(
        event=told[0],
        kind=told[1],
        source=Source.INFOBIP,
        recipients=(recipient,) if recipient else (),
        token=token_in_callback_data(entry.raw("callbackData")),
        message_id=entry.name("messageId"),
        bulk_id=entry.name("bulkId"),
        at=entry.time("doneAt") or entry.time("sentAt"),
        code=code,
        text=_words(entry, error if in_error else status, event=told[0]),
        about_address=in_error and speaks_of_address(number, name),
        said=f"{status.integer('id')}/{number}/{done}",
    )


def _event(group: int | None, error: Members, *, attempts: int) -> _Told | None:
    """Return event and kind by status group, error group and `permanent`; None if not known."""
    if group is None:
        return None
    told = _EVENTS.get((group, error.integer("groupId"))) or _EVENTS.get((group, None))
    if (group, error.integer("groupId")) == _REFUSED_BY_SERVER:
        return Event.BOUNCED, _KINDS[error.truth("permanent")]
    return (Event.DEFERRED, None) if told is _HELD and attempts > 1 else told


def _words(entry: Members, blamed: Members, *, event: Event) -> str:
    if event is Event.DELIVERED:
        return ""
    words = entry.members("smtp").text("response") or blamed.text("description")
    return ": ".join(part for part in (blamed.text("name"), words) if part)


def _tracking_event(members: Members, received: float) -> Report | Refusal:
    kind = members.text("notificationType")
    told = _TRACKING.get(kind.upper())
    if told is None:
        return Refusal("notificationType", f"{kind[:80]!r} is not known")
    recipient, url = members.name("recipient"), members.raw("url")
    said = members.name("eventId") or f"{url}/{int(received // 60)}"
    return Report(
        event=told[0],
        kind=told[1],
        source=Source.INFOBIP,
        recipients=(recipient,) if recipient else (),
        token=token_in_callback_data(members.raw("callbackData")),
        message_id=members.name("messageId"),
        bulk_id=members.name("bulkId"),
        at=received,
        text=members.text("url"),
        said=said,
    )


def _platform_event(members: Members) -> Refusal:
    details = members.members("eventDetails")
    kind, domain = details.text("type"), details.text("domain")
    rate = details.values.get("bounceRate")
    share = f", bounce rate {rate}" if isinstance(rate, int | float) else ""
    return Refusal(
        "eventDetails", f"the provider warns: {kind} of {domain}{share}", Cause.NO_REPORT
    )
