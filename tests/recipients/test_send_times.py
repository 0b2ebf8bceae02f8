"""The times of sending of rows, rendered from `message.send_at`."""

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import JobError, Location
from mailbatch.job.setting import Setting
from mailbatch.recipients.send_times import compile_send_at

COLUMNS = ("email", "zone", "Time of day", "vip")
NAMES = {"job": {"name": "news"}, "edition": "1", "variables": {"hour": "07:15"}}


def times(text):
    return compile_send_at(
        Setting("message.send_at", text, Location("job.yaml", 9)), COLUMNS, names=NAMES
    )


def timed(text, *cells, status="pending"):
    cells = ("a@x.org", *cells, *[""] * (3 - len(cells)))
    return times(text).timed(Recipient(2, "a@x.org", cells, status=status))


@pytest.mark.parametrize(
    ("text", "cells", "said"),
    [
        ("09:00 {{ zone }}", ("Europe/Zagreb",), "09:00 Europe/Zagreb"),
        ("{{ Time_of_day }} {{ zone }}", ("UTC", " 9:05"), "09:05 UTC"),
        ("{{ recipient['Time of day'] }} UTC", ("", "18:30"), "18:30 UTC"),
        ("{{ variables.hour }} {{ zone or 'Europe/Zagreb' }}", ("",), "07:15 Europe/Zagreb"),
        ("{% if vip %}now{% else %}09:00 {{ zone }}{% endif %}", ("UTC", "", "yes"), None),
        ("{% set z = zone %}09:00 {{ z }}", ("UTC",), "09:00 UTC"),
        ("09:00 UTC", (), "09:00 UTC"),
    ],
)
def test_a_row_has_a_time(text, cells, said):
    found = timed(text, *cells)
    assert (found.status, found.send_at) == ("pending", said)


def test_a_row_that_gets_nothing_has_no_time():
    found = timed("09:00 {{ zone }}", "nowhere", status="suppressed")
    assert (found.status, found.send_at) == ("suppressed", None)


@pytest.mark.parametrize(
    ("text", "cells", "reason"),
    [
        ("{{ zone }}", ("",), "`send_at` is '', which is no time such as"),
        ("09:00 {{ zone | int + 1 }}", ("x",), "`send_at` fails: "),
        ("09:00 {{ zone }}", ("Asia/Tokio",), "did you mean Asia/Tokyo?"),
    ],
)
def test_a_row_without_a_time_is_invalid(text, cells, reason):
    found = timed(text, *cells)
    assert found.status == "invalid"
    assert found.send_at is not None
    assert reason in found.reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("09:00 {{ zoen }}", "nothing defines 'zoen'"),
        ("{{ now }}", "reads 'now', and a row is planned before"),
        ("09:00 {{ rows[0].zone }}", "reads 'rows'"),
        ("09:00 {{ zone", "is no template"),
    ],
)
def test_a_template_that_cannot_give_a_time_is_a_mistake_of_the_job(text, message):
    with pytest.raises(JobError, match=message) as caught:
        times(text)
    assert caught.value.location == Location("job.yaml", 9)


def test_many_unknown_zones_are_not_all_compared():
    """A column of a million wrong cells costs no search for each."""
    known = times("09:00 {{ zone }}")
    rows = [Recipient(n, "a@x.org", ("a@x.org", f"Asia/Tokio{n}", "", "")) for n in range(100)]
    reasons = [known.timed(row).reason for row in rows]
    assert "did you mean" in reasons[0]
    assert "did you mean" not in reasons[-1]
    assert [known.timed(row).reason for row in rows] == reasons
