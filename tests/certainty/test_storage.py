"""Full disks, read-only folders, damaged ledgers: nothing more is sent, nothing is forgotten."""

import asyncio
import functools
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
import yaml

from mailbatch.delivery import lots
from mailbatch.errors import LedgerError
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.under_way import UnderWay
from mailbatch.outcome import Status
from tests.certainty import forked
from tests.certainty.disks import Disks
from tests.certainty.dying import STEPS, ended, start
from tests.certainty.forked import mailbatch
from tests.certainty.program import environment
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

PATIENT = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "20s"}
KIB = 1024


def ledger_of(scene):
    return scene.folder / ".mailbatch" / "scene@1.sqlite3"


# A full disk


@pytest.fixture
def small_disk(tmp_path, fault_server):
    """A mailing of 20 whose ledger and results lie on a disk of 2 MiB."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=20, timeouts=PATIENT)
    with Disks(small=scene.folder / "small", size="2M") as disks:
        yield server, scene, disks


def on_disk(scene, disks, *more, start=mailbatch):
    return start(
        "run", "job.yaml", "--state-dir", "small", "--results", "small/results.csv", *more,
        cwd=scene.folder, namespace=disks.namespace,
    )  # fmt: skip


def results_from(scene, disks):
    """Write the results again, to where this process can read them."""
    ended = mailbatch(
        "results", "job.yaml", "--state-dir", "small", "--results", "results.csv",
        cwd=scene.folder, namespace=disks.namespace,
    )  # fmt: skip
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("room", [0, 4 * KIB, 60 * KIB, 200 * KIB, 400 * KIB])
def test_a_disk_that_is_full_before_the_run(small_disk, room):
    """Nothing is sent: it ends where the room for the whole run is looked for, or before."""
    server, scene, disks = small_disk
    disks.fill(but=room)
    found = on_disk(scene, disks)
    assert found.code == 74, found
    assert "space" in found.err
    assert not server.stages(Stage.MAIL)
    disks.make_room()
    found = on_disk(scene, disks)
    assert found.code == 0, found
    results_from(scene, disks)
    scene.check(server.deliveries())
    assert set(scene.statuses().values()) == {"accepted"}


@pytest.mark.parametrize("stage", [Stage.BANNER, Stage.MAIL, Stage.DOT, Stage.QUIT])
def test_a_disk_that_becomes_full_during_the_run(tmp_path, fault_server, stage):
    """The room was taken before the first message: all of it is sent and recorded.

    Only the results find no place; they are derived, and written by the next run.
    """
    transaction = None if stage in {Stage.BANNER, Stage.QUIT} else 2
    server = fault_server(Fault(stage, Kind.DRIP, transaction=transaction, pace=0.02))
    scene = Scene(tmp_path / "s", server.port, recipients=20, timeouts=PATIENT)
    with Disks(small=scene.folder / "small", size="2M") as disks:
        running = on_disk(scene, disks, start=forked.start)
        server.wait_for(2 if transaction else 1, stage=stage, seconds=30.0)
        disks.fill()
        code, _, err = running.end()
        assert code == 74
        assert "results.csv: the file cannot be written: No space left on device" in err
        assert "20 accepted" in err
        disks.make_room()
        found = on_disk(scene, disks)
        assert found.code == 0, found
        results_from(scene, disks)
    assert len(server.stages(Stage.DOT)) == 20
    scene.check(server.deliveries())


def test_a_run_that_is_killed_while_the_disk_is_full(tmp_path, fault_server):
    """Its room is its own still: one can look, decide, and even go on."""
    server = fault_server(Fault(Stage.DOT, Kind.STALL, transaction=3))
    scene = Scene(tmp_path / "s", server.port, recipients=5, timeouts=PATIENT)
    with Disks(small=scene.folder / "small", size="2M") as disks:

        def call(command, *options, start=mailbatch):
            words = (command, "job.yaml", *options, "--state-dir", "small")
            return start(*words, cwd=scene.folder, namespace=disks.namespace)

        running = call("run", start=forked.start)
        server.wait_for(3, stage=Stage.DOT, seconds=30.0)
        disks.fill()
        assert "3  pending" in call("status").out
        running.process.kill()
        assert running.end().code == -9
        assert "1  in_doubt" in call("status").out
        assert call("resolve").out.startswith("user3@example.net  row 4  <")
        assert call("resolve", "--accepted").code == 0
        assert call("run").code == 0
        assert set(scene.statuses().values()) == {"accepted"}
        scene.check(server.deliveries())
        # Put away, it gave its room back: whoever opens it needs some, and is told so.
        assert call("run").code == 0
        disks.fill()
        for command in ("status", "run"):
            found = call(command)
            assert found.code == 0 or (found.code == 74 and "free some space" in found.err), found


def test_a_transcript_that_finds_no_room(tmp_path, fault_server):
    """It is a convenience: what is missing from it is told, and the mailing is not the worse."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=100)
    found = mailbatch("run", "job.yaml", "--transcript", "/dev/full", cwd=scene.folder)
    assert found.code == 0, found
    assert "lines are missing from /dev/full" in found.err
    scene.check(server.deliveries())


@pytest.mark.parametrize("linked", [False, True])
def test_metrics_take_the_place_of_no_device(tmp_path, fault_server, linked):
    """What is renamed into place must not be renamed over /dev/null, say, by root."""
    scene = Scene(tmp_path / "s", fault_server().port)
    pipe = scene.folder / "pipe"  # no regular file, and nobody misses it
    os.mkfifo(pipe)
    if linked:
        (scene.folder / "link").symlink_to(pipe)
    name = "link" if linked else "pipe"
    found = mailbatch("run", "job.yaml", "--metrics-file", name, cwd=scene.folder)
    assert found.code == 74, found
    assert "not a regular file" in found.err
    assert pipe.is_fifo()
    assert not linked or (scene.folder / "link").is_symlink()
    assert set(scene.statuses().values()) == {"accepted"}


@pytest.mark.parametrize(("stream", "code"), [("stdout", 74), ("stderr", 4)])
def test_a_stream_that_finds_no_room(tmp_path, fault_server, stream, code):
    """Data that is lost is a failure, words are not; the run itself ends as it should."""
    server = fault_server(Fault(Stage.DOT, Kind.RST, transaction=2))
    scene = Scene(tmp_path / "s", server.port, recipients=5, attempts=3)
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "mailbatch", "run", "job.yaml", "--json"],
            cwd=scene.folder,
            env=environment(),
            check=False,
            **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: full}),
        )
    assert ended.returncode == code
    scene.check(server.deliveries())
    assert [a for a, s in scene.statuses().items() if s == "in_doubt"] == ["user2@example.net"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(tmp_path, fault_server, closed):
    """No ledger and no socket takes the place of a stream that somebody closed."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    command = f"exec '{sys.executable}' -m mailbatch run job.yaml {closed}"
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=scene.folder,
        env=environment(),
        check=False,
        capture_output=True,
    )
    assert ended.returncode == 0, ended
    assert b"Traceback" not in ended.stderr
    scene.check(server.deliveries())
    assert set(scene.statuses().values()) == {"accepted"}


# What a slip of the hand would cost

#: What is there before a run, besides the ledger.
KEPT = ["job.yaml", "recipients.csv", "letter.txt.j2", "gone.csv", "terms.txt", "dot.png"]
LEDGER_FILES = ["scene@1.sqlite3", "scene@1.sqlite3.lock"]


@pytest.fixture
def half_sent(tmp_path, fault_server):
    """A mailing with a file of every kind, of which one of two is sent."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=2)
    job = yaml.safe_load(scene.job.read_text())
    job["recipients"]["suppress"] = ["gone.csv"]
    job["message"] |= {"attachments": ["terms.txt"], "inline": {"dot": "dot.png"}}
    job["message"]["html"] = "letter.txt.j2"
    scene.job.write_text(yaml.safe_dump(job))
    for name in KEPT[3:]:
        (scene.folder / name).write_text("gone@example.net\n")
    assert mailbatch("run", "job.yaml", "--limit", "1", cwd=scene.folder).code == 75
    return server, scene


def files_of(scene):
    return {path: path.read_bytes() for path in scene.folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [*KEPT, *(f".mailbatch/{name}" for name in LEDGER_FILES)])
@pytest.mark.parametrize(
    "command", ["run --results", "run --transcript", "run --metrics-file", "results --results",
                "results --failed"],
)  # fmt: skip
def test_no_output_takes_the_place_of_what_is_read(half_sent, command, name):
    """`--results recipients.csv` costs neither the table nor a second mailing to anybody."""
    server, scene = half_sent
    before = files_of(scene)
    verb, option = command.split()
    found = mailbatch(verb, "job.yaml", option, f"../s/{name}", cwd=scene.folder)
    assert found.code == 2, found
    assert re.search(f"{option} would replace .*{re.escape(name)}, which is ", found.err)
    assert files_of(scene) == before
    assert len(server.deliveries()) == 1
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize("name", ["letter.txt.j2", "base.j2", "parts/top.j2", "b.j2"])
@pytest.mark.parametrize("command", ["run --results", "run --transcript", "run --metrics-file"])
def test_nor_of_a_template_that_no_key_names(tmp_path, fault_server, command, name):
    """The path of a template may be made, and a template may name others."""
    server = fault_server()
    extending = "{% extends 'base.j2' %}{% block x %}{% include ['a.j2', \"b.j2\"] %}{% endblock %}"
    scene = Scene(tmp_path / "s", server.port, text=extending)
    scene.job.write_text(scene.job.read_text().replace("letter.txt", '\'{{ "letter" }}.txt', 1))
    scene.job.write_text(scene.job.read_text().replace(".txt.j2", ".txt.j2'", 1))
    (scene.folder / "parts").mkdir()
    (scene.folder / "base.j2").write_text(
        "{%- include 'parts/top.j2' -%}{% block x %}{% endblock %}"
    )
    (scene.folder / "parts/top.j2").write_text("Hello {% if 0 %}{% include 'base.j2' %}{% endif %}")
    (scene.folder / "b.j2").write_text("{{ name }}\n")
    before = files_of(scene)
    verb, option = command.split()
    found = mailbatch(verb, "job.yaml", option, name, cwd=scene.folder)
    assert found.code == 2, found
    assert f"{option} would replace {name}, which is a template of the message" in found.err
    assert files_of(scene) == before
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize("name", [*KEPT, *(f".mailbatch/{name}" for name in LEDGER_FILES)])
def test_the_figures_of_a_broken_job_replace_nothing(half_sent, name):
    """What a job needs that cannot be read is not known: only figures take the place of figures."""
    server, scene = half_sent
    text = scene.job.read_text()
    scene.job.write_text("version: 2\n")
    before = files_of(scene)
    found = mailbatch("run", "job.yaml", "--metrics-file", f"../s/{name}", cwd=scene.folder)
    known = name == "job.yaml" or name.startswith(".mailbatch")
    assert found.code == (2 if known else 78), found
    assert ("would replace" if known else "version: must be 1") in found.err
    assert files_of(scene) == before
    scene.job.write_text(text)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


def test_the_figures_of_a_broken_job_stand_where_figures_stand(half_sent):
    _, scene = half_sent
    with_metrics = ("run", "job.yaml", "--metrics-file", "m.prom")
    scene.job.write_text("version: 2\n")
    for _ in ("absent", "there"):
        assert mailbatch(*with_metrics, cwd=scene.folder).code == 78
        written = (scene.folder / "m.prom").read_text()
        assert 'mailbatch_run_exit_code{job="job.yaml",mode="send"} 78' in written
        (scene.folder / "m.prom").write_text(written.replace(" 78", " 0"))


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("run --results one --transcript one", "--results and --transcript"),
        ("run --results one --metrics-file sub/../one", "--results and --metrics-file"),
        ("run --transcript one --metrics-file link", "--transcript and --metrics-file"),
        ("run --transcript results.csv", "results of the job and --transcript"),
        ("run --metrics-file results.csv", "results of the job and --metrics-file"),
        ("run --sandbox --metrics-file results.sandbox.csv", "results of the job and --metrics"),
        ("results --results one --failed one", "--results and --failed"),
        ("results --failed results.csv", "results of the job and --failed"),
    ],
)
def test_two_outputs_are_two_files(half_sent, command, names):
    """The last one written would be the only one."""
    server, scene = half_sent
    (scene.folder / "sub").mkdir()
    (scene.folder / "link").symlink_to("one")
    before = files_of(scene)
    verb, *options = command.split()
    found = mailbatch(verb, "job.yaml", *options, cwd=scene.folder)
    assert found.code == 2, found
    assert re.search(f"{names}.* are one file", found.err)
    assert files_of(scene) == before
    assert len(server.deliveries()) == 1


def test_a_device_takes_several_outputs(half_sent):
    _, scene = half_sent
    command = ("results", "job.yaml", "--results", "/dev/null", "--failed", "/dev/null")
    assert "are one file" not in mailbatch(*command, cwd=scene.folder).err


@pytest.mark.parametrize("name", ["recipients.csv", "job.yaml", ".mailbatch/scene@1.sqlite3"])
def test_nor_do_the_results_that_a_job_declares(half_sent, name):
    """The mistake is in the job file, and has its line."""
    server, scene = half_sent
    text = scene.job.read_text()
    scene.job.write_text(text.replace("results: results.csv", f"results: {name}"))
    before = files_of(scene)
    for command in ("run", "results"):
        found = mailbatch(command, "job.yaml", cwd=scene.folder)
        assert found.code == 78, found
        assert re.search(r"job\.yaml:\d+:\d+: results: .* would be replaced", found.err)
    assert files_of(scene) == before
    scene.job.write_text(text)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize(("edition", "code"), [("x" * 100, 0), ("ü" * 37, 0), ("ü" * 40, 2)])
def test_an_edition_is_a_part_of_a_file_name(tmp_path, fault_server, edition, code):
    """What the file system would refuse is a mistake, found before anything is made."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    found = mailbatch("run", "job.yaml", "--edition", edition, cwd=scene.folder)
    assert found.code == code, found
    assert (".mailbatch" in {path.name for path in scene.folder.iterdir()}) is (code == 0)
    assert ("too long for the name of a file" in found.err) is (code == 2)


# Writes that fail


def forbid_writes(pid):
    """Make every write of a process to a file fail (RLIMIT_FSIZE), as a broken disk would."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def accepted_of(scene):
    """How many are accepted by the ledger of a run under way."""
    with Ledger.read(scene.ledger) as ledger:
        return ledger.standing.counts()[Status.ACCEPTED]


def at_a_bad_moment(fault_server, folder, stage, *options, transaction=2):
    """Run until the server is at `stage` of a transaction, then let every write fail."""
    server = fault_server(Fault(stage, Kind.DRIP, transaction=transaction, pace=0.02))
    scene = Scene(folder, server.port, recipients=5, timeouts=PATIENT)
    running = forked.start("run", "job.yaml", *options, cwd=scene.folder)
    server.wait_for(transaction or 1, stage=stage, seconds=30.0)
    # MAIL leaves right before the outcome of the message before is recorded.
    while running.process.is_alive() and accepted_of(scene) < (transaction or 1) - 1:
        running.process.join(0.001)
    forbid_writes(running.pid)
    return server, scene, running.end()


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
def test_a_commit_point_that_cannot_be_written(tmp_path, fault_server, stage):
    """The end of data is not sent, nor any other: that delivery is pending, not in doubt."""
    server, scene, found = at_a_bad_moment(fault_server, tmp_path / "s", stage)
    assert found.code == 74, found
    assert "ledger cannot be used" in found.err
    assert len(server.stages(Stage.DOT)) == 1
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())
    assert set(scene.statuses().values()) == {"accepted"}


@pytest.mark.parametrize("options", [(), ("--quiet",), ("--json",)])
def test_an_outcome_that_cannot_be_written_is_told(tmp_path, fault_server, options):
    """Whoever reads standard error knows what the ledger does not; to the next run it is doubt."""
    server, scene, found = at_a_bad_moment(fault_server, tmp_path / "s", Stage.DOT, *options)
    assert found.code == 74, found
    (told,) = [line for line in found.err.splitlines() if "not recorded" in line]
    assert told == "not recorded: user2@example.net is accepted: 250 2.6.0 Message queued as <1-2>"
    assert len(server.stages(Stage.DOT)) == 2
    assert scene.run().exit_code == 4
    scene.check(server.deliveries())
    assert [a for a, s in scene.statuses().items() if s == "in_doubt"] == ["user2@example.net"]
    assert mailbatch("resolve", "job.yaml", "--accepted", cwd=scene.folder).code == 0
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


def test_everybody_of_a_group_is_told(tmp_path, fault_server):
    """One line for each address, with its own reply."""
    server = fault_server(
        Fault(Stage.DOT, Kind.DRIP, pace=0.02), refused={"user2@example.net": "550 5.7.1 no"}
    )
    scene = Scene(
        tmp_path / "s", server.port, recipients=3, group=True, text="Hi\n", timeouts=PATIENT
    )
    running = forked.start("run", "job.yaml", "--quiet", cwd=scene.folder)
    server.wait_for(stage=Stage.DOT, seconds=30.0)
    forbid_writes(running.pid)
    found = running.end()
    assert found.code == 74
    queued = "accepted: 250 2.6.0 Message queued as <1-1>"
    assert [line for line in found.err.splitlines() if "not recorded" in line] == [
        f"not recorded: user1@example.net is {queued}",
        "not recorded: user2@example.net is rejected: 550 5.7.1 no",
        f"not recorded: user3@example.net is {queued}",
    ]


def test_an_end_that_cannot_be_written(tmp_path, fault_server):
    """Everybody is settled when the disk breaks: nobody is in doubt, and the exit code says it."""
    server, scene, found = at_a_bad_moment(
        fault_server, tmp_path / "s", Stage.QUIT, transaction=None
    )
    assert found.code == 74, found
    assert scene.run().exit_code == 0
    assert len(server.stages(Stage.DOT)) == 5
    scene.check(server.deliveries())


def test_results_that_cannot_be_written_at_the_end_are_none(tmp_path, fault_server):
    server = fault_server(Fault(Stage.QUIT, Kind.DRIP, transaction=None, pace=0.02))
    scene = Scene(tmp_path / "s", server.port, recipients=2, timeouts=PATIENT)
    words = ("run", "job.yaml", "--results", "out/r.csv", "--json")
    running = forked.start(*words, cwd=scene.folder)
    server.wait_for(stage=Stage.QUIT, seconds=30.0)
    shutil.rmtree(scene.folder / "out", ignore_errors=True)
    (scene.folder / "out").write_text("no folder", encoding="utf-8")
    found = running.end()
    assert found.code == 74, found
    assert json.loads(found.out)["results"] is None
    assert json.loads(found.out)["accepted"] == len(server.deliveries()) == 2


# Every step of the ledger fails once

#: Where somebody is in doubt: the step failed, and it was recorded or not.
DOUBTFUL = {("commit", True), ("settle", False)}
LEDGER_STEPS = [
    "plan", "digests", "reopen", "reserve", "lease", "commit", "settle", "release", "finished",
    "close", "results",
]  # fmt: skip


def break_step(monkeypatch, step, nth, server, *, recorded, then=lambda: None):
    """Let the nth call of a step fail; return the number of ends of data when it did."""
    holder, name = STEPS[step]
    whole = getattr(holder, name)
    calls, seen = [], []

    @functools.wraps(whole)
    def broken(*arguments, **named):
        calls.append(name)
        if len(calls) != nth:
            return whole(*arguments, **named)
        if recorded or step == "close":  # nobody can be left with an open ledger
            whole(*arguments, **named)
        seen.append(len(server.stages(Stage.DOT)))
        then()
        raise LedgerError("the disk broke")

    monkeypatch.setattr(holder, name, broken)
    return seen


@pytest.mark.parametrize("recorded", [False, True], ids=["lost", "recorded"])
@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("step", LEDGER_STEPS)
def test_a_step_of_the_ledger_fails(tmp_path, fault_server, monkeypatch, step, nth, recorded):
    """Behind it not one more end of data is sent, and the next run goes on from what is certain."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    seen = break_step(monkeypatch, step, nth, server, recorded=recorded)
    try:
        code = scene.run().exit_code
    except LedgerError as error:
        code = error.exit_code
    assert code == (74 if seen else 0)
    if seen:
        assert len(server.stages(Stage.DOT)) == seen[0]
    monkeypatch.undo()
    scene.run()
    scene.check(server.deliveries())
    doubts = sum(status == "in_doubt" for status in scene.statuses().values())
    assert doubts == ((step, recorded) in DOUBTFUL)


@pytest.mark.parametrize("recorded", [False, True], ids=["lost", "recorded"])
@pytest.mark.parametrize("nth", [1, 2, 6])
@pytest.mark.parametrize("step", ["lease", "commit", "settle"])
def test_a_step_of_the_ledger_fails_several_sessions(
    tmp_path, fault_server, monkeypatch, step, nth, recorded
):
    """They fail together: each has at most one delivery in doubt, and what is not recorded is told.

    Nothing comes back as sent that was not, and nobody is mailed twice.
    """
    monkeypatch.setattr(lots, "LOT", 2)
    server, sessions = fault_server(), 3
    scene = Scene(tmp_path / "s", server.port, recipients=12, sessions=sessions)
    assert break_step(monkeypatch, step, nth, server, recorded=recorded) == []
    try:
        code = scene.run().exit_code
    except LedgerError as error:
        code = error.exit_code
    assert code == 74
    monkeypatch.undo()
    scene.run()
    scene.check(server.deliveries())
    assert sum(status == "in_doubt" for status in scene.statuses().values()) <= sessions


@pytest.mark.parametrize("recorded", [False, True], ids=["lost", "recorded"])
def test_the_next_write_would_succeed(tmp_path, fault_server, monkeypatch, recorded):
    """A ledger that failed one session is not written by another: no end of data follows."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5, sessions=2)
    both, failed, turns = asyncio.Event(), asyncio.Event(), count()
    seen = break_step(monkeypatch, "settle", 1, server, recorded=recorded, then=failed.set)
    holder, name = STEPS["group-answered"]
    answered = getattr(holder, name)

    async def in_turn(session):
        """Both are about to send their content when the outcome of the first one is lost."""
        wanted = await answered(session)
        if next(turns) == 0:
            await both.wait()
        else:
            both.set()
            await failed.wait()
        return wanted

    monkeypatch.setattr(holder, name, in_turn)
    assert scene.run().exit_code == 74
    assert len(server.stages(Stage.DOT)) == seen[0]
    monkeypatch.undo()
    scene.run()
    scene.check(server.deliveries())


@pytest.mark.parametrize("step", ["lease", "invalidate"])
def test_a_failure_ahead_waits_for_the_reply(tmp_path, fault_server, monkeypatch, step):
    """The next message is made ready while a reply is awaited: its trouble waits for that reply."""
    monkeypatch.setattr(lots, "LOT", 1)  # every message has a lease of its own
    monkeypatch.setitem(STEPS, "invalidate", (UnderWay, "invalidate"))
    server = fault_server(Fault(Stage.DOT, Kind.DRIP, transaction=1, pace=0.002))
    text = "Hello {{ {'Name 0': 'Ann', 'Name 2': 'Zoe'}[name] }}\n"  # user2 cannot be rendered
    scene = Scene(tmp_path / "s", server.port, timeouts=PATIENT, text=text)
    failed = break_step(monkeypatch, step, 2 if step == "lease" else 1, server, recorded=False)
    assert scene.run().exit_code == 74
    assert failed
    assert len(server.stages(Stage.DOT)) == 1
    assert scene.statuses()["user1@example.net"] == "accepted"
    monkeypatch.undo()
    scene.run()
    scene.check(server.deliveries())


# Places that cannot be written


def test_a_read_only_state_directory(tmp_path, fault_server):
    """It is found before anything is sent, and the words say which folder."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    folder = scene.folder / "state"
    folder.mkdir()
    with Disks(locked=folder) as disks:
        found = mailbatch(
            "run", "job.yaml", "--state-dir", "state", cwd=scene.folder, namespace=disks.namespace
        )
    assert found.code == 74
    assert (
        "state/scene@1.sqlite3.lock: the lock cannot be taken: Read-only file system" in found.err
    )
    assert "--state-dir" in found.err
    assert server.journal == []
    assert mailbatch("run", "job.yaml", "--state-dir", "state", cwd=scene.folder).code == 0
    scene.check(server.deliveries())


def test_a_read_only_folder_for_the_results(tmp_path, fault_server):
    """It is found before anything is sent."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    folder = scene.folder / "out"
    folder.mkdir()
    run = ("run", "job.yaml", "--results", "out/results.csv")
    with Disks(locked=folder) as disks:
        found = mailbatch(*run, cwd=scene.folder, namespace=disks.namespace)
    assert found.code == 74
    assert "out/results.csv: the file cannot be written: Read-only file system" in found.err
    assert "choose another --results" in found.err
    assert "--state-dir" not in found.err
    assert server.journal == []
    assert mailbatch(*run, cwd=scene.folder).code == 0
    shutil.copy(folder / "results.csv", scene.folder)
    scene.check(server.deliveries())


@pytest.mark.parametrize("place", ["/dev/full", "folder", "recipients.csv/results.csv"])
def test_a_place_where_no_results_can_be(tmp_path, fault_server, place):
    """A device, a folder, a file as a folder: found before anything is sent, and left alone."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    (scene.folder / "folder").mkdir()
    found = mailbatch("run", "job.yaml", "--results", place, cwd=scene.folder)
    assert found.code == 74
    assert place.partition("/results")[0] in found.err
    assert "the file cannot be written" in found.err
    assert server.journal == []
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


def test_a_missing_folder_for_the_results_is_made(tmp_path, fault_server):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    found = mailbatch("run", "job.yaml", "--results", "new/er/results.csv", cwd=scene.folder)
    assert found.code == 0, found
    assert (scene.folder / "new/er/results.csv").read_text().count("accepted") == 3


# A damaged ledger


def truncate(path):
    path.write_bytes(path.read_bytes()[:5000])


def flip_header(path):
    data = bytearray(path.read_bytes())
    data[20] ^= 0x40
    path.write_bytes(data)


def flip_page(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "truncated": truncate,
    "empty": lambda path: path.write_bytes(b""),
    "flipped-header": flip_header,
    "flipped-page": flip_page,
    "no-database": lambda path: path.write_text("my notes\n" * 1000),
    "gone": lambda path: path.unlink(),
}


@pytest.fixture
def half_way(tmp_path, fault_server):
    """A mailing of which two of five were sent, put away in order."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    scene.run(limit=2)
    return server, scene


def refused(scene, server, *words):
    """Nothing is sent and no file is changed; the words say what is the matter and what to do."""
    # The server may write down the end of a dead run's connection a moment later.
    server.wait_for(len({record["connection"] for record in server.journal}), stage="closed")
    before, path = len(server.journal), ledger_of(scene)
    content = path.read_bytes() if path.exists() else None
    for command in (("run",), ("resolve", "--skip")):
        found = mailbatch(command[0], "job.yaml", *command[1:], cwd=scene.folder)
        assert found.code == 74, found
        assert found.out == ""
        if command == ("run",):
            assert all(word in found.err for word in words), found.err
    assert len(server.journal) == before
    assert (path.read_bytes() if path.exists() else None) == content


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_is_refused(half_way, damage):
    """Never guessed, never begun anew; put back, it goes on where it was."""
    server, scene = half_way
    path = ledger_of(scene)
    whole = path.read_bytes()
    DAMAGES[damage](path)
    refused(scene, server, "the ledger is", "back" if damage != "gone" else "put it back")
    path.write_bytes(whole)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize("damage", ["flipped-header", "no-database", "journal-gone", "journal"])
def test_a_ledger_of_a_killed_run_that_is_damaged_is_refused(tmp_path, fault_server, damage):
    """A journal belongs to it: it is as much of the ledger as the file itself."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    assert ended(start(scene.job, step="settle", when="after", nth=2)) == -9
    path = ledger_of(scene)
    journal = path.with_name(path.name + "-wal")
    kept = {file: file.read_bytes() for file in (path, journal)}
    if damage == "journal-gone":
        journal.unlink()
    elif damage == "journal":
        data = bytearray(kept[journal])
        data[32 + 24 + 100] ^= 1  # in the first frame: every later one builds on it
        journal.write_bytes(data)
    else:
        DAMAGES[damage](path)
    refused(scene, server, "the ledger is damaged", "restore")
    for file, data in kept.items():
        file.write_bytes(data)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


def test_a_ledger_of_another_edition_is_refused(half_way):
    """Renamed or copied, it says whose it is."""
    server, scene = half_way
    path = ledger_of(scene)
    shutil.copy(path, path.with_name("scene@2.sqlite3"))
    before = len(server.journal)
    found = mailbatch("run", "job.yaml", "--edition", "2", cwd=scene.folder)
    assert found.code == 74
    assert "belongs to edition '1' of job 'scene', not to edition '2'" in found.err
    assert "do not rename ledgers" in found.err
    assert len(server.journal) == before
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


def test_what_is_known_is_recorded_although_the_next_message_cannot_be(
    tmp_path, fault_server, monkeypatch
):
    """The reply to the third message is here when the ledger fails to refuse the fourth."""
    server = fault_server(size=2000)
    many = "{% for n in range(99) %}{{ n }} and a half, again and again\n{% endfor %}"
    large = f"{{% if name == 'Name 3' %}}{many}{{% endif %}}"
    scene = Scene(tmp_path / "s", server.port, recipients=6, text=f"Hello\n{large}")

    def broken(*_arguments, **_named):
        raise LedgerError("the disk broke")

    monkeypatch.setattr(UnderWay, "invalidate", broken)
    assert scene.run().exit_code == 74
    assert len(server.stages(Stage.DOT)) == 3
    assert list(scene.statuses().values()).count("accepted") == 3
    monkeypatch.undo()
    assert scene.run().exit_code == 3
    assert sorted(scene.statuses().values()) == ["accepted"] * 5 + ["invalid"]
    scene.check(server.deliveries())
