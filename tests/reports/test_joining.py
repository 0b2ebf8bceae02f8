"""A report finds its recipient by a name that only the message had, and never by the address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbatch.reports.joining import How, Match, Stranger, join
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.standing import standing_of
from mailbatch.reports.standings import RecipientStanding, Standings
from mailbatch.reports.store import Body, Origin, ReportStore, StoredReport
from tests.reports.mailed import Mailing
from tests.reports.test_standing import REPORTS

TOKEN = "57049136f20f7a33"


def mailing():
    made = Mailing(bulk_id="notice-friday")
    made.add("ada@example.org", token=TOKEN, message_id="s1", ours=f"{TOKEN}@example.com")
    made.add("bob@example.org", message_id="s2", has_copies=True)
    made.add("cy@example.org", "dee@example.org", message_id="s3", ours="group@example.com")
    return made


def told(*recipients, source=Source.INFOBIP, **names):
    return Report(event=Event.DELIVERED, source=source, recipients=recipients, **names)


@pytest.mark.parametrize(
    ("report", "wanted"),
    [
        (told("ada@example.org", token=TOKEN), (1, "ada@example.org", How.TOKEN)),
        (told("ADA@Example.org", message_id="s1"), (1, "ada@example.org", How.MESSAGE_ID)),
        (told("dee@example.org", message_id="s3"), (3, "dee@example.org", How.MESSAGE_ID)),
        (
            told("cy@example.org", header_message_id="group@example.com"),
            (3, "cy@example.org", How.HEADER_MESSAGE_ID),
        ),
        (told("bob@example.org", bulk_id="notice-friday"), (2, "bob@example.org", How.BULK_ID)),
        (
            told("ada@example.org", token="0" * 16, message_id="s1"),
            (1, "ada@example.org", How.MESSAGE_ID),
        ),
        (
            told("all@example.org", "ada@example.org", token=TOKEN),
            (1, "ada@example.org", How.TOKEN),
        ),
    ],
)
def test_a_report_finds_its_recipient(report, wanted):
    assert join(report, mailing()) == Match(*wanted, is_named=True)


@pytest.mark.parametrize(
    "report",
    [
        told("ada@example.org"),
        told("ada@example.org", message_id="stranger"),
        told("ada@example.org", token="f" * 16, header_message_id="stranger@example.net"),
        told("ada@example.org", bulk_id="notice-thursday"),
        told("nobody@example.org", bulk_id="notice-friday"),
        told(bulk_id="notice-friday"),
    ],
)
def test_an_address_alone_finds_nobody(report):
    assert join(report, mailing()) is None


def test_a_bulk_id_finds_nobody_where_several_deliveries_fit():
    made = mailing()
    made.add("ada@example.org")
    assert join(told("ada@example.org", bulk_id="notice-friday"), made) is None


@pytest.mark.parametrize(
    ("report", "delivery", "how"),
    [
        (told("eve@example.net", message_id="s1"), 1, How.MESSAGE_ID),
        (told("eve@example.net", token=TOKEN), 1, How.TOKEN),
        (told("eve@example.net", source=Source.DSN, message_id="s3"), 3, How.MESSAGE_ID),
        (told(message_id="s3"), 3, How.MESSAGE_ID),
        (told("boss@example.com", message_id="s2"), 2, How.MESSAGE_ID),
        (told("boss@example.com", source=Source.DSN, message_id="s2"), 2, How.MESSAGE_ID),
        (told("eve@example.net", source=Source.DSN, message_id="s2"), 2, How.MESSAGE_ID),
    ],
)
def test_an_address_that_is_no_row_of_the_delivery_is_a_stranger(report, delivery, how):
    assert join(report, mailing()) == Stranger(delivery, how)


@pytest.mark.parametrize("source", [Source.DSN, Source.ARF, Source.MAIL])
def test_a_mail_about_the_only_recipient_may_name_the_address_behind_it(source):
    report = told("behind@example.net", source=source, header_message_id=f"{TOKEN}@example.com")
    found = Match(1, "ada@example.org", How.HEADER_MESSAGE_ID, is_named=False)
    assert join(report, mailing()) == found


def test_a_masked_complaint_is_of_the_only_recipient():
    found = join(told(source=Source.ARF, token=TOKEN), mailing())
    assert found == Match(1, "ada@example.org", How.TOKEN, is_named=False)


def standings_of(reports, mailed=None):
    stored = [StoredReport(number, 1795950000.0, one) for number, one in enumerate(reports, 1)]
    with Standings() as standings:
        missed = [one.report for one in standings.join(stored, mailed or mailing())]
        found = list(standings)
        assert [standings.of(one.delivery, one.address) for one in found] == found
        assert standings.of(99, "ada@example.org") is None
        assert standings.of(1, "nobody@example.org") is None
        return found, missed, (standings.matched, standings.unmatched)


def test_standings_are_of_recipients_and_the_others_are_named():
    delivered = told("ada@example.org", token=TOKEN)
    stranger = told("eve@example.net", token=TOKEN)
    opened = Report(event=Event.OPENED, source=Source.INFOBIP, recipients=("dee@example.org",),
                    message_id="s3", at=1795946400.0)  # fmt: skip
    found, missed, counts = standings_of([delivered, stranger, opened])
    assert missed == [stranger]
    assert counts == (2, 1)
    assert found == [
        RecipientStanding(1, "ada@example.org", Event.DELIVERED, None, "", "", 1795950000.0,
                          suppresses=False, opens=0, clicks=0),
        RecipientStanding(3, "dee@example.org", None, None, "", "", 1795946400.0,
                          suppresses=False, opens=1, clicks=0),
    ]  # fmt: skip


def bounced(*recipients, about=True, kind=Kind.HARD, source=Source.DSN):
    return Report(event=Event.BOUNCED, kind=kind, source=source, recipients=recipients,
                  token=TOKEN, code="5.1.1", about_address=about)  # fmt: skip


@pytest.mark.parametrize(
    ("report", "suppresses"),
    [
        (bounced("ada@example.org"), True),
        (bounced("ada@example.org", about=False), False),
        (bounced("behind@example.net"), False),
        (told("ada@example.org", token=TOKEN), False),
        (Report(event=Event.COMPLAINED, source=Source.ARF, token=TOKEN), True),
        (
            Report(event=Event.UNSUBSCRIBED, source=Source.INFOBIP, token=TOKEN,
                   recipients=("ada@example.org",)),
            True,
        ),
    ],
)  # fmt: skip
def test_what_speaks_against_further_mail(report, suppresses):
    ((standing,), _, _) = standings_of([report])
    assert standing.suppresses is suppresses


@pytest.mark.parametrize(
    ("report", "another"),
    [
        (bounced("ada@example.org"), False),
        (bounced("behind@example.net"), True),
        (bounced("ada@example.org", "behind@example.net", about=False), True),
        (bounced(), True),
        (bounced("behind@example.net", kind=Kind.SOFT), False),
    ],
)
def test_a_bounce_of_another_address_behind_the_one_mailed_is_told(report, another):
    ((standing,), _, _) = standings_of([report])
    assert standing.blames_another is another


@given(st.lists(REPORTS, max_size=10, unique_by=lambda one: one.identity), st.data())
def test_joined_standings_are_those_of_the_reports_in_any_order(reports, data):
    named = [
        Report(event=one.event, kind=one.kind, source=one.source, at=one.at, code=one.code,
               text=one.text, about_address=one.about_address, said=one.said, token=TOKEN)
        for one in reports
    ]  # fmt: skip
    wanted = standing_of(named)
    found, missed, _ = standings_of(data.draw(st.permutations(named)))
    assert missed == []
    if not named:
        assert found == []
        return
    (standing,) = found
    assert (standing.opens, standing.clicks) == (wanted.opens, wanted.clicks)
    if wanted.report is None:
        assert standing.event is None
    else:
        strongest = wanted.report
        assert (standing.event, standing.kind) == (strongest.event, strongest.kind)
        assert (standing.code, standing.text) == (strongest.code, strongest.text)


def test_a_report_that_came_before_its_delivery_is_joined_later(tmp_path):
    body = b'{"results": [{"messageId": "s9", "to": "new@example.org", "status": {"groupId": 3}}]}'
    made = mailing()
    with ReportStore(tmp_path / "reports.sqlite3") as store:
        store.keep([Body(body, Origin.READ, 1795950000.0)])
        store.read_kept()
        with Standings() as early:
            assert [one.report.message_id for one in early.join(store.reports(), made)] == ["s9"]
        made.add("new@example.org", message_id="s9")
        with Standings() as late:
            assert list(late.join(store.reports(), made)) == []
            assert [one.address for one in late] == ["new@example.org"]
