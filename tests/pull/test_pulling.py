"""The pull: pages in the store, the cursor with them, and reports that are given away once."""

import json

import pytest

from mailbatch.errors import StoreError
from mailbatch.pull.access import ProviderError
from mailbatch.pull.asking import ATTEMPTS, NotNow, QuestionRefused
from mailbatch.pull.pulling import GOES_ON_WITHIN, Pull
from mailbatch.reports.report import Event
from mailbatch.reports.store import ReportStore
from tests.support.provider_api import Say, log_entry

MARK = '{"mb":"57049136f20f7a33"}'
LOGS, REPORTS = "/email/4/logs", "/email/4/reports"


@pytest.fixture
def store(tmp_path):
    with ReportStore(tmp_path / "reports.sqlite3") as opened:
        yield opened


class Now:
    """The time of the day; `stopped` is what the caller wishes."""

    def __init__(self):
        self.at = 1795946500.0
        self.stopped = False
        self.warned = []


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def pull(asking, store, now):
    return Pull(
        asking,
        store,
        now=lambda: now.at,
        warn=now.warned.append,
        is_stopped=lambda: now.stopped,
    )


def told(store):
    """The reports in the store, by recipient."""
    store.read_kept()
    return [(one.report.recipient, one.report.event) for one in store.reports()]


def everybody(number):
    return [(f"p{n}@example.org", Event.DELIVERED) for n in range(number)]


def bodies(store):
    rows = store._connection.execute("SELECT content, place, origin FROM body ORDER BY id")
    return [(bytes(content), place, origin) for content, place, origin in rows]


# -- the log ---------------------------------------------------------------------------------------


def test_a_log_is_fetched_page_by_page(api, pull, store):
    api.logs["letter-1"] = [log_entry(n) for n in range(5)]
    api.logs["other"] = [log_entry(9)]
    pulled = pull.logs("letter-1")
    assert (pulled.answers, pulled.entries, pulled.went_on) == (3, 5, False)
    assert told(store) == everybody(5)
    assert [question.query.get("cursor") for question in api.asked] == [None, "2", "4"]
    first = api.asked[0].query
    assert first == {"bulkId": "letter-1", "limit": "1000", "useCursor": "true"}


def test_a_log_can_be_fetched_again_and_grows_only_by_news(api, pull, store):
    api.logs["letter-1"] = [log_entry(n) for n in range(3)]
    pull.logs("letter-1")
    pull.logs("letter-1")
    assert len(bodies(store)) == 3
    api.logs["letter-1"].insert(0, log_entry(3))  # which moves every page
    api.logs["letter-1"][1] = log_entry(0, doneAt="2026-11-29T11:00:00.000+0000")
    pull.logs("letter-1")
    assert len(bodies(store)) == 5
    assert len(told(store)) == 5


def test_the_text_of_a_message_is_not_kept(api, pull, store):
    api.logs["letter-1"] = [log_entry(0, text="Dear Ada, your pin is 1234")]
    pull.logs("letter-1")
    ((content, place, origin),) = bodies(store)
    assert b"1234" not in content
    assert json.loads(content)["results"][0]["messageId"] == "id-0"
    assert (place, origin) == (f"{api.url}{LOGS}?bulkId=letter-1", "pull")


def test_a_pull_that_was_stopped_goes_on_behind_its_last_page(api, pull, store, now):
    api.logs["letter-1"] = [log_entry(n) for n in range(5)]
    now.stopped = True
    with pytest.raises(NotNow) as stopped:
        pull.logs("letter-1")
    assert stopped.value.exit_code == 75
    assert told(store) == everybody(2)
    now.stopped = False
    pulled = pull.logs("letter-1")
    assert (pulled.answers, pulled.entries, pulled.went_on) == (2, 3, True)
    assert told(store) == everybody(5)
    assert [question.query.get("cursor") for question in api.asked] == [None, "2", "4"]
    assert not pull.logs("letter-1").went_on


def test_a_pull_that_failed_goes_on_behind_its_last_page(api, pull, store):
    api.logs["letter-1"] = [log_entry(n) for n in range(4)]
    api.next(None, *[Say(503)] * ATTEMPTS)
    with pytest.raises(NotNow):
        pull.logs("letter-1")
    assert pull.logs("letter-1").went_on
    assert told(store) == everybody(4)


def test_another_mailing_has_a_cursor_of_its_own(api, pull, now):
    api.logs["a"] = api.logs["b"] = [log_entry(n) for n in range(3)]
    now.stopped = True
    with pytest.raises(NotNow):
        pull.logs("a")
    now.stopped = False
    assert not pull.logs("b").went_on
    assert pull.logs("a").went_on


@pytest.mark.parametrize("seconds", [GOES_ON_WITHIN, -1.0])
def test_an_old_cursor_is_left(api, pull, now, seconds):
    """The first pages have changed meanwhile; a clock that was set back tells of no age."""
    api.logs["letter-1"] = [log_entry(n) for n in range(3)]
    now.stopped = True
    with pytest.raises(NotNow):
        pull.logs("letter-1")
    now.stopped = False
    now.at += seconds
    assert not pull.logs("letter-1").went_on


def test_a_cursor_that_the_provider_refuses_is_left(api, pull, store, now):
    api.logs["letter-1"] = [log_entry(n) for n in range(3)]
    now.stopped = True
    with pytest.raises(NotNow):
        pull.logs("letter-1")
    now.stopped = False
    api.next(Say(400))
    pulled = pull.logs("letter-1")
    assert (pulled.entries, pulled.went_on) == (3, False)
    assert told(store) == everybody(3)


def test_a_refusal_of_another_page_is_a_failure(api, pull):
    api.logs["letter-1"] = [log_entry(n) for n in range(3)]
    api.next(None, Say(400))
    with pytest.raises(QuestionRefused):
        pull.logs("letter-1")


def test_a_cursor_that_leads_to_itself_ends(api, pull):
    page = json.dumps({"results": [], "cursor": {"nextCursor": "x"}}).encode()
    api.next(*[Say(200, page)] * 3)
    with pytest.raises(ProviderError, match="the same page again"):
        pull.logs("letter-1")
    assert len(api.asked) == 2


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b"", b'{"results":', b"\xff"])
def test_an_answer_that_is_not_the_apis_is_a_failure(api, pull, store, body):
    api.next(Say(200, body))
    with pytest.raises(ProviderError, match="is not its API's") as failure:
        pull.logs("letter-1")
    assert failure.value.exit_code == 69
    assert bodies(store) == []


def test_a_log_of_nothing(api, pull, store):
    assert pull.logs("letter-1").entries == 0
    assert bodies(store) == []
    api.next(Say(200, b'{"results":null}'))
    assert pull.logs("letter-1").entries == 0


# -- reports that are given once -------------------------------------------------------------------


def test_reports_are_kept_as_they_came(api, pull, store):
    api.reports["letter-1"] = [log_entry(n, to=f"p{n}@a.de", callbackData=MARK) for n in range(3)]
    pulled = pull.reports("letter-1")
    assert (pulled.answers, pulled.entries, pulled.broken_off) == (2, 3, 0)
    kept = [json.loads(content)["results"] for content, _, _ in bodies(store)]
    assert kept == [*api.given, []]
    store.read_kept()
    assert {one.report.token for one in store.reports()} == {"57049136f20f7a33"}
    assert pull.reports("letter-1").entries == 0
    assert len(bodies(store)) == 3


def test_an_answer_is_on_the_disk_before_the_next_one_is_asked_for(api, pull, store, tmp_path):
    """Asking for the next answer is all that the provider hears of the last one."""
    api.reports["letter-1"] = [log_entry(n) for n in range(6)]
    seen = []
    answered = api.answer_to

    def answer_to(question):
        with ReportStore(tmp_path / "reports.sqlite3") as other:
            seen.append(len(bodies(other)))
        return answered(question)

    api.answer_to = answer_to
    pull.reports("letter-1")
    assert seen == [0, 1, 2, 3]


def test_an_answer_that_no_reader_understands_is_kept(api, pull, store):
    api.next(Say(200, b'{"results":[{"to": "ada@exa'))
    with pytest.raises(ProviderError):
        pull.reports("letter-1")
    assert bodies(store)[0][0] == b'{"results":[{"to": "ada@exa'


def test_the_beginning_of_an_answer_that_broke_off_is_kept_and_that_is_said(api, pull, store, now):
    api.reports["letter-1"] = [log_entry(n) for n in range(4)]
    api.next(Say(how="cut"), Say(how="silent"))
    pulled = pull.reports("letter-1")
    assert (pulled.answers, pulled.broken_off) == (0, 2)
    content, place, _ = bodies(store)[0]
    whole = json.dumps({"results": api.given[0]}).encode()
    assert content == whole[: len(whole) // 2]
    assert place.endswith("(broke off)")
    assert len(now.warned) == 2
    assert "--reports" in now.warned[0]


def test_a_provider_that_gives_the_same_answer_for_ever_ends(api, pull):
    page = json.dumps({"results": [log_entry(1)]}).encode()
    api.next(*[Say(200, page)] * 5)
    assert pull.reports("letter-1").entries == 1
    assert len(api.asked) == 2


def test_a_store_that_keeps_nothing_ends_the_pull(api, pull, store):
    api.reports["letter-1"] = [log_entry(n) for n in range(6)]
    store._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreError) as failure:
        pull.reports("letter-1")
    assert failure.value.exit_code == 74
    assert len(api.given) == 1


# -- the provider's suppression list ---------------------------------------------------------------


def suppressed(number, kind="BOUNCE"):
    return {
        "domainName": "example.com",
        "emailAddress": f"s{number}@example.org",
        "type": kind,
        "createdDate": "2026-11-01T10:00:00.000+0000",
        "reason": "550 5.1.1",
    }


def test_a_suppression_list_is_fetched_by_type_and_page(api, pull, store):
    api.suppressions["example.com", "BOUNCE"] = [suppressed(n) for n in range(1001)]
    api.suppressions["example.com", "COMPLAINT"] = [suppressed(9999, "COMPLAINT")]
    api.suppressions["example.org", "BOUNCE"] = [suppressed(7)]
    pulled, entries = pull.suppressions("example.com")
    assert (pulled.answers, pulled.entries) == (3, 1002)
    assert [entries[n]["emailAddress"][:5] for n in (0, 1000, 1001)] == ["s0@ex", "s1000", "s9999"]
    asked = [(question.query["type"], question.query["page"]) for question in api.asked]
    assert asked == [("BOUNCE", "0"), ("BOUNCE", "1"), ("COMPLAINT", "0")]
    tally = store.read_kept()
    assert (tally.reports, tally.unreadable) == (0, [])
    assert tally.refused["no report"] == 3
