"""The editions of a database: their names, their order, their recipients, and the turn of a job."""

import pytest

from mailbatch.envelope import Recipient
from mailbatch.ledger.postgres.address import Place, place_in

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres import editions  # noqa: E402 - an extra
from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra


def begin(url, job, edition, *addresses):
    place = place_in(url, job, edition)
    with PostgresLedger.open(
        place, job=job, edition=edition, message_id_domain="example.com"
    ) as ledger:
        rows = [Recipient(n, one, (one,)) for n, one in enumerate(addresses, start=2)]
        ledger.plan.reconcile(("email",), rows, group_by=(), recipients_per_transaction=1)
    return place


def test_editions_come_newest_first_and_of_the_very_job(database):
    for job, edition in (("news", "47"), ("news", "48"), ("News!", "49"), ("newsletter", "48")):
        begin(database, job, edition)
    whole = Place(database)
    assert editions.editions_of(whole, "news") == ["48", "47"]
    begin(database, "news", "47")
    assert editions.editions_of(whole, "news") == ["47", "48"]
    assert editions.editions_of(whole, "nobody") == []
    here = place_in(database, "news", "48")
    assert editions.others(here, "news", "48") == [place_in(database, "newsletter", "48")]
    assert editions.is_there(here)
    assert not editions.is_there(place_in(database, "news", "50"))


def test_schemas_of_others_are_passed_over(database, cluster):
    begin(database, "news", "48")
    cluster.execute("CREATE SCHEMA mailbatch_news_notes_0123456789ab")
    assert editions.editions_of(Place(database), "news") == ["48"]


def test_recipients_who_may_have_the_message_are_counted(database, cluster):
    place = begin(database, "news", "48", "a@x.org", "B@x.org", "c@x.org")
    cluster.execute(
        f"UPDATE {place.schema}.recipient SET status = 'accepted' WHERE line = 2;"  # noqa: S608
        f"UPDATE {place.schema}.recipient SET status = 'in_doubt' WHERE line = 3"
    )
    asked = ["A@x.org", "b@x.org", "c@x.org", "d@x.org"]
    assert editions.count_mailed(place, asked) == 2


def test_one_run_has_the_turn_of_a_job(database):
    whole = Place(database)
    first = editions.take_turn(whole, "news")
    assert first is not None
    with first:
        assert editions.take_turn(whole, "news") is None
        other = editions.take_turn(whole, "notice")
        assert other is not None
        with other:
            pass
    again = editions.take_turn(whole, "news")
    assert again is not None
    with again:
        pass
