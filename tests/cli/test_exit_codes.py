"""Every exit code, reached by the program as cron starts it; and what a signal does to it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailbatch.cli.exit_codes import MEANING, ExitCode
from mailbatch.delivery.signals import SIGNALS, Interrupted, Stopping
from tests.certainty.program import REPOSITORY, end, environment, start
from tests.certainty.scene import Scene
from tests.cli.conftest import PATIENT
from tests.support.faults import Fault, Kind, Stage
from tests.support.ports import free_port

pytestmark = pytest.mark.usefixtures("names")

DISPOSITIONS = {signum: signal.getsignal(signum) for signum in SIGNALS}
REFUSED = {"user2@example.net": "550 5.1.1 nobody"}


def done(scene, server):
    return ["run", "job.yaml"]


def usage(scene, server):
    return ["run"]


def wrong_table(scene, server):
    (scene.folder / "recipients.csv").write_text("email,name\na@example.net\n", encoding="utf-8")
    return ["run", "job.yaml"]


def nobody_there(scene, server):
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace(f"port: {scene.port}", f"port: {free_port()}"))
    return ["run", "job.yaml"]


def no_ledger(scene, server):
    return ["run", "job.yaml", "--state-dir", "/dev/null/ledgers"]


def some_left(scene, server):
    return ["run", "job.yaml", "--limit", "1"]


def wrong_job(scene, server):
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace("host:", "hosst:"))
    return ["run", "job.yaml"]


#: The code, the server, its faults, and what is done to the mailing.
CASES = {
    ExitCode.DONE: ({}, [], done),
    ExitCode.USAGE: ({}, [], usage),
    ExitCode.REFUSED: ({"refused": REFUSED}, [], done),
    ExitCode.IN_DOUBT: ({}, [Fault(Stage.DOT, Kind.FIN, transaction=3)], done),
    ExitCode.DATA: ({}, [], wrong_table),
    ExitCode.UNAVAILABLE: ({}, [], nobody_there),
    ExitCode.STORAGE: ({}, [], no_ledger),
    ExitCode.UNFINISHED: ({}, [], some_left),
    ExitCode.AUTHENTICATION: ({"credentials": ("App", "another")}, [], done),
    ExitCode.JOB: ({}, [], wrong_job),
}


@pytest.mark.parametrize("code", CASES, ids=lambda code: str(int(code)))
def test_each_exit_code_is_reached(tmp_path, fault_server, program, code):
    settings, faults, prepare = CASES[code]
    server = fault_server(*faults, **settings)
    username = "App" if "credentials" in settings else None
    scene = Scene(tmp_path / "s", server.port, username=username, password="x", timeouts=PATIENT)
    arguments = prepare(scene, server)
    ended = program(*arguments, cwd=scene.folder, SCENE_PASSWORD="x")
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert ended.err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_has_a_code_of_its_own(tmp_path, fault_server, signum):
    server = fault_server(Fault(Stage.MAIL, Kind.STALL))
    scene = Scene(tmp_path / "s", server.port, timeouts=PATIENT)
    process = start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(stage=Stage.MAIL, seconds=30.0)
    while process.poll() is None:
        process.send_signal(signum)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    code, _, err = end(process)
    assert code == {signal.SIGINT: ExitCode.SIGINT, signal.SIGTERM: ExitCode.SIGTERM}[signum]
    assert "stopped at once; run again" in err
    assert "Traceback" not in err


def test_a_bug_ends_with_one_and_shows_where(tmp_path):
    """A traceback is for whoever mends it; it shows no local variables, which may be secrets."""
    scene = Scene(tmp_path / "s", 1, recipients=1)
    program = (
        "import sys, mailbatch.delivery.ledgers as ledgers\n"
        "ledgers.is_begun = None\n"
        "sys.argv = ['mailbatch', 'status', 'job.yaml']\n"
        "from mailbatch.cli.main import main\n"
        "main()\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=scene.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == ExitCode.BUG
    assert "TypeError: 'NoneType' object is not callable" in process.stderr
    assert "path = " not in process.stderr


def test_every_code_has_a_meaning_and_help_shows_it(program, tmp_path):
    assert set(MEANING) == set(ExitCode)
    (tmp_path / "here").mkdir()
    shown = program("run", "--help", cwd=tmp_path / "here")
    assert shown.code == 0
    text = re.sub(r"\s+", " ", shown.out)
    for code, meaning in MEANING.items():
        is_of_all = code in {ExitCode.BUG, ExitCode.USAGE}  # on the page of the exit codes alone
        assert (f"{int(code)} {meaning}" in text) is not is_of_all


BAD_EDITION = "edition: '{{ nosuch }}'"
BAD_RESULTS = "results: '{{ nosuch }}'"
#: What each command ends with: its words, a line of the job, and what standard output is.
ENDS = [
    (["check", "job.yaml"], "", "", 0),
    (["check", "job.yaml"], BAD_EDITION, "", 65),
    (["check", "job.yaml"], "foo: 1", "", 78),
    (["check", "job.yaml", "--json"], "", "/dev/full", 74),
    (["check", "job.yaml", "--connect"], "", "", 69),
    (["preview", "job.yaml"], "", "", 0),
    (["preview", "job.yaml"], BAD_EDITION, "", 65),
    (["preview", "job.yaml"], "foo: 1", "", 78),
    (["preview", "job.yaml", "--json"], "", "/dev/full", 74),
    (["preview", "job.yaml", "--out", "job.yaml/gallery"], "", "", 74),
    (["preview", "job.yaml", "--eml", "job.yaml/letters"], "", "", 74),
    (["status", "job.yaml"], BAD_EDITION, "", 65),
    (["status", "job.yaml"], "", "", 0),
    (["status", "job.yaml"], "foo: 1", "", 78),
    (["results", "job.yaml"], BAD_EDITION, "", 65),
    (["results", "job.yaml"], BAD_RESULTS, "", 65),
    (["results", "job.yaml"], "", "", 74),
    (["results", "job.yaml"], "foo: 1", "", 78),
    (["resolve", "job.yaml"], BAD_EDITION, "", 65),
    (["resolve", "job.yaml"], "", "", 74),
    (["resolve", "job.yaml"], "foo: 1", "", 78),
    (["init", "letter"], "", "", 0),
    (["init", "--list"], "", "/dev/full", 74),
    (["init", "job.yaml/letter"], "", "", 74),
    (["schema"], "", "", 0),
    (["schema"], "", "/dev/full", 74),
]


@pytest.mark.parametrize(
    ("arguments", "line", "out", "code"), ENDS, ids=lambda case: str(case) if case else "-"
)
def test_a_command_ends_with_what_its_row_names(tmp_path, program, arguments, line, out, code):
    scene = Scene(tmp_path / "s", free_port(), timeouts=PATIENT)
    key = line.partition(":")[0]
    kept = [old for old in scene.job.read_text().splitlines() if not (key and old.startswith(key))]
    scene.job.write_text("\n".join([*kept, line, ""]), encoding="utf-8")
    with (
        Path(os.devnull).open("r+b") as nothing,
        Path(out or os.devnull).open("wb") as full,
    ):
        streams = [nothing.fileno(), full.fileno(), nothing.fileno()]
        assert program.run(streams, *arguments, cwd=scene.folder) == code
    assert code in row_of(arguments[0])


def row_of(command):
    """The codes in the row of a command, in the table of the reference."""
    text = (REPOSITORY / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| [^|]*`{command}`[^|]* \| (.*) \|$", text, re.MULTILINE)
    return [int(number) for number in re.findall(r"\b\d+\b", row)]


def test_the_row_of_a_command_names_what_was_reached_elsewhere():
    """A run that holds the edition, a doubt, a signal: the tests of these commands reach them."""
    assert {75} <= set(row_of("results"))
    assert {0, 4, 75} <= set(row_of("resolve"))
    assert {130, 143} <= set(row_of("sandbox"))
    assert {69, 77} <= set(row_of("check"))


def test_the_first_of_several_codes_wins(tmp_path, fault_server, program):
    """77, 69, 74, 75, 4, 3: what hinders most comes first."""
    faults = [
        Fault(Stage.RCPT, Kind.PERMANENT, transaction=1),
        Fault(Stage.DOT, Kind.FIN, transaction=2, taken=True),
        Fault(Stage.RCPT, Kind.TRANSIENT, transaction=3),
    ]
    server = fault_server(*faults)
    scene = Scene(tmp_path / "s", server.port, recipients=4, timeouts=PATIENT, attempts=2)
    first = scene.run(limit=3)
    assert {s: n for s, n in first.counts.items() if n} == {
        "rejected": 1, "in_doubt": 1, "deferred": 1, "pending": 1,
    }  # fmt: skip
    assert first.exit_code == 75
    assert scene.run().exit_code == 4
    assert program("resolve", "job.yaml", "--accepted", cwd=scene.folder).code == 0
    assert scene.run().exit_code == 3
    assert scene.run(retry_rejected=True).exit_code == 0


def test_signals_are_heard_in_every_moment_of_a_run():
    """Around the event loop and in it: the first is noted, the second stops at once, once."""
    heard = []

    async def in_the_loop(stopping):
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        stopping.install(loop, stop.set, heard.append)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        stopping.remove(loop)

    with Stopping() as stopping:
        asyncio.run(in_the_loop(stopping))
        assert stopping.signum == signal.SIGTERM
        with pytest.raises(Interrupted) as second:
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # the process has enough to do with ending
    ignored = {signum: signal.getsignal(signum) for signum in SIGNALS}
    assert second.value.signum == signal.SIGINT
    assert heard == []
    for signum, disposition in DISPOSITIONS.items():
        signal.signal(signum, disposition)
    assert ignored == dict.fromkeys(SIGNALS, signal.SIG_IGN)


def test_a_signal_before_the_loop_stops_the_loop_at_its_start():
    async def in_the_loop(stopping):
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        stopping.install(loop, stop.set, lambda _: None)
        try:
            return stop.is_set()
        finally:
            stopping.remove(loop)

    with Stopping() as stopping:
        os.kill(os.getpid(), signal.SIGHUP)
        assert asyncio.run(in_the_loop(stopping))
    assert {signum: signal.getsignal(signum) for signum in SIGNALS} == DISPOSITIONS
