"""What a report proves of a doubt, and what proves nothing."""

from dataclasses import dataclass
from itertools import permutations

import pytest

from mailbatch.reports.acceptance import EARLIER, find_acceptances
from mailbatch.reports.joining import How
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.store import Origin, StoredReport

from .mailed import Mailing

TOKEN = "57049136f20f7a33"
OURS = f"{TOKEN}aa@example.com"
AT = 1_795_950_000.0


@dataclass(frozen=True)
class Doubt:
    address: str = "Ada@example.org"
    message_id: str = OURS
    at: float = AT


@pytest.fixture
def mailed():
    mailing = Mailing("news-48")
    mailing.add("ada@example.org", token=TOKEN, ours=OURS)
    mailing.add("bob@example.org", token="0" * 16, ours="bob@example.com", message_id="b-1")
    return mailing


def report(event=Event.DELIVERED, *, source=Source.INFOBIP, to="ada@example.org", **names):
    kind = Kind.HARD if event is Event.BOUNCED else None
    names.setdefault("at", AT + 2)
    return Report(event=event, kind=kind, source=source, recipients=(to,) if to else (), **names)


def found(mailed, *reports, origin=Origin.SERVE, doubts=(Doubt(),)):
    stored = [
        StoredReport(number, AT + 9, one, origin) for number, one in enumerate(reports, start=1)
    ]
    return find_acceptances(stored, mailed, doubts)


@pytest.mark.parametrize("event", Event)
def test_any_event_proves_that_the_server_took_it(mailed, event):
    (one,) = found(mailed, report(event, token=TOKEN, message_id="i-1"))
    assert (one.address, one.event, one.how) == ("Ada@example.org", event, How.TOKEN)
    assert one.reason == (
        f"accepted by a report: {event} 2026-11-29T11:00:02Z (infobip, by its token), id i-1"
    )
    assert not one.is_repeated


def test_a_bounce_without_an_address_names_the_message(mailed):
    (one,) = found(
        mailed, report(Event.BOUNCED, source=Source.DSN, to="", header_message_id=OURS, at=None)
    )
    assert one.reason == (
        "accepted by a report: bounced 2026-11-29T11:00:09Z (dsn, by its Message-ID)"
    )


@pytest.mark.parametrize(
    "names",
    [
        {},  # the address alone
        {"token": "f" * 16},  # a stranger's
        {"header_message_id": "stranger@example.net"},
        {"message_id": "unknown"},
        {"bulk_id": "news-48"},  # pushed: whoever knows the bulk id can write that
        {"token": "0" * 16},  # of another message, to another address
        {"token": TOKEN, "to": "eve@example.org"},  # of nobody in the envelope
    ],
)
def test_what_proves_nothing(mailed, names):
    assert found(mailed, report(**names)) == []


def test_nothing_found_proves_nothing(mailed):
    assert found(mailed) == []
    assert found(mailed, report(token=TOKEN), doubts=()) == []


def test_several_ids_of_one_message_mean_that_it_was_mailed_more_than_once(mailed):
    reports = [
        report(Event.QUEUED, token=TOKEN, message_id="i-1"),
        report(Event.DELIVERED, token=TOKEN, message_id="i-2"),
        report(Event.OPENED, token=TOKEN, message_id="i-1"),
    ]
    for order in permutations(reports):
        (one,) = found(mailed, *order)
        assert (one.event, one.message_ids, one.is_repeated) == (
            Event.DELIVERED, ("i-1", "i-2"), True,
        )  # fmt: skip
        assert one.reason.startswith("accepted by reports, mailed more than once (ids i-1, i-2): ")


@pytest.mark.parametrize("origin", [Origin.PULL, Origin.READ])
def test_a_log_that_was_asked_for_names_the_mailing_and_the_address(mailed, origin):
    entry = report(bulk_id="news-48", message_id="i-1")
    (one,) = found(mailed, entry, origin=origin)
    assert one.how is How.BULK_ID
    assert "(infobip, by bulk id and address), id i-1" in one.reason


def test_an_entry_of_before_the_attempt_is_of_another_mailing(mailed):
    early = report(bulk_id="news-48", at=AT - EARLIER - 1)
    late = report(bulk_id="news-48", at=AT - EARLIER + 1)
    assert found(mailed, early, origin=Origin.PULL) == []
    assert len(found(mailed, late, origin=Origin.PULL)) == 1


def test_an_entry_may_be_of_a_copy_to_the_same_address(mailed):
    mailing = Mailing("news-48")
    mailing.add("ada@example.org", token=TOKEN, ours=OURS, has_copies=True)
    entry = report(bulk_id="news-48", message_id="i-1")
    assert found(mailing, entry, origin=Origin.PULL) == []
    assert len(found(mailing, report(token=TOKEN), origin=Origin.SERVE)) == 1


def test_each_recipient_of_a_group_has_a_proof_of_the_own():
    """An address may have been refused for now, while the others were taken."""
    mailing = Mailing()
    mailing.add("ada@example.org", "bob@example.org", token=TOKEN, ours=OURS)
    doubts = [Doubt("bob@example.org"), Doubt("ada@example.org")]
    (one,) = found(mailing, report(token=TOKEN), doubts=doubts)
    assert one.address == "ada@example.org"
