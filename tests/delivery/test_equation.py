"""The equation: every row has one status; a run that loses one says which, and ends with 1."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from mailbatch.delivery.equation import equation_of
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.runner import run
from mailbatch.envelope import Recipient
from mailbatch.errors import Unbalanced
from mailbatch.job.loader import load_job
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage


def scene_of(tmp_path, server, **more):
    return Scene(tmp_path / "job", server.port, **more)


def test_every_row_stands_on_one_side_once(fault_server, tmp_path):
    server = fault_server(refused={"user2@example.net": "550 5.1.1 nobody"})
    scene = scene_of(tmp_path, server, recipients=4)
    text = (scene.folder / "recipients.csv").read_text(encoding="utf-8")
    (scene.folder / "recipients.csv").write_text(
        f"{text}user1@example.net,Twice,a\nnobody,x,a\n", encoding="utf-8"
    )
    found = scene.run().equation
    assert str(found) == "6 rows = 3 accepted + 1 rejected + 1 invalid + 1 duplicate"
    assert (found.balanced, found.left) == (True, 0)


def test_rows_that_left_the_table_are_counted_beside_it(fault_server, tmp_path):
    server = fault_server()
    scene = scene_of(tmp_path, server, recipients=4)
    scene.run(limit=2)
    scene.write_recipients(scene.addresses[1:3])
    found = scene.run().equation
    assert str(found) == "2 rows + 2 that left the table = 3 accepted + 1 withdrawn"
    assert found.balanced


@pytest.mark.parametrize("sessions", [1, 3])
def test_doubts_and_deferred_recipients_balance(fault_server, tmp_path, sessions):
    server = fault_server(Fault(Stage.DOT, Kind.RST))
    found = scene_of(tmp_path, server, recipients=9, sessions=sessions).run().equation
    assert (found.balanced, found.rows, found.counts[Status.IN_DOUBT]) == (True, 9, 1)


def test_a_run_that_does_not_balance_names_the_row_and_ends_with_1(fault_server, tmp_path):
    server = fault_server()
    scene = scene_of(tmp_path, server, recipients=4)
    assert scene.run().exit_code == 0
    with sqlite3.connect(scene.ledger) as connection:
        connection.execute("DELETE FROM recipient WHERE line = 3")
    connection.close()
    with Ledger.reopen(scene.ledger, restored=True) as ledger:  # for what a backup may have lost
        assert ledger.standing.counts()[Status.ACCEPTED] == 4
    summary = run(load_job(scene.job), RunOptions())
    assert isinstance(summary.failure, Unbalanced)
    assert summary.exit_code == 1
    assert summary.equation.faults == (
        "3 rows are accepted, and 4 are counted",
        "row 3 has no status in the ledger",
    )
    assert "4 rows = 4 accepted does not balance: 3 rows are accepted" in str(summary.failure)


def test_a_row_of_a_status_that_is_not_counted_is_found(fault_server, tmp_path):
    server = fault_server()
    scene = scene_of(tmp_path, server, recipients=4)
    assert scene.run().exit_code == 0
    with sqlite3.connect(scene.ledger) as connection:
        connection.execute("DROP TRIGGER recipient_changes_status")
        connection.execute("UPDATE recipient SET status = 'skipped' WHERE line = 3")
    connection.close()
    with Ledger.reopen(scene.ledger, restored=True) as ledger:
        assert equation_of(ledger, 4, ()).faults == (
            "3 rows are accepted, and 4 are counted",
            "1 rows are skipped, and 0 are counted",
        )


def test_rows_that_other_workers_change_between_two_looks_are_no_fault(cluster, request):
    from mailbatch.ledger.postgres.store import PostgresLedger  # an extra

    place = cluster.new_place()
    request.addfinalizer(partial(cluster.drop, place))
    with PostgresLedger.open(place, job="news", edition="48", message_id_domain="x.org") as ledger:
        rows = [Recipient(n, f"p{n}@x.org", (f"p{n}@x.org",)) for n in (2, 3)]
        ledger.plan.reconcile(("email",), rows, group_by=(), recipients_per_transaction=1)
        standing = ledger.standing
        looks = []

        class Moving:
            """The standing of a ledger whose rows a worker settles between two looks."""

            def counts(self):
                found = standing.counts()
                cluster.execute(
                    f"UPDATE {place.schema}.recipient SET status = 'accepted', due = NULL"  # noqa: S608
                    f" WHERE line = {2 + len(looks)}"
                )
                looks.append(found)
                return found

            found_rows = standing.found_rows

        ledger.standing = Moving()
        assert equation_of(ledger, 2, ()).faults  # nobody else writes: a fault indeed
        cluster.execute(f"UPDATE {place.schema}.mailing SET bundle = 'b'")  # noqa: S608
        with PostgresLedger.join(place, message_id_domain="x.org", bundle="b"):
            equation = equation_of(ledger, 2, (), {None: 1})
        assert (equation.faults, equation.counts[Status.ACCEPTED]) == ((), 2)
