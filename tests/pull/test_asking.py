"""Questions at the provider's pace: pauses, tries, and what is never asked again."""

import pytest

from mailbatch.pull.access import ProviderError, Unanswered, Unreached
from mailbatch.pull.asking import (
    ATTEMPTS,
    LONGEST_WAIT,
    KeyRefused,
    NotNow,
    Pace,
    QuestionRefused,
)
from tests.support.provider_api import KEY, Say

LOGS = ("/email/4/logs", {"bulkId": "a", "limit": "1000"})


def ask(asking, **more):
    return asking.ask(*LOGS, **more)


def test_120_requests_a_minute(asking, api, clock):
    """The first 120 leave at once, the next one when the first of them is a minute old."""
    for _ in range(120):
        ask(asking)
    assert clock.slept == []
    ask(asking)
    assert clock.slept == [60.0]
    assert len(api.asked) == 121


def test_no_minute_has_more_whatever_the_gaps(clock):
    pace, times = Pace(clock, requests=3, seconds=10.0), []
    for gap in (0, 4, 0, 1, 7, 0, 0, 20, 0, 0, 0):
        clock.now += gap
        clock.now += pace.delay()
        pace.note()
        times.append(clock.now)
    for time in times:
        assert sum(time <= other < time + 10 for other in times) <= 3
    assert times[2] == 1004.0
    assert times[3] == 1010.0


def test_a_pause_that_the_provider_asks_for_is_kept(asking, api, clock, told):
    api.next(Say(429, retry_after="7"), Say(429, retry_after="3"))
    assert ask(asking).startswith(b'{"results"')
    assert clock.slept == [7.0, 3.0]
    assert "429" in told[0]
    assert told[0].endswith("trying again in 7 s")


def test_a_pause_that_is_too_long_is_left_to_the_next_pull(asking, api, clock):
    api.next(Say(429, retry_after=str(int(LONGEST_WAIT) + 1)))
    with pytest.raises(NotNow) as failure:
        ask(asking)
    assert failure.value.exit_code == 75
    assert clock.slept == []
    assert len(api.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_for_now_is_tried_again_behind_growing_waits(asking, api, clock, status):
    api.next(*[Say(status)] * ATTEMPTS)
    with pytest.raises(NotNow, match=f"answers {status}: .*no") as failure:
        ask(asking)
    assert failure.value.exit_code == 75
    assert len(api.asked) == ATTEMPTS
    assert len(clock.slept) == ATTEMPTS - 1
    assert all(0 <= seconds <= 60 for seconds in clock.slept)


@pytest.mark.parametrize(
    ("status", "failure", "code"),
    [
        (401, KeyRefused, 77),
        (403, KeyRefused, 77),
        (400, QuestionRefused, 69),
        (404, QuestionRefused, 69),
        (301, QuestionRefused, 69),
        (204, QuestionRefused, 69),
    ],
)
def test_a_refusal_is_asked_once(asking, api, clock, status, failure, code):
    api.next(Say(status))
    with pytest.raises(failure) as refused:
        ask(asking)
    assert refused.value.exit_code == code
    assert len(api.asked) == 1
    assert clock.slept == []
    assert KEY not in str(refused.value)
    assert refused.value.hint


def test_the_words_of_a_refusal_are_shown_and_control_nothing(asking, api):
    api.next(Say(400, b"\x1b[2Jno\r\n  way" + b"x" * 5000))
    with pytest.raises(QuestionRefused) as refused:
        ask(asking)
    assert "no way" in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_an_echo_of_the_key_is_not_shown(asking, api):
    api.next(Say(400, f"you sent App {KEY}, and {KEY}".encode()))
    with pytest.raises(QuestionRefused) as refused:
        ask(asking)
    assert "you sent App ***, and ***" in str(refused.value)


def test_an_answer_that_breaks_off_is_asked_for_again_and_its_beginning_is_handed_on(asking, api):
    api.next(Say(how="cut"), Say(how="silent"))
    beginnings = []
    whole = ask(asking, broken_off=beginnings.append)
    assert beginnings == [whole[: len(whole) // 2], b""]
    assert len(api.asked) == 3


def test_a_provider_that_never_answers(asking, api):
    api.next(*[Say(how="silent")] * ATTEMPTS)
    with pytest.raises(Unanswered) as failure:
        ask(asking)
    assert failure.value.exit_code == 69
    assert isinstance(failure.value, ProviderError)


def test_nothing_is_handed_on_where_no_request_left(clock, told):
    from mailbatch.pull.access import Access
    from mailbatch.pull.asking import Asking

    asking = Asking(
        Access("http://127.0.0.1:1", KEY), tell=told.append, clock=clock, sleep=clock.sleep
    )
    beginnings = []
    with pytest.raises(Unreached):
        ask(asking, broken_off=beginnings.append)
    assert beginnings == []
    assert len(told) == ATTEMPTS - 1
