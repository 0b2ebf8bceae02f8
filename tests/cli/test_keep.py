"""`keep: dialogue`: what was said about each message is in the evidence, and not without it."""

from __future__ import annotations

import json

import pytest

from mailbatch.evidence.verifying import verify
from tests.certainty.program import end, start
from tests.support.faults import Fault, Kind, Stage

from .test_evidence import evidence, script, shell

__all__ = ["script", "shell"]

ANN = "user1@example.net"


@pytest.fixture
def kept(mailing):
    """A mailing that keeps its dialogues, and its server."""

    def make(*faults, **more):
        job, server = mailing(*faults, **more)
        job.edit("name: scene", "name: scene\nkeep: dialogue")
        return job, server

    return make


def file_of(job):
    return job.folder / ".mailbatch" / "scene@1.smtp"


def test_without_the_key_nothing_is_kept(mailing):
    job, _ = mailing()
    assert job.command("run").code == 0
    assert not file_of(job).exists()
    _, folder = evidence(job, ANN)
    assert "dialogue" not in json.loads((folder / "evidence.json").read_bytes())


@pytest.mark.parametrize("chunking", [True, False])
def test_the_evidence_has_the_dialogue_and_the_shell_still_checks_it(kept, shell, chunking):
    job, _ = kept(chunking=chunking, username="App", password="hush-hush")
    assert job.command("run", SCENE_PASSWORD="hush-hush").code == 0
    assert (
        job.command("run", "--sandbox", SCENE_PASSWORD="x").code == 0
    )  # a rehearsal keeps nothing
    assert len(file_of(job).read_bytes().splitlines()) == 3
    done, folder = evidence(job, ANN)
    assert (done.code, "1 dialogue with the server" in done.err) == (0, True)
    facts = json.loads((folder / "evidence.json").read_bytes())
    (found,) = facts["dialogue"]
    said = [line for line in found["lines"] if line.startswith("C: ")]
    assert said[0].startswith("C: MAIL FROM:<")
    assert said[1] == f"C: RCPT TO:<{ANN}>"
    assert (
        found["lines"][-1]
        == f"S: 250 {facts['reply']['enhanced_status']} " + facts["reply"]["text"]
    )
    assert found["content_digest"] == facts["message"]["digest"]
    assert found["content_bytes"] == (folder / "message.eml").stat().st_size
    whole = file_of(job).read_bytes()
    for word in (b"hush", b"AUTH", b"EHLO", b"Hello Name"):
        assert word not in whole
    assert shell(folder)[0] == 0
    assert verify(folder).message


def test_a_group_shows_one_person_alone(kept):
    job, _ = kept(group=True, recipients=4)
    (job.folder / "letter.txt.j2").write_text("Hello {{ lot }}\n", encoding="utf-8")
    assert job.command("run").code == 0
    _, folder = evidence(job, ANN)
    whole = (folder / "evidence.json").read_text(encoding="utf-8")
    (found,) = json.loads(whole)["dialogue"]
    assert found["other_recipients"] == 3
    for address in set(job.addresses) - {ANN}:
        assert address not in whole


def test_each_attempt_has_a_dialogue_and_one_that_broke_off_ends_there(kept):
    job, _ = kept(
        Fault(Stage.RCPT, Kind.TRANSIENT, transaction=1), Fault(Stage.DOT, Kind.RST, connection=2)
    )
    assert job.command("run").code == 75
    job.command("run")
    job.command("run")
    _, folder = evidence(job, job.addresses[0])
    first, *others = json.loads((folder / "evidence.json").read_bytes())["dialogue"]
    assert any(line.startswith("S: 4") for line in first["lines"])
    assert others
    whole = [json.loads(line) for line in file_of(job).read_bytes().splitlines()]
    (broken,) = [one for one in whole if not one["said"][-1][1:]]  # the last reply never came
    assert broken["bytes"] > 0


def test_a_run_that_is_killed_leaves_whole_lines_and_the_next_one_goes_on(kept):
    job, server = kept(Fault(Stage.DOT, Kind.STALL, transaction=2), chunking=False)
    run = start("run", "job.yaml", cwd=job.folder)
    server.wait_for(transaction=2, stage=Stage.DOT, seconds=30.0)
    run.kill()
    end(run)
    (line,) = file_of(job).read_bytes().splitlines(keepends=True)
    assert line.endswith(b"\n")
    with file_of(job).open("ab") as stream:
        stream.write(line[:100])
    assert job.command("run").code == 4
    lines = file_of(job).read_bytes().splitlines()
    assert [json.loads(one)["said"][1][0] for one in lines] == [
        f"RCPT TO:<{job.addresses[0]}>", f"RCPT TO:<{job.addresses[2]}>",
    ]  # fmt: skip


def test_a_person_is_forgotten_in_the_dialogues(kept):
    job, _ = kept()
    assert job.command("run").code == 0
    done = job._program("forget", ANN, "--yes", cwd=job.folder)
    assert done.code == 0
    assert ANN.encode() not in file_of(job).read_bytes()
    assert len(file_of(job).read_bytes().splitlines()) == 2
