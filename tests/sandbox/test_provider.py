"""What the provider tells: each body is read by `reports/` as the fate of the address says."""

import json
from datetime import UTC, datetime

import pytest

from mailbatch.reports.reading import read_body
from mailbatch.reports.report import Event, Kind, Report
from mailbatch.reports.standing import standing_of
from mailbatch.sandbox.fates import FATES
from mailbatch.sandbox.gathering import Gathering
from mailbatch.sandbox.outbox import Kept
from mailbatch.sandbox.provider import Provider
from mailbatch.sandbox.records import Records

NOW = datetime(2026, 11, 29, 10, 0, 0, 120_000, tzinfo=UTC)
TOKEN = "57049136f20f7a33"
#: The standing that reports of a fate give: event, kind, whether the address is blamed.
STANDINGS = {
    "bounce": (Event.BOUNCED, Kind.HARD, True),
    "soft": (Event.BOUNCED, Kind.SOFT, False),
    "spam": (Event.BOUNCED, Kind.HARD, False),
    "suppressed": (Event.REJECTED, None, True),
    "expired": (Event.BOUNCED, Kind.SOFT, False),
    "slow": (Event.DELIVERED, None, False),
    "late": (Event.BOUNCED, Kind.LATE, False),
    "complain": (Event.COMPLAINED, None, False),
    "unsubscribe": (Event.UNSUBSCRIBED, None, False),
    "open": (Event.DELIVERED, None, False),
    "click": (Event.DELIVERED, None, False),
    "silent": None,
    "ada": (Event.DELIVERED, None, False),
}


def message(name="1", **fields):
    fields = {
        "From": "Ada <ada@example.com>",
        "Message-ID": f"<{name}@example.com>",
        "X-IB-Bulk-Id": "notice-friday",
        "X-IB-Notify-Url": "https://hooks.example.com/delivery",
        "X-IB-Tracking-Url": "https://hooks.example.com/tracking",
        "X-IB-Callback-Data": f'[{{"id": "7"}}, {{"mb": "{TOKEN}"}}]',
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{head}\r\nHello\r\n".encode()


def told(*addresses, content=None, records=None):
    """The bodies of one message to these addresses."""
    bodies = []
    gathering = Gathering(bodies.append)
    content = content or message()
    kept = Kept("uuid-1", "bounces@example.com", addresses, len(content), NOW)
    Provider(gathering, records=records).take(kept, content)
    gathering.flush()
    return bodies


def readings(bodies):
    return [one for body in bodies for one in read_body(body, received=NOW.timestamp())]


def test_every_fate_has_a_standing():
    """A fate that is added has its expectation here."""
    assert STANDINGS.keys() == {*FATES, "ada"}


@pytest.mark.parametrize("is_xml", [False, True], ids=["json", "xml"])
@pytest.mark.parametrize("word", STANDINGS)
def test_each_body_is_read_as_the_fate(word, is_xml):
    """No reader refuses one, every name comes back, and the strongest is the fate."""
    fields = {"X_IB_Intermediate_Report": "true"}
    if is_xml:
        fields["X_IB_Notify_Content_Type"] = "application/xml"
    address = f"{word}+ada@example.org"
    reports = readings(told(address, content=message(**fields)))
    assert all(isinstance(one, Report) for one in reports), reports
    for one in reports:
        assert (one.token, one.message_id, one.bulk_id) == (TOKEN, "uuid-1", "notice-friday")
        assert one.recipients == (address,)
    standing = standing_of(reports).report
    expected = STANDINGS[word]
    found = standing and (standing.event, standing.kind, standing.about_address)
    assert found == expected


def test_the_body_is_the_documented_shape():
    """Member by member, as the provider's specification has a delivery report and an event."""
    (report,) = told("bounce@example.org")
    assert json.loads(report) == {
        "results": [
            {
                "bulkId": "notice-friday",
                "messageId": "uuid-1",
                "to": "bounce@example.org",
                "sentAt": "2026-11-29T10:00:00.120+0000",
                "doneAt": "2026-11-29T10:00:01.120+0000",
                "smsCount": 1,
                "attemptCount": 1,
                "timeToFirstAttempt": 240,
                "price": {"pricePerMessage": 0, "currency": "UNKNOWN"},
                "status": {
                    "groupId": 2,
                    "groupName": "UNDELIVERABLE",
                    "id": 4,
                    "name": "UNDELIVERABLE_REJECTED_OPERATOR",
                    "description": "Message rejected by operator",
                },
                "error": {
                    "groupId": 2,
                    "groupName": "USER_ERRORS",
                    "id": 6006,
                    "name": "EC_INVALID_EMAIL_ADDRESS",
                    "description": "Invalid email address",
                    "permanent": True,
                },
                "smtp": {"response": "550 5.1.1 No such mailbox here"},
                "sendingIp": "192.0.2.10",
                "browserLink": "",
                "callbackData": f'[{{"id": "7"}}, {{"mb": "{TOKEN}"}}]',
            }
        ]
    }
    events = [json.loads(body) for body in told("complain@example.org")]
    event, *_ = (one for one in events if "notificationType" in one)
    assert len(event.pop("eventId")) == 32
    assert event == {
        "notificationType": "COMPLAINED",
        "messageId": "uuid-1",
        "bulkId": "notice-friday",
        "recipient": "complain@example.org",
        "domain": "example.com",
        "sendDateTime": 1795946400120,
        "sender": "ada@example.com",
        "callbackData": f'[{{"id": "7"}}, {{"mb": "{TOKEN}"}}]',
    }


def test_only_what_is_asked_for_is_told():
    """No URL, no report; a complaint goes to the tracking URL alone; steps only if asked for."""
    assert told("ada@example.org", content=message(X_IB_Notify_Url="", X_IB_Tracking_Url="")) == []
    alone = readings(told("complain@example.org", content=message(X_IB_Tracking_Url="")))
    assert {one.event for one in alone} == {Event.DELIVERED}
    tracked = readings(told("complain@example.org", content=message(X_IB_Notify_Url="")))
    assert {one.event for one in tracked} == {Event.COMPLAINED}
    assert {one.event for one in readings(told("slow@example.org"))} == {Event.DELIVERED}
    steps = message(X_IB_Intermediate_Report="true")
    assert {one.event for one in readings(told("slow@example.org", content=steps))} == {
        Event.DEFERRED,
        Event.DELIVERED,
    }


def test_a_message_without_a_bulk_id_gets_one_of_the_provider():
    """All recipients of the message have the same; without callback data there is none."""
    content = message(X_IB_Bulk_Id="", X_IB_Callback_Data="")
    reports = readings(told("ada@example.org", "bob@example.org", content=content))
    assert len({one.bulk_id for one in reports}) == 1
    assert reports[0].bulk_id
    assert {one.token for one in reports} == {""}


def test_some_statements_come_twice_and_some_out_of_order():
    """Always those of the same messages, and no standing changes."""
    orders = {}
    for number in range(40):
        content = message(str(number))
        events = [one.event for one in readings(told("complain@example.org", content=content))]
        assert events == [
            one.event for one in readings(told("complain@example.org", content=content))
        ]
        orders.setdefault(tuple(events), number)
    # The reports of one body are gathered behind the events: so the order is that of the calls.
    calls = {(order.count(Event.COMPLAINED), order.count(Event.DELIVERED)) for order in orders}
    assert calls == {(1, 1), (2, 1)}


class Order:
    """An outlet that notes the order of the calls."""

    def __init__(self):
        self.told = []

    def report(self, url, report, *, is_xml):
        self.told.append(report["status"]["groupName"])

    def event(self, url, event):
        self.told.append(event["notificationType"])


def test_the_orders_in_which_statements_leave():
    """In order, the last one twice, or the last one first."""
    found = set()
    for number in range(40):
        outlet = Order()
        content = message(str(number))
        kept = Kept("uuid-1", "b@example.com", ("late@example.org",), len(content), NOW)
        Provider(outlet).take(kept, content)
        found.add(tuple(outlet.told))
    assert found == {
        ("DELIVERED", "LATE_BOUNCE"),
        ("DELIVERED", "LATE_BOUNCE", "LATE_BOUNCE"),
        ("LATE_BOUNCE", "DELIVERED"),
    }


def test_many_reports_go_in_few_bodies():
    """A hundred at most in one, and none is lost."""
    bodies = told(*(f"reader-{number}@example.org" for number in range(250)))
    sizes = [len(json.loads(body)["results"]) for body in bodies]
    assert len({one.recipient for one in readings(bodies)}) == 250
    assert max(sizes) == 100
    assert len(sizes) == -(-sum(sizes) // 100)


def test_characters_that_no_xml_has():
    """Callback data of any characters make a body that is read."""
    content = message(
        X_IB_Notify_Content_Type="application/xml", X_IB_Callback_Data="<a>&\x01\x0b\ufffe"
    )
    (report,) = readings(told("ada@example.org", content=content))
    assert report.event is Event.DELIVERED


def test_what_was_told_is_in_the_records():
    """In whatever order it left: the log has the last word, not the last call."""
    for number in range(8):
        records = Records()
        told("slow@example.org", "bounce@example.org", content=message(str(number)),
             records=records)  # fmt: skip
        entries, left = records.log(lambda *_: True, after=0, limit=10)
        assert [one["status"]["groupName"] for one in entries] == ["DELIVERED", "UNDELIVERABLE"]
        assert left is None
        (suppressed,) = records.suppressions("example.com", "BOUNCE")
        assert suppressed.address == "bounce@example.org"
