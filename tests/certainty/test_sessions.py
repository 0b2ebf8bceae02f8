"""Several sessions share one plan: none of them holds up the others, and each lasts its number."""

from collections import Counter

import pytest
import yaml

from tests.certainty.scene import Scene, patience
from tests.support.faults import Fault, Kind, Stage

#: Long enough for a reply that drips.
PATIENT = {"connect": "5s", "command": "20s", "data": "20s", "end_of_data": "20s"}


def with_server_keys(scene, **keys):
    """Give the job further keys under `server:`."""
    job = yaml.safe_load(scene.job.read_text(encoding="utf-8"))
    job["server"].update(keys)
    scene.job.write_text(yaml.safe_dump(job, sort_keys=False), encoding="utf-8")


def test_a_slow_session_holds_up_nobody(tmp_path, fault_server):
    """While one reply drips for seconds, the other sessions send all but what that one holds."""
    slow = Fault(Stage.DOT, Kind.DRIP, connection=1, pace=0.04)
    server = fault_server(slow)
    scene = Scene(tmp_path / "s", server.port, recipients=40, sessions=3, timeouts=PATIENT)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())
    records = server.journal
    (dripped,) = [r["n"] for r in records if r.get("fault") == Kind.DRIP]
    mails = [r for r in records if r["stage"] == Stage.MAIL and r["n"] > dripped]
    elsewhere = [r["n"] for r in mails if r["connection"] != 1]
    again = [r["n"] for r in mails if r["connection"] == 1]
    # The slow session holds the message that it is sending and the one that it has made ready.
    assert len(again) == 1
    assert again[0] > max(elsewhere)


@pytest.mark.parametrize("kind", [Kind.RST, Kind.STALL, Kind.SHUTDOWN])
def test_a_dying_session_leaves_its_work_to_the_others(tmp_path, fault_server, kind):
    """One session loses its server before anything was sent; everybody is mailed all the same."""
    server = fault_server(Fault(Stage.MAIL, kind, connection=1))
    deadlines = patience(Stage.MAIL, kind)
    scene = Scene(
        tmp_path / "s", server.port, recipients=20, sessions=3, attempts=3, timeouts=deadlines
    )
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())
    assert set(scene.statuses().values()) == {"accepted"}
    assert 1 not in {message.connection for message in server.deliveries()}


def test_sessions_share_the_plan(tmp_path, fault_server):
    """Each takes a message before it connects: none of them is opened for nothing."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=60, sessions=4)
    assert scene.run().sessions == 4
    scene.check(server.deliveries())
    assert {message.connection for message in server.deliveries()} == {1, 2, 3, 4}


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_session_ends_after_its_transactions(tmp_path, fault_server, sessions):
    """`transactions_per_session`: QUIT, and a new session for what is left."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=10, sessions=sessions)
    with_server_keys(scene, transactions_per_session=3)
    summary = scene.run()
    assert (summary.exit_code, summary.transactions) == (0, 10)
    scene.check(server.deliveries())
    shares = Counter(message.connection for message in server.deliveries())
    assert max(shares.values()) == 3
    assert summary.sessions == len(shares)
    # Each of them ended in good manners.
    assert len(server.stages(Stage.QUIT)) == len(shares)


def test_a_group_is_split_by_the_number_of_its_recipients(tmp_path, fault_server):
    """`recipients_per_transaction`: the same message, a transaction for each part."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=10, group=True, text="Hello all\n")
    with_server_keys(scene, recipients_per_transaction=4)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())
    sizes = sorted(len(message.recipients) for message in server.deliveries())
    assert sizes in ([2, 4, 4], [3, 3, 4])
