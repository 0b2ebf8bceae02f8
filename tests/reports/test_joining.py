"""A report finds its recipient by a name that only the message had, and never by the address."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.reports.joining import How, Match, Stranger, join
from mailbatch.reports.mailed import MailedEdition
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.standing import ORDER, standing_of
from mailbatch.reports.standings import RecipientStanding, Standings
from mailbatch.reports.store import Body, Origin, ReportStore
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
    assert join(report, mailing(), Origin.READ) == Match(*wanted, is_named=True)


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
    assert join(report, mailing(), Origin.READ) is None


def test_a_bulk_id_finds_nobody_where_several_deliveries_fit():
    made = mailing()
    made.add("ada@example.org")
    assert join(told("ada@example.org", bulk_id="notice-friday"), made, Origin.READ) is None


@pytest.mark.parametrize("origin", [Origin.PULL, Origin.READ])
def test_a_bulk_id_finds_nobody_in_a_body_that_was_posted(origin):
    """Every recipient of a mailing knows the bulk id, and may know the address of another."""
    entry = told("ada@example.org", bulk_id="notice-friday", message_id="unknown")
    found = Match(1, "ada@example.org", How.BULK_ID, is_named=True)
    assert join(entry, mailing(), origin) == found
    assert join(entry, mailing(), Origin.SERVE) is None


@pytest.mark.parametrize(
    "name", [{"token": "f" * 16}, {"header_message_id": "test@example.com"}, {"token": "x"}]
)
@pytest.mark.parametrize("origin", Origin)
def test_a_bulk_id_finds_nobody_beside_a_name_of_another_message(name, origin):
    """A test, or another edition, has the bulk id and the address, and a name of its own."""
    entry = told("ada@example.org", bulk_id="notice-friday", **name)
    assert join(entry, mailing(), origin) is None
    with joined([entry], bulk_id="notice-friday", origin=origin) as (standings, _):
        assert (standings.matched, standings.unmatched) == (0, 1)


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
    assert join(report, mailing(), Origin.READ) == Stranger(delivery, how)


@pytest.mark.parametrize("source", [Source.DSN, Source.ARF, Source.MAIL])
def test_a_mail_about_the_only_recipient_may_name_the_address_behind_it(source):
    report = told("behind@example.net", source=source, header_message_id=f"{TOKEN}@example.com")
    found = Match(1, "ada@example.org", How.HEADER_MESSAGE_ID, is_named=False)
    assert join(report, mailing(), Origin.READ) == found


def test_a_masked_complaint_is_of_the_only_recipient():
    found = join(told(source=Source.ARF, token=TOKEN), mailing(), Origin.READ)
    assert found == Match(1, "ada@example.org", How.TOKEN, is_named=False)


class Row(NamedTuple):
    email: str
    message_id: str | None
    header_message_id: str


GROUP = "c" * 16 + "@example.com"
ROWS = [
    Row("Ada@example.org", "s1", f"{TOKEN}@example.com"),
    Row("bob@example.org", "s2", "b" * 16 + "@example.com"),
    Row("cy@example.org", "s3", GROUP),
    Row("dee@example.org", "s3", GROUP),
    Row("cy@example.org", "s3", GROUP),
    Row("eve@example.org", "same", "e" * 16 + "1@example.com"),
    Row("fay@example.org", "same", "e" * 16 + "2@example.com"),
    Row("gil@example.org", "s6", "of.another.form@example.com"),
]


@contextmanager
def joined(reports, rows=ROWS, *, most_missed=0, origin=Origin.READ, **more):
    """Give the standings of reports that a store holds, and those that found no recipient."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reports.sqlite3"
        with (
            ReportStore(path, read=lambda *_: tuple(reports)) as store,
            MailedEdition(rows, **more) as mailed,
        ):
            store.keep([Body(b"", origin, 1795950000.0)])
            store.read_kept()
            standings = Standings(mailed)
            yield standings, standings.join(store, most_missed=most_missed)


def standings_of(reports):
    with joined(reports, most_missed=100) as (standings, missed):
        counts = standings.matched, standings.unmatched
        return list(standings), [one.report for one in missed], counts


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
        RecipientStanding(4, "dee@example.org", None, None, "", "", 1795946400.0,
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
@settings(deadline=None)
def test_joined_standings_are_those_of_the_reports_in_any_order(reports, data):
    named = [replace(one, token=TOKEN, recipients=("ada@example.org",)) for one in reports]
    more = data.draw(st.lists(st.sampled_from(named), max_size=4)) if named else []
    wanted = standing_of(named)
    found, missed, _ = standings_of(data.draw(st.permutations([*named, *more])))
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


TOKENS = ["", TOKEN, "b" * 16, "c" * 16, "e" * 16, "f" * 16, "no token"]
ADDRESSES = [*(row.email for row in ROWS), "CY@example.org", "Ünä@example.org", "x@example.net"]
NAMED = st.builds(
    lambda place, **names: Report(event=place[0], kind=place[1], source=names.pop("form"), **names),
    st.sampled_from([*ORDER, (Event.OPENED, None), (Event.CLICKED, None)]),
    form=st.sampled_from([Source.INFOBIP, Source.DSN]),
    token=st.sampled_from(TOKENS),
    message_id=st.sampled_from(["", "s1", "s3", "s6", "same", "s9"]),
    header_message_id=st.sampled_from(["", *(row.header_message_id for row in ROWS), "x@x"]),
    bulk_id=st.sampled_from(["", "notice", "other"]),
    recipients=st.lists(st.sampled_from(ADDRESSES), max_size=2, unique=True).map(tuple),
    at=st.none() | st.floats(-1e5, 3e9),
    code=st.sampled_from(["", "5.1.1", "4.7.1"]),
    about_address=st.booleans(),
)


@given(
    st.lists(NAMED, max_size=12, unique_by=lambda one: one.identity),
    st.sampled_from([Origin.SERVE, Origin.PULL]),
)
@settings(deadline=None, max_examples=150)
def test_a_join_of_many_finds_what_the_join_of_each_finds(reports, origin):
    """The rules are asked in SQL of all reports, and one by one in `join`: nobody may tell."""
    with (
        MailedEdition(ROWS, bulk_id="notice") as mailed,
        joined(reports, bulk_id="notice", most_missed=100, origin=origin) as (standings, missed),
    ):
        matches = [(one, join(one, mailed, origin)) for one in reports]
        told = {}
        for one, match in matches:
            if isinstance(match, Match):
                told.setdefault(mailed.names_of(match.delivery, match.address), []).append(one)
        assert [one.report for one in missed] == [
            one for one, match in matches if not isinstance(match, Match)
        ]
        found = {mailed.names_of(one.delivery, one.address): one for one in standings}
        assert found.keys() == told.keys()
        for (email, ours), one in found.items():
            wanted = standing_of(told[email, ours])
            stands = wanted.report
            assert one == standings.of(ours, email)
            assert (one.opens, one.clicks) == (wanted.opens, wanted.clicks)
            assert (one.event, one.kind) == (
                (None, None) if stands is None else (stands.event, stands.kind)
            )
        assert standings.counts() == {
            event: sum(one.event is event for one in found.values())
            + sum(event is Event.OPENED and one.opens > 0 for one in found.values())
            + sum(event is Event.CLICKED and one.clicks > 0 for one in found.values())
            for event in Event
        }


@given(NAMED)
@settings(deadline=None, max_examples=150)
def test_what_a_report_does_to_an_address_is_the_same_on_both_ways(one):
    """A second address takes the same report past the join in SQL."""
    if len(one.recipients) != 1:
        return
    slow = replace(one, recipients=(*one.recipients, "x@example.net"))
    (first, _, _), (second, _, _) = standings_of([one]), standings_of([slow])
    assert first == second


def test_a_report_that_came_before_its_delivery_is_joined_later(tmp_path):
    body = b'{"results": [{"messageId": "s9", "to": "new@example.org", "status": {"groupId": 3}}]}'
    with ReportStore(tmp_path / "reports.sqlite3") as store:
        store.keep([Body(body, Origin.READ, 1795950000.0)])
        store.read_kept()
        with MailedEdition(ROWS) as early:
            (missed,) = Standings(early).join(store, most_missed=5)
            assert missed.report.message_id == "s9"
        with MailedEdition([*ROWS, Row("new@example.org", "s9", "9" * 16 + "@x.org")]) as late:
            standings = Standings(late)
            assert standings.join(store, most_missed=5) == []
            assert [one.address for one in standings] == ["new@example.org"]


def test_more_reports_than_one_look_takes_are_all_joined():
    rows = [Row(f"{n}@example.org", f"s{n}", f"{n:016x}@example.com") for n in range(7000)]
    reports = [told(f"{n}@example.org", token=f"{n:016x}") for n in range(7000)]
    strangers = [told("x@example.net", message_id=f"x{n}") for n in range(7000)]
    mixed = [one for pair in zip(reports, strangers, strict=True) for one in pair]
    with joined(mixed, rows, most_missed=3) as (standings, missed):
        assert [one.report for one in missed] == strangers[:3]
        assert (standings.matched, standings.unmatched) == (7000, 7000)
        assert standings.counts()[Event.DELIVERED] == 7000
