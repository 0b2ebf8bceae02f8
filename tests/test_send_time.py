"""The time of sending: what a text says, and which instant that is where clocks are set."""

from datetime import UTC, datetime

import pytest

from mailbatch.send_time import NoSendTime, SendTime
from mailbatch.zones import near_zone, zone_of


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(at):
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("said", "planned", "first"),
    [
        # An ordinary day: before the minute, in it, and behind it.
        ("09:00 Europe/Zagreb", "2026-12-03T07:59:59", "2026-12-03T08:00"),
        ("09:00 Europe/Zagreb", "2026-12-03T08:00:00", "2026-12-03T08:00"),
        ("09:00 Europe/Zagreb", "2026-12-03T08:00:59", "2026-12-03T08:00"),
        ("09:00 Europe/Zagreb", "2026-12-03T08:01:00", "2026-12-04T08:00"),
        # It is tomorrow there, or still yesterday.
        ("09:00 Pacific/Auckland", "2026-12-03T19:00:00", "2026-12-03T20:00"),
        ("23:30 Pacific/Honolulu", "2026-12-03T08:00:00", "2026-12-03T09:30"),
        # The night before the clock is set keeps the time of the wall.
        ("09:00 Europe/Zagreb", "2026-03-28T20:00:00", "2026-03-29T07:00"),
        ("09:00 Europe/Zagreb", "2026-10-24T20:00:00", "2026-10-25T08:00"),
        # 02:30 is skipped on 2026-03-29: with the offset before the gap it is 03:30.
        ("02:30 Europe/Zagreb", "2026-03-28T20:00:00", "2026-03-29T01:30"),
        ("02:30 Europe/Zagreb", "2026-03-29T01:31:00", "2026-03-30T00:30"),
        # 02:30 comes twice on 2026-10-25: the first of the two, and behind that the next day.
        ("02:30 Europe/Zagreb", "2026-10-24T20:00:00", "2026-10-25T00:30"),
        ("02:30 Europe/Zagreb", "2026-10-25T00:45:00", "2026-10-26T01:30"),
        # Half an hour is skipped, and comes twice.
        ("02:15 Australia/Lord_Howe", "2026-10-03T00:00:00", "2026-10-03T15:45"),
        ("01:45 Australia/Lord_Howe", "2026-04-04T00:00:00", "2026-04-04T14:45"),
        # Midnight is skipped.
        ("00:30 America/Santiago", "2026-09-05T20:00:00", "2026-09-06T04:30"),
        # Samoa had no 30 December 2011.
        ("09:00 Pacific/Apia", "2011-12-30T00:00:00", "2011-12-30T19:00"),
        # A day is one instant, over or not.
        ("2026-03-29 02:30 Europe/Zagreb", "2026-12-03T08:00:00", "2026-03-29T01:30"),
        ("2026-10-25 02:30 Europe/Zagreb", "2026-01-01T00:00:00", "2026-10-25T00:30"),
        ("2026-12-24T18:00 UTC", "2026-01-01T00:00:00", "2026-12-24T18:00"),
    ],
)
def test_the_first_instant_from_a_planning_on(said, planned, first):
    """The instant is one that the time means, so that a later plan leaves it."""
    time = SendTime.read(said)
    at = time.first_at(utc(planned))
    assert shown(at) == first
    assert time.names(at)
    assert SendTime.read(str(time)) == time
    assert not time.names(at + 1)


def test_every_day_of_a_time_is_meant():
    """A year of mornings, also over both days on which the clock is set."""
    time, now = SendTime.read("02:30 Europe/Zagreb"), utc("2026-01-01T00:00:00")
    for _ in range(366):
        at = time.first_at(now)
        assert time.names(at)
        assert not SendTime.read("02:31 Europe/Zagreb").names(at)
        assert 82_800 <= time.first_at(at + 60) - at <= 90_000
        now = at + 60


@pytest.mark.parametrize(
    ("text", "why", "zone"),
    [
        ("", "is no time such as", None),
        ("9 Europe/Zagreb", "is no time such as", None),
        ("09:00:00 Europe/Zagreb", "is no time such as", None),
        ("9:00 am Europe/Zagreb", "names a zone that is not there", "am Europe/Zagreb"),
        ("24:00 UTC", "24:00 is no time of a day", None),
        ("12:60 UTC", "12:60 is no time of a day", None),
        ("2026-02-30 09:00 UTC", "2026-02-30 is no day", None),
        ("0206-12-24 09:00 UTC", "0206-12-24 is no day of these times", None),
        ("09:00", "names no zone", ""),
        ("09:00 ", "names no zone", ""),
        ("09:00 CEST", "names a zone that is not there", "CEST"),
        ("09:00 ../UTC", "names a zone that is not there", "../UTC"),
        ("09:00 Europe", "names a zone that is not there", "Europe"),
        ("09:00 \0", "names a zone that is not there", "\0"),
    ],
)
def test_a_text_that_is_no_time(text, why, zone):
    with pytest.raises(NoSendTime, match=why) as caught:
        SendTime.read(text)
    assert caught.value.zone == zone


def test_a_zone_is_known_by_its_name():
    assert zone_of("Europe/Zagreb").key == "Europe/Zagreb"
    assert zone_of("Europe/Zagrb") is None
    assert near_zone("europe/zagreb") == "Europe/Zagreb"
    assert near_zone("Zagreb") == "Europe/Zagreb"
    assert near_zone("utc") == "UTC"
    assert near_zone("CEST") is None
