"""One run holds an edition; the others leave at once and say who holds it."""

import json

import pytest

from tests.certainty import forked
from tests.certainty.program import end, mailbatch, start
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

LONG = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "20s"}


def test_a_second_run_leaves_at_once_and_says_who_holds_the_edition(tmp_path, fault_server):
    """Exit code 75 with the holder's process id, while the holder still runs."""
    server = fault_server(Fault(Stage.MAIL, Kind.STALL, transaction=2))
    scene = Scene(tmp_path / "s", server.port, timeouts=LONG)
    first = start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(stage=Stage.DOT, seconds=30.0)
    code, _, err = forked.mailbatch("run", "job.yaml", cwd=scene.folder)
    assert first.poll() is None  # it was not waited for
    assert code == 75
    assert str(first.pid) in err
    first.kill()
    end(first)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


def test_nobody_is_unfinished_while_a_run_is_under_way(tmp_path, fault_server):
    """Whoever took the list of those who are pending as a recipient table would mail them twice."""
    server = fault_server(Fault(Stage.DOT, Kind.STALL, transaction=2))
    scene = Scene(tmp_path / "s", server.port, timeouts=LONG)
    first = forked.start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(2, stage=Stage.DOT, seconds=30.0)
    listing = ("results", "job.yaml", "--failed", "failed.csv")
    found = forked.mailbatch(*listing, cwd=scene.folder)
    assert found.code == 75, found
    assert f"process {first.pid}" in found.err
    assert "it may be mailing those very people" in found.err
    assert not (scene.folder / "failed.csv").exists()
    first.process.kill()
    first.end()
    assert forked.mailbatch(*listing, cwd=scene.folder).code == 0
    assert "user3" in (scene.folder / "failed.csv").read_text()
    assert "user2" not in (scene.folder / "failed.csv").read_text()


def test_a_killed_holder_blocks_nobody(tmp_path, fault_server):
    """The lock is the kernel's: it is gone with its holder, whatever its age."""
    server = fault_server(Fault(Stage.MAIL, Kind.STALL, transaction=1))
    scene = Scene(tmp_path / "s", server.port, timeouts=LONG)
    first = start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(stage=Stage.MAIL, seconds=30.0)
    first.kill()
    end(first)
    code, _, err = mailbatch("run", "job.yaml", cwd=scene.folder)
    assert code == 0
    assert err.count("equation: 3 rows = 3 accepted") == 1, err
    scene.check(server.deliveries())


@pytest.mark.parametrize("starts", [2, 20])
def test_many_starts_at_once_send_once(tmp_path, fault_server, starts):
    """Each of them ends with 0 or 75, and everybody is mailed once."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=10, timeouts=LONG)
    runs = [forked.start("run", "job.yaml", "--json", cwd=scene.folder) for _ in range(starts)]
    ends = [process.end(120.0) for process in runs]
    codes = [code for code, _, _ in ends]
    assert set(codes) <= {0, 75}
    assert 0 in codes
    sent = sum(json.loads(out)["transactions"] for code, out, _ in ends if code == 0)
    assert sent == 10
    scene.run()
    scene.check(server.deliveries())
