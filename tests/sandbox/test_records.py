"""The records: a report once, a log that can be read again, pages without gaps, bounds."""

from datetime import UTC, datetime

from mailbatch.sandbox.callbacks import Callbacks
from mailbatch.sandbox.fates import FATES, NO_ERROR, PENDING, Told, fate_of
from mailbatch.sandbox.records import Records
from mailbatch.sandbox.wire import Accepted

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
WAITS = Told(0.0, PENDING, NO_ERROR)


def accepted(number, bulk_id="b", to=None):
    to = to or f"reader-{number}@example.org"
    return Accepted(f"id-{number}", to, bulk_id, NOW, Callbacks(sender="news@example.com"))


def filled(number, **options):
    records = Records(**options)
    for one in range(number):
        message = accepted(one)
        records.note(message, WAITS)
        for told in fate_of(message.to).reports:
            records.note(message, told)
    return records


def ids(reports):
    return [one["messageId"] for one in reports]


def anything(*_):
    return True


def test_a_report_is_handed_out_once():
    """Each, whatever the limit, and only the final ones."""
    records = filled(5)
    records.note(accepted(9), WAITS)
    found = []
    while taken := records.take_reports(bulk_ids=(), message_ids=(), limit=2):
        assert len(taken) <= 2
        found += ids(taken)
    assert found == [f"id-{number}" for number in range(5)]
    assert records.given == 5


def test_reports_are_chosen_by_bulk_id_and_message_id():
    """What is not asked for waits."""
    records = filled(3)
    records.note(accepted(7, bulk_id="c"), FATES["bounce"].reports[0])
    assert ids(records.take_reports(bulk_ids={"c"}, message_ids=(), limit=9)) == ["id-7"]
    assert ids(records.take_reports(bulk_ids=(), message_ids={"id-1", "id-7"}, limit=9)) == ["id-1"]
    assert records.take_reports(bulk_ids={"c"}, message_ids=(), limit=9) == []
    assert ids(records.take_reports(bulk_ids=(), message_ids=(), limit=9)) == ["id-0", "id-2"]


def test_the_log_can_be_read_again_in_pages_without_gaps():
    """Also while messages move on and new ones come."""
    records = filled(5)

    def pages():
        after, found = 0, []
        while after is not None:
            entries, after = records.log(anything, after=after, limit=2)
            found.append(ids(entries))
        return found

    assert pages() == pages() == [["id-0", "id-1"], ["id-2", "id-3"], ["id-4"]]
    entries, after = records.log(anything, after=0, limit=2)
    records.note(accepted(0), FATES["bounce"].reports[0])
    records.note(accepted(5), WAITS)
    rest, left = records.log(anything, after=after, limit=9)
    assert (ids(entries), ids(rest), left) == (
        ["id-0", "id-1"], ["id-2", "id-3", "id-4", "id-5"], None,
    )  # fmt: skip


def test_a_full_page_that_is_the_last_has_no_next():
    """Nobody asks for an empty page."""
    records = filled(4)
    assert records.log(anything, after=0, limit=4)[1] is None


def test_the_oldest_give_way():
    """A sandbox that runs for days stays small."""
    records = filled(10, most=3)
    entries, _ = records.log(anything, after=0, limit=50)
    assert ids(entries) == ["id-7", "id-8", "id-9"]
    assert ids(records.take_reports(bulk_ids=(), message_ids=(), limit=50)) == ids(entries)
    assert records.lost == 7


def test_suppressions_are_of_a_domain_and_a_type_each_once():
    """Who bounced, who complained; the first time counts."""
    records = Records()
    for number in range(2):
        records.note(accepted(number, to="Bounce@example.org"), FATES["bounce"].reports[0])
    records.note(accepted(2, to="soft@example.org"), FATES["soft"].reports[0])
    records.suppress(accepted(3, to="complain@example.org"), "COMPLAINT")

    def found(domain, kind):
        return [one.address for one in records.suppressions(domain, kind)]

    assert found("Example.com", "BOUNCE") == ["bounce@example.org"]
    assert found("example.com", "OVER_QUOTA") == ["soft@example.org"]
    assert found("example.com", "COMPLAINT") == ["complain@example.org"]
    assert found("example.net", "BOUNCE") == []
