"""The window and the cap of a job: the values, and the words of a refusal."""

import pytest

from mailbatch.errors import InputErrors

ZAGREB = {"from": "08:00", "until": "18:00", "zone": "Europe/Zagreb"}


def test_a_window(load, changed):
    window = load(changed(server={"window": {**ZAGREB, "days": ["mon-wed", "sat"]}})).server.window
    assert window.weekdays == {0, 1, 2, 5}
    assert (window.from_, window.until, window.zone) == (480, 1080, "Europe/Zagreb")


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        (["sat-mon"], {5, 6, 0}),
        ("Sun", {6}),
        (["tue", "thu"], {1, 3}),
    ],
)
def test_days(days, weekdays, load, changed):
    window = load(changed(server={"window": {**ZAGREB, "days": days}})).server.window
    assert window.weekdays == weekdays


def test_every_day_without_days_and_the_end_of_a_day(load, changed):
    given = {**ZAGREB, "from": "22:00", "until": "24:00"}
    window = load(changed(server={"window": given})).server.window
    assert (window.weekdays, window.until) == (set(range(7)), 1440)


@pytest.mark.parametrize(
    ("given", "words", "hint"),
    [
        ({"zone": "Europe/Zagrb"}, "zone: must be a zone of the", "Did you mean Europe/Zagreb?"),
        ({"zone": "CEST"}, "zone: must be a zone of the", "The names are those of the TZ database"),
        ({"zone": "../../etc/passwd"}, "zone: must be a zone of the", None),
        ({"days": ["monday"]}, "days[0]: must be days such as mon-fri or sat", "Did you mean mon?"),
        ({"days": []}, "days: is an empty list", None),
        ({"from": "24:00"}, 'from: must be a time of day such as "08:00"', None),
        ({"from": 8}, 'from: must be a time of day such as "08:00"', None),
        ({"until": "8 pm"}, 'until: must be a time of day such as "18:00"', None),
        ({"until": "08:00"}, "until: is when the window opens", "A whole day is"),
    ],
)
def test_refused_windows(given, words, hint, load, changed):
    with pytest.raises(InputErrors) as refused:
        load(changed(server={"window": {**ZAGREB, **given}}))
    (error,) = refused.value.errors
    assert f"server.window.{words}" in str(error)
    assert error.location.line
    assert hint is None or hint in error.hint


def test_a_cap(load, changed):
    assert load(changed(server={"cap": "5000/day"})).server.cap == 5000


@pytest.mark.parametrize(
    ("cap", "hint"),
    [
        (5000, "Write 5000/day."), ("5000 a day", "Write 5000/day."), ("0/day", None),
        ("0.5/day", None), ("100/h", "A shorter limit is `rate`, beside this one."), ("many", None),
    ],
)  # fmt: skip
def test_refused_caps(cap, hint, load, changed):
    with pytest.raises(InputErrors, match=r"server\.cap: must be recipients per day") as refused:
        load(changed(server={"cap": cap}))
    assert refused.value.errors[0].hint == hint


RISE = {"from": 200, "to": 200_000, "days": 42}


def test_a_warmup(load, changed):
    warmup = load(changed(server={"warmup": RISE})).server.warmup
    assert (warmup.from_, warmup.to, warmup.days) == (200, 200_000, 42)


@pytest.mark.parametrize(
    ("given", "words", "hint"),
    [
        ({"to": 200}, "to: must be more than where the warm-up begins", "is `cap`"),
        ({"from": 0}, "from: must be", None),
        ({"days": 1}, "days: must be", None),
        ({"days": 400}, "days: must be", None),
        ({"from": "many"}, "from: must be", None),
    ],
)
def test_refused_warmups(given, words, hint, load, changed):
    with pytest.raises(InputErrors) as refused:
        load(changed(server={"warmup": {**RISE, **given}}))
    (error,) = refused.value.errors
    assert f"server.warmup.{words}" in str(error)
    assert error.location.line
    assert hint is None or hint in error.hint
