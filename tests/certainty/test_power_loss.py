"""The machine goes down: what was not synced is gone, and nobody is mailed twice for it.

What the disk holds at least is what it held when the last lot was leased, so that is what the next
run finds here: the folder as a run left it that died right there, whatever was sent since.
"""

import shutil

import pytest

from mailbatch.delivery.lots import LOT
from tests.certainty.dying import OTHER_BOOT, ended, start
from tests.certainty.scene import Scene


@pytest.mark.parametrize("sessions", [1, 2])
@pytest.mark.parametrize("lot", [1, 2])
@pytest.mark.parametrize("sent", [1, 3, 6])
def test_all_that_was_not_synced_is_lost(tmp_path, fault_server, lot, sent, sessions):
    """The lot is in doubt, and what was under way when it was leased: at most two a session."""
    healthy, server = fault_server(), fault_server()
    before = (lot - 1) * LOT
    # What was synced: the state of a run that died behind the lease, with another server.
    scene = Scene(tmp_path / "s", healthy.port, recipients=before + 8, sessions=sessions)
    assert ended(start(scene.job, step="lease", when="after", nth=lot, boot=OTHER_BOOT)) == -9
    synced = shutil.move(scene.folder / ".mailbatch", tmp_path / "synced")
    # What happened: the same, and some of the lot were sent.
    scene = Scene(tmp_path / "s", server.port, recipients=before + 8, sessions=sessions)
    died = start(scene.job, step="settle", when="after", nth=before + sent, boot=OTHER_BOOT)
    assert ended(died) == -9
    assert before + sent <= len(server.deliveries()) <= before + sent + sessions
    shutil.rmtree(scene.folder / ".mailbatch")
    shutil.move(synced, scene.folder / ".mailbatch")
    assert scene.run().exit_code == 4
    statuses = list(scene.statuses().values())
    settled = max(0, before - 2 * sessions)  # one sent, one made ready
    assert statuses[:settled] == ["accepted"] * settled
    assert statuses[before:] == ["in_doubt"] * 8
    scene.check(server.deliveries())
