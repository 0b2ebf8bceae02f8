"""The figures over time: units, gaps, and the ends of the series."""

import pytest

from mailbatch.reports_page.figures import Fate, Figures
from mailbatch.reports_page.times import series_of

from .making import BEGUN, HOUR, bounced, row, standing

DAY = 24 * HOUR


def series(*times, as_of=None, **first):
    figures = Figures(as_of if as_of is not None else max(times))
    for at in times:
        figures.add(row(**first), standing(at=at))
    return series_of(figures)


def test_without_a_report_there_is_no_series():
    figures = Figures(BEGUN)
    figures.add(row(), None)
    figures.add(row(), standing(at=0.0))
    assert series_of(figures) is None


def test_an_hour_without_a_report_is_there():
    figures = Figures(BEGUN + 12 * HOUR)
    for one in (
        standing(at=BEGUN + 5), standing(at=BEGUN + 10), bounced(at=BEGUN + 2 * HOUR + 1),
    ):  # fmt: skip
        figures.add(row(), one)
    found = series_of(figures)
    assert (found.unit, found.word) == (HOUR, "hour")
    assert found.starts == tuple(range(BEGUN, BEGUN + 12 * HOUR, HOUR))
    assert found.numbers[Fate.DELIVERED] == (2, *[0] * 11)
    assert found.numbers[Fate.LOST] == (0, 0, 1, *[0] * 9)
    assert found.as_object()["numbers"] == [list(found.numbers[fate]) for fate in found.numbers]


def test_the_series_ends_at_the_time_of_the_page():
    assert series(BEGUN, as_of=BEGUN + 60).starts == (BEGUN,)
    assert series(BEGUN, as_of=BEGUN + 2 * HOUR).starts == (BEGUN, BEGUN + HOUR, BEGUN + 2 * HOUR)


def test_the_series_begins_with_the_first_attempt():
    assert series(BEGUN + 3 * HOUR, first_attempt_at=BEGUN + 90).starts[0] == BEGUN


@pytest.mark.parametrize(
    ("days", "unit", "word"),
    [(7.9, HOUR, "hour"), (8, DAY, "day"), (399, DAY, "day"), (400, 7 * DAY, "week")],
)
def test_the_unit_follows_from_the_time_that_the_reports_span(days, unit, word):
    found = series(BEGUN, BEGUN + int(days * DAY))
    assert (found.unit, found.word) == (unit, word)
    assert len(found.starts) < 410
    assert sum(found.numbers[Fate.DELIVERED]) == 2
    assert found.starts[0] <= BEGUN < found.starts[0] + unit


def test_a_week_begins_on_a_monday():
    monday = 1_795_392_000  # 2026-11-23
    assert series(BEGUN, BEGUN + 500 * DAY).starts[0] == monday
