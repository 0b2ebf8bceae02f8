"""A server that refuses the sender refuses every message: the run stops before all are rejected."""

from __future__ import annotations

from collections import Counter

import pytest

from mailbatch.delivery.trouble import MOST_AT_MAIL
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

NO = "550 5.7.1 news@example.com may not send here"


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "lock-step"])
def test_a_sender_that_is_refused_again_and_again_stops_the_run(tmp_path, fault_server, pipelining):
    server = fault_server(
        Fault(Stage.MAIL, Kind.REPLY, text=NO, times=0, taken=False), pipelining=pipelining
    )
    scene = Scene(tmp_path / "s", server.port, recipients=10, attempts=3, pipelining=pipelining)
    summary = scene.run()
    assert summary.exit_code == 69
    assert f"refuses the sender: {NO}" in str(summary.failure)
    assert "pending again" in summary.failure.hint
    assert Counter(scene.statuses().values()) == {"pending": 10}
    assert len(server.stages(Stage.MAIL)) == MOST_AT_MAIL
    scene.check(server.deliveries(), finished=False)


def test_what_is_too_big_says_nothing_of_the_sender(tmp_path, fault_server):
    """552 is about the message (RFC 1870 6.1): the next one may be smaller."""
    server = fault_server(
        Fault(Stage.MAIL, Kind.REPLY, text="552 5.3.4 too big", times=0, taken=False)
    )
    scene = Scene(tmp_path / "s", server.port, recipients=6)
    assert scene.run().exit_code == 3
    assert Counter(scene.statuses().values()) == {"rejected": 6}


def test_a_sender_that_is_taken_in_between_is_not_refused_for_good(tmp_path, fault_server):
    refused = [1, 2, 4, 5]
    server = fault_server(
        *(
            Fault(Stage.MAIL, Kind.REPLY, text=NO, transaction=number, taken=False)
            for number in refused
        )
    )
    scene = Scene(tmp_path / "s", server.port, recipients=6)
    assert scene.run().exit_code == 3
    assert Counter(scene.statuses().values()) == {"rejected": 4, "accepted": 2}
    scene.check(server.deliveries())
