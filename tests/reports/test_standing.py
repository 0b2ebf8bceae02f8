"""The strongest report stands: any order and any repetition gives the same standing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.standing import COUNTED, ORDER, Standing, standing_of

D, Q = Event.DELIVERED, Event.QUEUED


def report(event, kind=None, **more):
    return Report(event=event, kind=kind, source=Source.INFOBIP, **more)


PLACES = [*ORDER, *((event, None) for event in sorted(COUNTED))]
REPORTS = st.builds(
    lambda place, at, code, text, about, said: report(
        *place, at=at, code=code, text=text, about_address=about, said=said
    ),
    st.sampled_from(PLACES),
    st.none() | st.floats(0, 3e9),
    st.sampled_from(["", "5.1.1", "6012"]),
    st.sampled_from(["", "no such mailbox", "EC_HARD_BOUNCE: 550 5.1.1 no such mailbox"]),
    st.booleans(),
    st.sampled_from(["", "1", "2"]),
)


@given(st.lists(REPORTS, max_size=12), st.data())
def test_any_order_and_any_repetition_gives_the_same_standing(reports, data):
    again = data.draw(st.permutations(reports))
    more = data.draw(st.lists(st.sampled_from(reports), max_size=6)) if reports else []
    mixed = data.draw(st.permutations([*again, *more]))
    assert standing_of(mixed) == standing_of(reports)


@given(st.lists(REPORTS, max_size=8), REPORTS)
def test_a_further_report_never_weakens_the_standing(reports, one):
    def place(standing):
        found = standing.report
        return len(ORDER) if found is None else ORDER.index((found.event, found.kind))

    assert place(standing_of([*reports, one])) <= place(standing_of(reports))


@pytest.mark.parametrize(("stronger", "weaker"), list(pairwise(ORDER)))
def test_the_order_is_that_of_the_table(stronger, weaker):
    early, late = report(*stronger, at=1.0), report(*weaker, at=2.0)
    assert standing_of([early, late]) == standing_of([late, early]) == Standing(report=early)


def test_every_event_and_kind_has_its_place():
    kinds = [(Event.BOUNCED, kind) for kind in Kind]
    others = [(event, None) for event in Event if event is not Event.BOUNCED]
    assert sorted(map(str, PLACES)) == sorted(map(str, [*kinds, *others]))


def test_opens_and_clicks_are_counted_beside_the_standing():
    delivered = report(Event.DELIVERED)
    opened = [report(Event.OPENED, said=name) for name in ("a", "b", "a")]
    assert standing_of([*opened, delivered, report(Event.CLICKED)]) == Standing(delivered, 2, 1)
    assert standing_of(opened) == Standing(None, 2, 0)


def test_of_two_equal_events_the_later_stands():
    first, last = (report(Event.DEFERRED, at=at, said=str(at)) for at in (1.0, 2.0))
    assert standing_of([last, first]).report is last


def test_a_bounce_that_speaks_of_the_address_stands_above_one_that_does_not():
    told = report(Event.BOUNCED, Kind.HARD, at=1.0, about_address=True)
    vague = report(Event.BOUNCED, Kind.HARD, at=2.0, said="again")
    assert standing_of([vague, told]).report is told


@pytest.mark.parametrize(
    ("text", "replied"),
    [
        ("550 5.1.1 unknown user", True),
        ("550-5.1.1 unknown user", True),
        ("EC_HARD_BOUNCE: 550 5.1.1 unknown user", True),
        ("MAIL+RCPT 421", True),
        ("EC_HARD_BOUNCE: Hard bounce", False),
        ("6012: Hard bounce", False),
        ("error 5501 of 10.5.1.250", False),
        ("", False),
    ],
)
def test_the_words_of_the_server_stand_above_the_providers_name(text, replied):
    posted = report(Event.BOUNCED, Kind.SOFT, at=1.0, code="6012", text=text)
    pulled = report(Event.BOUNCED, Kind.SOFT, at=2.0, code="6012", text="EC_X: Y", said="log")
    assert standing_of([posted, pulled]).report is (posted if replied else pulled)
    assert standing_of([pulled, posted]).report is (posted if replied else pulled)


@pytest.mark.parametrize(("event", "kind"), [(Event.BOUNCED, None), (Event.SENT, Kind.HARD)])
def test_a_bounce_has_a_kind_and_nothing_else_has(event, kind):
    with pytest.raises(ValueError, match=f"{event} with kind"):
        report(event, kind)


def test_the_identity_tells_names_apart_that_only_look_alike_when_joined():
    one = report(Event.SENT, said="a", message_id="bc")
    other = report(Event.SENT, said="ab", message_id="c")
    assert one.identity != other.identity
    assert one.identity == report(Event.SENT, said="a", message_id="bc", at=3.0).identity
