"""A server that refuses the sender, again and again, is not asked about everybody else."""

from __future__ import annotations

import pytest

from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage


@pytest.mark.parametrize("chunking", [False, True])
def test_three_refusals_of_the_sender_end_the_run(tmp_path, fault_server, chunking):
    """Everybody stays pending: every message has the same sender, and it was never about them."""
    server = fault_server(Fault(Stage.MAIL, Kind.PERMANENT, times=0), chunking=chunking)
    scene = Scene(tmp_path / "s", server.port, recipients=6, attempts=5)
    summary = scene.run()
    assert summary.exit_code == 69
    assert "refuses the sender: 554 5.3.0 Refused" in str(summary.failure)
    assert len(server.stages(Stage.MAIL)) == 3
    assert list(scene.statuses().values()) == ["pending"] * 6
