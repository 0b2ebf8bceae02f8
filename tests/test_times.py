"""One way to write a time."""

from datetime import UTC, datetime

import pytest

from mailbatch.times import iso_time


@pytest.mark.parametrize("seconds", [0, 1_700_000_000, 1_700_000_000.999, 4_102_444_800])
def test_a_time_is_iso_8601_in_utc_to_the_second(seconds):
    text = iso_time(seconds)
    assert datetime.fromisoformat(text) == datetime.fromtimestamp(int(seconds), UTC)
    assert len(text) == len("2026-11-23T08:15:00Z")


def test_no_time_is_no_text():
    assert iso_time(None) is None
