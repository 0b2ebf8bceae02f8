"""The machine goes down: what was not synced is gone, and nobody is mailed twice for it.

What the disk holds at least is what it held when the last lot was leased. That is what the next run
finds here, whatever was sent since.
"""

import shutil

import pytest

from mailbatch.delivery.lots import LOT
from tests.certainty.dying import OTHER_BOOT, ended, start
from tests.certainty.scene import PATIENT, Scene
from tests.ledger.steps import at_home
from tests.support.faults import Fault, Kind, Stage


def lose_what_is_not_synced(scene, synced, *, lot, sent):
    """Run until `sent` deliveries are settled; what remains is as it was behind the nth lease."""
    died = start(
        scene.job, step="settle", when="after", nth=sent, boot=OTHER_BOOT, synced=(lot, synced)
    )
    assert ended(died) == -9
    shutil.rmtree(scene.folder / ".mailbatch")
    shutil.move(synced, scene.folder / ".mailbatch")
    at_home(scene.ledger)  # a disk keeps the files themselves


@pytest.mark.parametrize("sessions", [1, 2, 3])
@pytest.mark.parametrize("lot", [1, 2])
@pytest.mark.parametrize("sent", [1, 3, 6])
def test_all_that_was_not_synced_is_lost(tmp_path, fault_server, lot, sent, sessions):
    """The lot is in doubt, and what was under way when it was leased.

    Whoever leases a lot holds nothing but the delivery whose reply it awaits: the lot before is
    used up, or it would take from that. Each other session holds two at most, the one under way
    and the one that it has made ready. Whose they are is a matter of speed: a session may be at
    its first delivery while another one sends all the rest.
    """
    server = fault_server()
    before = (lot - 1) * LOT
    scene = Scene(
        tmp_path / "s", server.port, recipients=before + 8, sessions=sessions, timeouts=PATIENT
    )
    lose_what_is_not_synced(scene, tmp_path / "synced", lot=lot, sent=before + sent)
    assert before + sent <= len(server.deliveries()) <= before + sent + sessions
    assert scene.run().exit_code == 4
    statuses = list(scene.statuses().values())
    earlier, leased = statuses[:before], statuses[before:]
    assert leased == ["in_doubt"] * 8
    assert set(earlier) <= {"accepted", "in_doubt"}
    assert earlier.count("in_doubt") <= 2 * sessions - 1
    scene.check(server.deliveries())


def test_a_session_that_waits_is_in_doubt_wherever_it_is_in_the_table(tmp_path, fault_server):
    """It has sent its first delivery and made its second one ready when another leases a lot."""
    server = fault_server(Fault(Stage.DOT, Kind.STALL, transaction=1))
    scene = Scene(tmp_path / "s", server.port, recipients=LOT + 8, sessions=2, timeouts=PATIENT)
    lose_what_is_not_synced(scene, tmp_path / "synced", lot=2, sent=LOT + 3)
    assert scene.run().exit_code == 4
    statuses = list(scene.statuses().values())
    assert statuses[LOT:] == ["in_doubt"] * 8
    doubtful = [row for row, status in enumerate(statuses[:LOT]) if status == "in_doubt"]
    assert len(doubtful) == 3
    assert doubtful[0] < 2
    scene.check(server.deliveries())
