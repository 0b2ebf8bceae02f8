"""kill -9 on both sides of every step of the ledger and of the socket, then a resume."""

import pytest

from tests.certainty.dying import OTHER_BOOT, STEPS, ended, start
from tests.certainty.scene import Scene
from tests.support.faults import Stage

RECIPIENTS = 6
#: The one window in which nobody can know: the commit point is recorded, the outcome is not.
DOUBTFUL = {
    ("commit", "after"), ("finish", "before"), ("finish", "after"), ("write", "before"),
    ("write", "after"), ("read", "before"), ("read", "after"), ("reply", "before"),
    ("reply", "after"), ("settle", "before"), ("lease", "before"), ("lease", "after"),
}  # fmt: skip


def may_be_in_doubt(step, when, nth):
    """Whether somebody may be after a death there; the next transaction begins in the window."""
    return (step, when) in DOUBTFUL or (step == "begin" and nth > 1)


@pytest.mark.parametrize("boot", ["same", "other"])
@pytest.mark.parametrize("nth", [1, 3, 6])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", sorted(STEPS))
def test_crash_point(tmp_path, fault_server, step, when, nth, boot):
    """At most one delivery is in doubt on the same boot; nobody is mailed twice, none is lost."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=RECIPIENTS)
    died = start(
        scene.job, step=step, when=when, nth=nth, boot=OTHER_BOOT if boot == "other" else None
    )
    code = ended(died)
    assert code == -9 or (nth > 1 and code == 0), f"the run ended with {code}"
    arrived = {a for taken in server.deliveries() for a in taken.recipients}
    summary = scene.run()
    statuses = scene.statuses()
    in_doubt = {address for address, status in statuses.items() if status == "in_doubt"}
    if boot == "same":
        assert len(in_doubt) <= 1
        assert not in_doubt or may_be_in_doubt(step, when, nth)
    # Doubt is earned: whoever was certainly reached before the crash and settled is not doubted.
    assert summary.exit_code == (4 if in_doubt else 0)
    scene.check(server.deliveries())
    # Whatever arrived before the crash has not been sent again.
    again = [a for taken in server.deliveries() for a in taken.recipients]
    assert all(again.count(address) == 1 for address in arrived)


def test_the_server_has_something_to_do_while_an_outcome_is_recorded(tmp_path, fault_server):
    """The next group has left before; its content has not, and nothing of it is in doubt."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=RECIPIENTS)
    assert ended(start(scene.job, step="settle", when="before")) == -9
    server.wait_for(2, stage=Stage.MAIL)
    server.wait_for(stage="closed")
    assert len(server.stages(Stage.DOT)) == 1
    scene.run()
    assert [a for a, status in scene.statuses().items() if status == "in_doubt"] == [
        scene.addresses[0]
    ]
    scene.check(server.deliveries())


#: The steps around the commit point and the flight.
FLIGHT_STEPS = [
    "begin", "group-answered", "content", "commit", "finish", "write", "read", "reply", "settle",
]  # fmt: skip


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", FLIGHT_STEPS)
def test_crash_point_with_chunking(tmp_path, fault_server, step, when, nth):
    """Envelope and content leave together: their commit point is recorded before, or nothing is."""
    server = fault_server(chunking=True)
    scene = Scene(tmp_path / "s", server.port, recipients=RECIPIENTS)
    assert ended(start(scene.job, step=step, when=when, nth=nth)) == -9
    arrived = [a for taken in server.deliveries() for a in taken.recipients]
    summary = scene.run()
    in_doubt = {a for a, status in scene.statuses().items() if status == "in_doubt"}
    assert len(in_doubt) <= 1
    assert not in_doubt or may_be_in_doubt(step, when, nth)
    assert summary.exit_code == (4 if in_doubt else 0)
    scene.check(server.deliveries())
    again = [a for taken in server.deliveries() for a in taken.recipients]
    assert all(again.count(address) == 1 for address in arrived)
    assert server.stages(Stage.DATA) == []


@pytest.mark.parametrize("nth", [1, 5])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", [*FLIGHT_STEPS, "lease"])
def test_crash_point_of_several_sessions(tmp_path, fault_server, step, when, nth):
    """What they record together they lose together: at most one delivery of each is in doubt."""
    server = fault_server()
    sessions = 3
    scene = Scene(tmp_path / "s", server.port, recipients=12, sessions=sessions)
    code = ended(start(scene.job, step=step, when=when, nth=nth))
    assert code == -9 or (step == "lease" and nth > 1 and code == 0)
    arrived = [a for taken in server.deliveries() for a in taken.recipients]
    summary = scene.run()
    in_doubt = {a for a, status in scene.statuses().items() if status == "in_doubt"}
    assert len(in_doubt) <= sessions
    assert summary.exit_code == (4 if in_doubt else 0)
    scene.check(server.deliveries())
    again = [a for taken in server.deliveries() for a in taken.recipients]
    assert all(again.count(address) == 1 for address in arrived)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["commit", "content", "finish", "reply", "settle"])
def test_a_death_in_the_middle_of_a_group(tmp_path, fault_server, step, when):
    """A group of several addresses is in doubt as a whole, or not at all."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5, group=True, text="Hello\n")
    assert ended(start(scene.job, step=step, when=when)) == -9
    scene.run()
    statuses = list(scene.statuses().values())
    assert len(set(statuses)) == 1
    scene.check(server.deliveries())
