"""What a rehearsal says of the real run: the ledger laid under the plan, and read alone."""

import json

import pytest

from mailbatch.delivery.options import Mode, RunOptions, Summary
from mailbatch.errors import LedgerError, MessageError
from mailbatch.outcome import Status
from mailbatch.outlook import Outlook
from tests.certainty.program import mailbatch
from tests.certainty.scene import Scene

OVER = {"accepted": 2}


@pytest.mark.parametrize(
    ("outlook", "reached", "is_over", "is_wrong"),
    [
        (Outlook({"pending": 2}), 2, False, False),
        (Outlook({"deferred": 1, "accepted": 1}), 1, False, False),
        (Outlook(OVER), 0, True, False),
        (Outlook(OVER, changed=("message.subject",)), 0, True, True),
        (Outlook({"suppressed": 2}, changed=("message.subject",)), 0, False, False),
        (Outlook({"pending": 1, **OVER}, refused=MessageError("changed")), 1, False, True),
        (Outlook(refused=LedgerError("no disk")), 0, False, False),
    ],
)
def test_an_outlook_is_wrong_where_nobody_would_be_reached_by_mistake(
    outlook, reached, is_over, is_wrong
):
    assert (outlook.reached, outlook.is_over, outlook.is_wrong) == (reached, is_over, is_wrong)


@pytest.mark.parametrize(
    ("mode", "code"), [(Mode.SANDBOX, 65), (Mode.DRY_RUN, 65), (Mode.REDIRECT, 0)]
)
def test_a_test_mail_was_sent_all_the_same(mode, code):
    counts = dict.fromkeys(Status, 0) | {Status.ACCEPTED: 1}
    outlook = Outlook(OVER, changed=("message.subject",))
    assert Summary("j", "1", counts, mode=mode, outlook=outlook).exit_code == code


@pytest.mark.parametrize("name", ["only", "redirect"])
def test_one_text_is_not_taken_for_several_addresses(name):
    with pytest.raises(TypeError, match=f"{name} is a tuple of addresses"):
        RunOptions(**{name: "ann@example.com"})


@pytest.fixture
def sent(tmp_path, fault_server):
    """Return a mailing that three recipients have, and the server."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    assert scene.run().exit_code == 0
    return scene, server


def rehearse(scene, *arguments):
    """Run it; return its exit code, its object, and what it says."""
    code, out, err = mailbatch("run", "job.yaml", "--json", *arguments, cwd=scene.folder)
    return code, json.loads(out), err


REHEARSALS = [(("--sandbox",), 65), (("--dry-run",), 65), (("--to", "me@example.com"), 0)]


@pytest.mark.parametrize(("arguments", "code"), REHEARSALS, ids=str)
def test_a_rehearsal_tells_of_the_edition_that_was_forgotten(sent, arguments, code):
    scene, _ = sent
    (scene.folder / "letter.txt.j2").write_text("Something else\n", encoding="utf-8")
    found = rehearse(scene, *arguments)
    assert found[0] == found[1]["exit_code"] == code
    assert (found[1]["nothing_to_do"], found[1]["changed"]) == (
        True,
        ["message.text: letter.txt.j2"],
    )
    assert "scene (1): a real run would mail nobody: edition 1 was finished on 20" in found[2]
    assert "a recurring mailing wants an edition of its own" in found[2]


def test_a_rehearsal_of_a_finished_edition_says_so(sent):
    scene, _ = sent
    code, found, said = rehearse(scene, "--sandbox")
    assert (code, found["nothing_to_do"], found["changed"]) == (0, True, [])
    assert "edition 1 was finished on 20" in said
    assert ": a real run would send nothing" in said


def test_a_rehearsal_of_a_message_that_a_run_refuses(sent):
    scene, _ = sent
    scene.write_recipients([*scene.addresses, "new@example.net"])
    (scene.folder / "letter.txt.j2").write_text("Something else\n", encoding="utf-8")
    code, found, said = rehearse(scene, "--sandbox")
    assert (code, found["nothing_to_do"]) == (65, False)
    assert "a real run would mail nobody: the message changed after 3 recipients" in said
    code, found, _ = rehearse(scene, "--sandbox", "--accept-changes")
    assert (code, found["nothing_to_do"]) == (0, False)


def test_refused_recipients_are_reached_where_they_are_tried_again(tmp_path, fault_server):
    server = fault_server(refused={f"user{n}@example.net": "550 5.1.1 no" for n in range(1, 4)})
    scene = Scene(tmp_path / "s", server.port)
    assert scene.run().exit_code == 3
    (scene.folder / "letter.txt.j2").write_text("Something else\n", encoding="utf-8")
    assert rehearse(scene, "--sandbox")[0] == 65
    assert rehearse(scene, "--sandbox", "--retry-rejected")[0] == 0


def test_a_run_tells_the_same_in_its_object(sent):
    scene, server = sent
    _, found, _ = rehearse(scene)
    assert (found["mode"], found["nothing_to_do"], found["changed"]) == ("send", True, [])
    (scene.folder / "letter.txt.j2").write_text("Something else\n", encoding="utf-8")
    code, found, _ = rehearse(scene)
    assert (found["nothing_to_do"], found["changed"]) == (True, ["message.text: letter.txt.j2"])
    assert code == found["exit_code"] == 0
    assert len(server.deliveries()) == 3
