"""Runs under an approved plan that die: each goes on, and sends nothing that was not approved."""

from __future__ import annotations

import pytest

from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.plan_file import PlanFile, parse_plan
from mailbatch.delivery.planning import plan_mailing
from mailbatch.delivery.runner import run
from mailbatch.errors import PlanDifference
from mailbatch.job.loader import load_job
from tests.certainty.dying import ended, start
from tests.certainty.scene import PATIENT, Scene
from tests.support.faults import Stage


def planned(scene: Scene) -> PlanFile:
    """Make the plan, and read it back as a file."""
    plan = plan_mailing(load_job(scene.job), edition=None, variables={})
    return parse_plan("".join(plan.pieces()), scene.folder / "approved.plan")


def of(server):
    """Everybody who got something, in order."""
    return [address for taken in server.deliveries() for address in taken.recipients]


@pytest.mark.parametrize(
    ("step", "when", "nth"),
    [
        ("digests", "after", 1),
        ("lease", "after", 1),
        ("commit", "before", 3),
        ("settle", "after", 3),
        ("results", "before", 1),
    ],
)
def test_a_run_that_dies_goes_on_under_the_plan(fault_server, tmp_path, step, when, nth):
    server = fault_server()
    scene = Scene(tmp_path / "job", server.port, recipients=8, timeouts=PATIENT)
    plan = planned(scene)
    process = start(scene.job, step=step, when=when, nth=nth, plan="".join(plan.pieces()))
    assert ended(process) == -9
    summary = scene.run(plan=plan)
    scene.check(server.deliveries())
    assert summary.plan == plan.digest
    assert summary.failure is None


@pytest.mark.parametrize("step", ["lease", "settle"])
def test_the_rest_of_a_run_that_died_is_sent_under_its_plan_only(fault_server, tmp_path, step):
    """A cell that was edited meanwhile is a difference, also of a recipient who has the message."""
    server = fault_server()
    scene = Scene(tmp_path / "job", server.port, recipients=8, timeouts=PATIENT)
    plan = planned(scene)
    text = "".join(plan.pieces())
    assert ended(start(scene.job, step=step, when="after", nth=1, plan=text)) == -9
    before = of(server)
    (scene.folder / "letter.txt.j2").write_text("Dear {{ name }}\n", encoding="utf-8")
    with pytest.raises(PlanDifference, match=r"message\.text: letter\.txt\.j2"):
        scene.run(plan=plan)
    (scene.folder / "letter.txt.j2").write_text(scene.text, encoding="utf-8")
    table = scene.folder / "recipients.csv"
    kept = table.read_text(encoding="utf-8")
    table.write_text(kept.replace("Name 7", "Anna"), encoding="utf-8")
    with pytest.raises(PlanDifference, match=r"recipients\.csv:9: the row is another one"):
        scene.run(plan=plan)
    with pytest.raises(PlanDifference, match="is sent under the plan"):
        run(load_job(scene.job), RunOptions())
    assert of(server) == before
    table.write_text(kept, encoding="utf-8")
    scene.run(plan=plan)
    scene.check(server.deliveries())


@pytest.mark.parametrize("sessions", [1, 3])
def test_no_message_follows_the_first_difference(fault_server, tmp_path, sessions):
    """A file of the fifth row changed: what is on its way ends well, and nothing more begins."""
    server = fault_server()
    scene = Scene(tmp_path / "job", server.port, recipients=30, sessions=sessions, timeouts=PATIENT)
    text = scene.job.read_text(encoding="utf-8")
    text = text.replace(
        "  text: letter.txt.j2", "  text: letter.txt.j2\n  attachments: ['{{ email }}.txt']"
    )
    scene.job.write_text(text, encoding="utf-8")
    for address in scene.addresses:
        (scene.folder / f"{address}.txt").write_text(address, encoding="utf-8")
    plan = planned(scene)
    (scene.folder / f"{scene.addresses[4]}.txt").write_text("edited", encoding="utf-8")
    summary = scene.run(plan=plan)
    assert isinstance(summary.failure, PlanDifference)
    assert (summary.exit_code, summary.failure.location.line) == (65, 6)
    assert scene.addresses[4] not in of(server)
    # Each other session may have one in its transaction and one that is ready.
    assert len(of(server)) <= 4 + 2 * (sessions - 1)
    assert len(server.stages(Stage.QUIT)) <= sessions
    (scene.folder / f"{scene.addresses[4]}.txt").write_text(scene.addresses[4], encoding="utf-8")
    scene.run(plan=plan)
    scene.check(server.deliveries())
