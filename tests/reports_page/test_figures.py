"""The figures of the page: golden counts of a small edition, and what is left out of a picture."""

from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from mailbatch.reports_page import figures as module
from mailbatch.reports_page.figures import OF_EVENT, OF_STATUS, WORDS, Counted, Fate, Figures
from mailbatch.reports_page.reasons import Reason

from .making import BEGUN, HOUR, bounced, rejected, row, standing

NOW = BEGUN + 30 * HOUR


def figures_of(*recipients, as_of=NOW):
    figures = Figures(as_of)
    for one in recipients:
        figures.add(*one)
    return figures


def test_a_small_edition_by_status_event_domain_and_reason():
    figures = figures_of(
        (row("a@example.org"), standing(opens=2, clicks=1)),
        (row("b@example.org"), bounced(text="<b@example.org>: no such user")),
        (row("c@EXAMPLE.org"), bounced(text="<c@example.org>: no such user")),
        (row("d@example.com"), standing(None, opens=1)),
        (row("e@example.com"), standing(Event.COMPLAINED)),
        (row("f@example.com"), None),
        (rejected("g@example.net", "<g@example.net> unknown"), None),
        (row("h@example.net", Status.DEFERRED, reply_code=451, reply="later"), None),
        (row("i@example.net", Status.IN_DOUBT), None),
        (row("not an address", Status.INVALID), None),
        (row("j@example.net", Status.SUPPRESSED), None),
    )
    assert figures.recipients == 11
    assert figures.statuses[Status.ACCEPTED] == 6
    assert figures.events == {
        (Event.DELIVERED, None): 1, (Event.BOUNCED, Kind.HARD): 2, (Event.COMPLAINED, None): 1,
    }  # fmt: skip
    assert (figures.silent, figures.opened, figures.clicked) == (2, 2, 1)
    assert figures.fates == {
        Fate.DELIVERED: 1, Fate.LOST: 2, Fate.COMPLAINED: 1, Fate.SILENT: 3, Fate.REFUSED: 1,
        Fate.WAITING: 1,
    }  # fmt: skip
    assert figures.domains == {
        "example.org": {Fate.DELIVERED: 1, Fate.LOST: 2},
        "example.com": {Fate.SILENT: 2, Fate.COMPLAINED: 1},
        "example.net": {Fate.REFUSED: 1, Fate.WAITING: 1, Fate.SILENT: 1},
    }
    assert figures.reasons == {
        Reason(Event.BOUNCED, "hard", "5.1.1", "<address> no such user"): 2,
        Reason(Event.COMPLAINED): 1,
        Reason(Status.REJECTED, "", "5.1.1", "<address> unknown"): 1,
        Reason(Status.DEFERRED, "", "451", "later"): 1,
    }


def test_the_headings_of_a_recipient_name_its_reason_by_number():
    figures = Figures(NOW)
    assert figures.add(row(), standing()) == Counted(Fate.DELIVERED, None)
    assert figures.add(row(), bounced()) == Counted(Fate.LOST, 0)
    assert figures.add(row(), bounced(code="5.2.1")) == Counted(Fate.LOST, 1)
    assert figures.add(row(), bounced()) == Counted(Fate.LOST, 0)
    assert figures.add(row(status=Status.FILTERED), None) == Counted(None, None)


def test_every_event_that_can_stand_and_every_status_has_a_heading():
    assert set(Event) - set(OF_EVENT) == {Event.OPENED, Event.CLICKED}
    assert set(Status) - set(OF_STATUS) == {
        Status.INVALID, Status.SUPPRESSED, Status.DUPLICATE, Status.FILTERED, Status.WITHDRAWN,
    }  # fmt: skip
    assert set(WORDS) == set(Fate)


def test_hours_are_those_of_the_report_that_stands():
    figures = figures_of(
        (row(), standing(at=BEGUN + 59)),
        (row(), bounced(at=BEGUN + HOUR - 1)),
        (row(), standing(at=BEGUN + HOUR)),
    )
    hour = BEGUN // HOUR
    assert figures.hours == {
        hour: {Fate.DELIVERED: 1, Fate.LOST: 1},
        hour + 1: {Fate.DELIVERED: 1},
    }
    assert figures.placed() == [hour, hour + 1]
    assert figures.misplaced == 0


def test_a_time_that_cannot_be_right_is_counted_apart():
    figures = figures_of(
        (row(), standing(at=0.0)),
        (row(), standing(at=BEGUN + 40)),
        (row(), standing(at=NOW + 2 * HOUR)),
    )
    assert figures.placed() == [BEGUN // HOUR]
    assert figures.misplaced == 2
    assert figures.events[Event.DELIVERED, None] == 3


def test_more_domains_and_reasons_than_a_page_can_use_are_counted_together(monkeypatch):
    monkeypatch.setattr(module, "MOST_DOMAINS", 2)
    monkeypatch.setattr(module, "MOST_REASONS", 2)
    figures = figures_of(*((row(f"a@d{n}.example"), bounced(text="x" * n)) for n in range(5)))
    assert figures.domains == {"d0.example": {Fate.LOST: 1}, "d1.example": {Fate.LOST: 1}}
    assert figures.other_domains == {Fate.LOST: 3}
    assert len(figures.reasons) == 2
    assert figures.other_reasons == 3
    assert figures.add(row("a@d1.example"), bounced(text="x")) == Counted(Fate.LOST, 1)
