"""The benchmarks, small: every workload is measured and everything arrives; no second is judged."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections import Counter
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from benchmarks import (
    against,
    figures,
    measuring,
    plot,
    report,
    reports,
    run,
    slow_disk,
    together,
    workers,
)
from benchmarks.figures import Figures, Row, Spread, Table
from benchmarks.goals import BEFORE, GOALS, MEASURED, Goal
from benchmarks.mailing import Mailing, Scene, write_scene
from benchmarks.programs import PROGRAMS
from benchmarks.servers import Server, serving, until
from benchmarks.workloads import WORKLOADS
from tests.support.postfix import postfix_obstacle, sink_obstacle
from tests.support.postgresql import check_present

RECIPIENTS = 12
#: How many recipients, where 60 are too many or too few.
SIZES = {"attachment": 4, "attachment-own": 4, "version": 1}
#: What needs nothing but what every machine of the tests has.
ALWAYS = {name for name in PROGRAMS if name.startswith("mailbatch")} | {"stdlib", "smtp-source"}
#: The programs that can attach another file for each recipient.
OWN = {"mailbatch", "stdlib", "aiosmtplib"}
#: The other round trips run the same programs.
FEWER = {"round-trip-100": ("mailbatch", "stdlib")}


# -- the workloads ---------------------------------------------------------------------------------


def small(workload):
    """Return a workload in which each program runs once, with the most sessions that it has."""
    last = {
        (share.program, share.tls, share.own): dataclasses.replace(share, repeat=1)
        for share in workload.shares
    }
    return dataclasses.replace(workload, shares=tuple(last.values()))


@pytest.mark.realserver
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_is_measured_and_everything_arrives(name):
    """Each program that is installed ends well, and the server has counted its messages."""
    workload = small(WORKLOADS[name])
    (postfix_obstacle if workload.smtpd else sink_obstacle)()
    if (why := measuring.obstacle(workload)) is not None:
        pytest.skip(why)
    delay = None if workload.round_trip_ms is None else min(workload.round_trip_ms, 2)
    only = FEWER.get(name, ())
    measured = measuring.measure(
        workload, rounds=1, recipients=SIZES.get(name, 60), only=only, round_trip_ms=delay
    )
    assert not ALWAYS & set(measured.missing)
    wanted = [
        share
        for share in workload.shares
        if share.program not in measured.missing and (not only or share.program in only)
    ]
    assert [row.label for row in measured.rows] == [share.label for share in wanted]
    for row in measured.rows:
        (usage,) = row.usages
        is_relayed = delay is not None or workload.tls_end
        connects = PROGRAMS[row.program].sends != "none" and is_relayed
        assert usage.seconds > 0
        assert (usage.session_seconds is not None) == connects, row.label
    table = figures.collected([measured]).tables[name]
    base = table.row("stdlib")
    assert base is None or table.ratio(base) == Spread(1, 1, 1)
    # What the reader gets of it has every program.
    shown = report.workloads(Figures({}, {}, {name: table}))
    assert all(f"| {row.label}" in shown for row in measured.rows)


def shrink(monkeypatch, name, rounds=1, recipients=100):
    """Let a workload have the size of a test, for the goals too."""
    shares = tuple(dataclasses.replace(share, repeat=1) for share in WORKLOADS[name].shares)
    size = {"rounds": rounds, "recipients": recipients, "shares": shares}
    monkeypatch.setitem(WORKLOADS, name, dataclasses.replace(WORKLOADS[name], **size))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Keep figures and page in a folder of the test."""
    sink_obstacle()
    for path in ("FIGURES", "PAGE", "PICTURE"):
        monkeypatch.setattr(report, path, tmp_path / getattr(report, path).name)
    parts = (f"<!-- measured: {name} -->\n<!-- end of {name} -->\n" for name in report.PARTS)
    report.PAGE.write_text("".join(parts), encoding="utf-8")


def measure_goals(*names):
    """Measure the goals of workloads, this tree as the commit before; return the figures."""
    asked = run.arguments(["--goals", "--workload", *names])
    assert asked.against == BEFORE
    assert run.measure_all(asked, against.Earlier("abc1234", against.ROOT)) == 0
    return figures.read(report.FIGURES)


@pytest.mark.realserver
@pytest.mark.usefixtures("elsewhere")
def test_every_goal_of_a_workload_gets_its_figure(monkeypatch):
    """Those to the commit before, too; the page has them, and the commit."""
    shrink(monkeypatch, "plan")
    found = measure_goals("plan")
    for goal in GOALS:
        if goal.shown.endswith("MiB"):
            continue  # the memory of the tests hides that of the programs
        value = goal.of(found)
        assert (value is not None) == (goal.workload == "plan"), goal.words
        assert value is None or 0 < value.low <= value.median <= value.high
    for row in found.tables["plan"].rows:
        opened = zip(row.session_cpu_seconds, row.cpu_seconds, strict=True)
        sends = "run" in row.program
        assert all((0 < one < cpu) if sends else one is None for one, cpu in opened), row.label
        assert all(size > 4096 for size in row.ledger_bytes)
    text = report.PAGE.read_text(encoding="utf-8")
    assert "| first plan of 1,000,000 rows until the first session opens: processor" in text
    assert "The commit before is abc1234." in text


@pytest.mark.realserver
@pytest.mark.usefixtures("elsewhere")
def test_both_sides_take_turns_and_each_workload_is_kept(monkeypatch, capsys):
    """A workload that is measured anew takes the place of its old figures, and of no others."""
    if why := slow_disk.missing():
        pytest.skip(why)
    shrink(monkeypatch, "plan-slow-disk", rounds=2)
    shrink(monkeypatch, "version")
    first = measure_goals("version", "plan-slow-disk")
    said = [line for line in capsys.readouterr().err.splitlines() if "slow-disk" in line]
    assert ["@ abc1234" in line for line in said] == [False, True, True, False]
    assert set(first.tables) == {"version", "plan-slow-disk"}
    again = measure_goals("version")
    assert again.tables["plan-slow-disk"] == first.tables["plan-slow-disk"]
    assert again.tables["version"].rows != first.tables["version"].rows


@pytest.mark.realserver
@pytest.mark.usefixtures("elsewhere")
def test_a_workload_that_fails_leaves_the_others_measured(monkeypatch, capsys):
    """The command ends with 1, and the figures of the others are kept."""
    shrink(monkeypatch, "check", recipients=1)
    shrink(monkeypatch, "version")
    failing = dataclasses.replace(PROGRAMS["mailbatch check"], returns=9)
    monkeypatch.setitem(PROGRAMS, failing.name, failing)
    asked = run.arguments(["--goals", "--workload", "check", "version"])
    assert run.measure_all(asked, against.Earlier("abc1234", against.ROOT)) == 1
    assert "check: mailbatch check ended with " in capsys.readouterr().err
    assert set(figures.read(report.FIGURES).tables) == {"version"}


def test_all_goals_name_workloads_that_are_measured_for_them():
    """A share that a goal compares with the commit before has its twin."""
    assert run.arguments(["--goals"]).workload == list(MEASURED)
    assert {goal.workload for goal in GOALS} == set(MEASURED)
    compared = {goal.workload for goal in GOALS if "the commit before" in goal.words}
    twins = {n for n, one in WORKLOADS.items() if any(share.before for share in one.shares)}
    assert compared == twins
    words = [goal.words for goal in GOALS if not goal.words.startswith("the same")]
    assert len(words) == len(set(words))
    with pytest.raises(SystemExit):
        run.arguments(["--goals", "--only", "mailbatch"])
    with pytest.raises(SystemExit):
        run.arguments(["--against", "HEAD", "--json", "out.json"])


@pytest.mark.realserver
def test_the_relay_names_queue_ids_and_knows_the_processor_time(tmp_path):
    """Each message gets an id of its own; the time is that of the process in the file."""
    sink_obstacle()
    with serving(round_trip_ms=0, ids=True) as server:
        with smtplib.SMTP("127.0.0.1", server.port) as unknown:
            ids = set()
            for _ in range(2):
                unknown.mail("a@example.com")
                unknown.rcpt("b@example.net")
                ids.add(unknown.data(b"Subject: x\r\n\r\ny\r\n"))
        assert {code for code, _ in ids} == {250}
        assert len({re.fullmatch(rb"2\.0\.0 Ok: queued as (\w+)", said)[1] for _, said in ids}) == 2
        server.running.write_text(str(os.getpid()), encoding="ascii")
        before = time.process_time()
        smtplib.SMTP("127.0.0.1", server.port).close()
        until(lambda: len(server.spent()) == 2, "the second connection")
        (first, second) = server.spent()
    assert first is None
    assert second >= before - 0.001


def test_a_slow_disk_lets_each_sync_take_longer(tmp_path):
    """By 5 ms, and by 10 ns for each byte since the last sync of the file."""
    if why := slow_disk.missing():
        pytest.skip(why)
    program = (
        "import os, sys, time\n"
        "file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "for sync in os.fsync, os.fdatasync:\n"
        "    for size in 1_000_000, 0:\n"
        "        os.write(file, bytes(size))\n"
        "        began = time.monotonic()\n"
        "        sync(file)\n"
        "        print(time.monotonic() - began)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "file")]
    environment = os.environ | slow_disk.environment(tmp_path)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    large, none, again, nothing = map(float, done.stdout.split())
    assert min(large, again) >= 0.015
    assert min(none, nothing) >= 0.005


@pytest.mark.realserver
def test_a_worker_and_its_database_are_measured_beside_a_plain_run():
    sink_obstacle()
    check_present()
    with serving() as server:
        cost = workers.measure(workers.ROOT, server, recipients=RECIPIENTS, sessions=2)
        assert server.arrived() == 2 * RECIPIENTS
    assert min(cost.plain, cost.worker, cost.wal, cost.syncs) > 0
    assert cost.ratios == (cost.database / cost.plain, cost.worker / cost.plain)
    assert "| here |" in workers.shown([("here", [cost])])


@pytest.mark.realserver
def test_a_whole_mailing_of_two_workers_is_measured_beside_a_plain_run():
    sink_obstacle()
    check_present()
    with serving() as server:
        done = together.measure(workers.ROOT, server, recipients=RECIPIENTS, sessions=2, workers=2)
        assert server.arrived() == 2 * RECIPIENTS
    assert min(one.memory for one in (done.plain, done.watching, *done.workers)) > 0
    assert done.watching.wall > done.planned > 0
    assert "2 workers" in "\n".join(done.lines)


def kept(server: Server):
    """Give the recipients of each message that smtp-sink kept, and the message."""
    text = server.dump.read_bytes()
    server.dump.unlink()
    for one in re.split(rb"(?m)^X-Client-Addr: .*\n", text)[1:]:
        message = message_from_bytes(one, policy=default)
        found = [args[1 : args.index(">")] for args in message.get_all("X-Rcpt-Args")]
        yield found, message


def content(message):
    """Return what somebody reads, whatever its encoding on the wire."""
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    texts = [part.get_content().replace("\r\n", "\n").rstrip("\n") for part in parts]
    return str(message["Subject"]), *texts


def scene_of(folder, server, mailing, program):
    scene = Scene(folder / program, server, mailing, recipients=RECIPIENTS, sessions=2)
    write_scene(scene)
    return scene


@pytest.mark.realserver
@pytest.mark.parametrize(
    "mailing",
    [Mailing(attachment=1000), Mailing(attachment=1000, own=True), Mailing(groups=1)],
    ids=["personal, with a file", "personal, with a file for each", "group"],
)
def test_all_programs_send_the_same(tmp_path, mailing):
    """Everybody gets one message from each program, and reads the same in it."""
    sink_obstacle()
    seen = {}
    with serving(keep=True) as server:
        for name in ("mailbatch", "stdlib", "aiosmtplib", "mailmerge", "nodemailer"):
            program = PROGRAMS[name]
            if program.missing() is not None:
                continue
            if (mailing.groups and name == "mailmerge") or (mailing.own and name not in OWN):
                continue
            scene = scene_of(tmp_path, server, mailing, name)
            measuring.run(program, scene)
            messages = list(kept(server))
            assert len(messages) == scene.transactions
            addresses = Counter(address for found, _ in messages for address in found)
            with (scene.folder / "recipients.csv").open(encoding="utf-8") as table:
                rows = {row["email"]: row for row in csv.DictReader(table)}
            assert addresses == Counter(list(rows))
            for found, message in messages:
                file = rows[found[0]].get("file", "report.bin")
                expected = (scene.folder / file).read_bytes() if mailing.attachment else b""
                files = [part.get_content() for part in message.walk() if part.get_filename()]
                assert b"".join(files) == expected, name
            seen[name] = {tuple(found): content(message) for found, message in messages}
    assert {"mailbatch", "stdlib"} <= set(seen)
    for name, messages in seen.items():
        assert messages == seen["mailbatch"], name


@pytest.mark.realserver
def test_a_program_whose_messages_do_not_arrive_is_not_measured(tmp_path, monkeypatch):
    """Nor one that fails: neither is taken for a fast one."""
    sink_obstacle()
    monkeypatch.setattr(measuring, "ARRIVAL_SECONDS", 0.1)
    with serving() as server:
        scene = scene_of(tmp_path, server, Mailing(), "none")
        idle = dataclasses.replace(PROGRAMS["stdlib"], command=lambda _: ["true"])
        with pytest.raises(measuring.NotMeasured, match=f"stdlib: 0 messages of {RECIPIENTS}"):
            measuring.run(idle, scene)
        failing = dataclasses.replace(idle, command=lambda _: ["sh", "-c", "echo no >&2; exit 3"])
        with pytest.raises(measuring.NotMeasured, match="stdlib ended with 3: no"):
            measuring.run(failing, scene)


def test_another_commit_is_measured_in_pairs():
    """Each share of mailbatch has a twin; a peer has none; ratios are those of the pairs."""
    earlier = against.Earlier("abc1234", Path("elsewhere"))
    own, _ = against.beside(WORKLOADS["attachment-own"], earlier)
    assert [share.label for share in own.shares][2:] == [
        "mailbatch, another file for each",
        "mailbatch @ abc1234, another file for each",
    ]
    workload, programs = against.beside(WORKLOADS["newsletter"], earlier)
    assert [share.label for share in workload.shares] == [
        "mailbatch",
        "mailbatch @ abc1234",
        "mailbatch, 4 sessions",
        "mailbatch @ abc1234, 4 sessions",
    ]
    assert programs["mailbatch @ abc1234"].environment["PYTHONPATH"].startswith("elsewhere")
    assert programs["mailbatch"].environment["PYTHONPATH"].startswith(str(against.ROOT))
    rows = []
    for share, cpu in zip(workload.shares, (1.0, 4.0, 3.0, 4.0), strict=True):
        usages = [measuring.Usage(0.0, 10 * cpu, cpu * n, None) for n in (1, 2)]
        rows.append(measuring.Row(share.label, share.program, share.sessions, 9, usages))
    shown = against.shown([measuring.Measured(workload, 2, tuple(rows), {})])
    rows[1] = dataclasses.replace(rows[1], label="mailbatch @ abc1234, TLS")
    other = against.shown([measuring.Measured(workload, 2, tuple(rows), {})])
    assert "| mailbatch, 9 |" not in other  # it is no twin
    assert "| mailbatch, 9 | 2 | 0.25 (0.25 to 0.25) |" in shown
    assert "| mailbatch, 4 sessions, 9 | 2 | 0.75 (0.75 to 0.75) |" in shown
    assert shown.count("\n") == 3


def test_the_shares_of_one_folder_stay_together():
    """The status of an edition is asked behind its own run, on both sides."""
    workload, _ = against.beside(WORKLOADS["plan"], against.Earlier("abc1234", Path("elsewhere")))
    shares = [(share.program, share.behind) for share in workload.shares]
    assert shares[:2] == [("mailbatch run --limit 1", False), ("mailbatch status", True)]
    assert shares[5:7] == [
        ("mailbatch run --limit 1 @ abc1234", False),
        ("mailbatch status @ abc1234", True),
    ]
    assert [behind for _, behind in shares] == 2 * [False, True, True, True, True]


@pytest.mark.skipif(not (against.ROOT / ".git").exists(), reason="no repository")
def test_a_commit_is_built_for_the_time_of_a_block():
    """The folder has the package of the commit, and is gone behind the block."""
    with against.built("HEAD") as earlier:
        assert (earlier.folder / "mailbatch" / "__init__.py").exists()
    assert not earlier.folder.exists()
    with pytest.raises(ValueError, match="'nothing' is no commit"), against.built("nothing"):
        pass


@pytest.mark.skipif(not (against.ROOT / ".git").exists(), reason="no repository")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_measurement_that_is_ended_leaves_nothing_in_the_repository(tmp_path, signum):
    """Nor in the folder of temporary files, unless there was no time: then the next one removes."""
    registered = ["git", "-C", str(against.ROOT), "worktree", "list"]
    before = subprocess.check_output(registered)
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.run", "--against", "HEAD", "--workload", "version"]
    measuring = subprocess.Popen(
        command,
        cwd=against.ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: list(folder.glob("*/mailbatch/__init__.py")) != [], "the files of the commit")
    measuring.send_signal(signum)
    measuring.wait(timeout=60)
    assert subprocess.check_output(registered) == before
    assert (list(folder.iterdir()) != []) == (signum == signal.SIGKILL)


# -- the figures -----------------------------------------------------------------------------------


def row(label, recipients, *seconds, peak=None, session=None):
    program, _, rest = label.partition(",")
    return Row(
        label,
        program,
        int(rest.split()[0]) if rest else 1,
        recipients,
        seconds,
        tuple(second / 2 for second in seconds),
        (peak,) * len(seconds),
        (session,) * len(seconds),
    )


def planned(at, *opened, times=1):
    """Give a first plan with the processor time before its first session, and twice it in all."""
    seconds = [20.0 * times] * len(opened)
    plain = row(f"mailbatch run --limit 1{at}", 10**6, *seconds, session=31.0)
    sizes = (150 * 10**6 * times,) * len(opened)
    return dataclasses.replace(plain, session_cpu_seconds=opened, ledger_bytes=sizes)


FIGURES = Figures(
    {"cores": "2", "python": "CPython 3.11.7", "system": "Linux", "processor": "some"},
    {"mailbatch": "1.0", "stdlib": "3.11.7"},
    {
        "newsletter": Table(
            "newsletter",
            3,
            {"mailmerge": "mailmerge is not installed"},
            (
                row("mailbatch", 20_000, 20.0, 40.0, 20.0, peak=60 * 2**20),
                row("mailbatch, 4 sessions", 20_000, 10.0, 10.0, 10.0),
                row("stdlib", 1200, 12.0, 12.0, 9.6),
            ),
        ),
        "round-trip-20": Table(
            "round-trip-20",
            1,
            {},
            (row("mailbatch", 80, 8), row("mailbatch, 32 sessions", 2560, 8)),
        ),
        "million": Table(
            "million",
            1,
            {},
            (
                row("mailbatch", 200_000, 4, peak=60 * 2**20),
                row("mailbatch", 1_000_000, 20, peak=64 * 2**20),
            ),
        ),
        "plan": Table(
            "plan",
            3,
            {},
            (planned("", 1.0, 2.0, 1.0), planned(" @ abc1234", 4.0, 4.0, 5.0, times=2)),
            "2026-11-30",
            "def5678",
        ),
    },
)


def test_ratios_are_those_of_each_round():
    """The median of the rounds' own ratios, whatever was sent in each."""
    table = FIGURES.tables["newsletter"]
    assert table.ratio(table.rows[0]) == Spread(8.0, 5.0, 10.0)
    assert table.ratio(table.rows[1]) == Spread(20.0, 16.0, 20.0)
    assert table.rows[0].rate == Spread(1000.0, 500.0, 1000.0)
    assert table.rows[0].cpu_microseconds == 500.0
    assert row("mailbatch", 10, 7.0, session=2.0).rates == (2.0,)  # where a relay knows it
    assert FIGURES.tables["million"].ratio(FIGURES.tables["million"].rows[0]) is None


def test_goals_are_held_against_the_figures():
    """Met, missed, or not measured at all."""
    values = {goal.words: goal.of(FIGURES) for goal in GOALS}
    assert values["newsletter, one session, to the stdlib loop"] == Spread(8.0, 5.0, 10.0)
    assert values["newsletter, four sessions, to the stdlib loop"] == Spread(20.0, 16.0, 20.0)
    assert values["newsletter, one session, to smtp-source with one session"] is None
    assert values["20 ms away, 32 sessions to one"] == Spread(32, 32, 32)
    assert values["1,000,000 in 50 groups, from the first session on"].median == 50_000
    assert values["peak memory, 1,000,000 in groups"].median == 64
    assert values["growth of the peak in groups for 100,000 recipients more"].median == 0.5
    assert values["`mailbatch --version`"] is None
    written = report.goals(FIGURES)
    assert "| at least 16.0 times | 20.0 (16.0 to 20.0) times | met |" in written
    assert "| at least 12.0 times | 8.0 (5.0 to 10.0) times | **missed** |" in written
    # To the commit before: run by run, and of the processor before the first session.
    assert "commit before | at most 0.33 times | 0.25 (0.20 to 0.50) times | met |" in written
    assert "commit before | at most 0.42 times | 0.50 times | **missed** |" in written
    assert "five cells | at most 160 bytes | 150 bytes | met |" in written
    assert "| `mailbatch --version` | at most 0.25 s | | not measured |" in written
    assert "--version" not in report.goals(FIGURES, every=False)
    fewer = Table("plan", 1, {}, (row("mailbatch run --limit 1", 10**5, 4, session=3.0),))
    small_ones = dataclasses.replace(FIGURES, tables={"plan": fewer})
    assert report.goals(small_ones, every=False).count("\n") == 1
    assert Goal("g", "plan", lambda *_: None, 1).holds(1)
    assert not Goal("g", "plan", lambda *_: None, 1).holds(0.9)


def test_figures_come_back_from_their_file(tmp_path):
    """And a part that was measured again replaces its own."""
    file = tmp_path / "figures.json"
    figures.write(FIGURES, file)
    assert figures.read(file) == FIGURES
    again = Table("plan", 1, {}, (row("mailbatch run --limit 1", 10, 1),))
    new = Figures(FIGURES.machine, {"mailbatch": "1.1"}, {"plan": again})
    merged = figures.merged(FIGURES, new)
    assert merged.tables == FIGURES.tables | {"plan": again}
    assert merged.versions == {"mailbatch": "1.1", "stdlib": "3.11.7"}


def test_tables_have_ratios_first():
    """The ratio stands behind the program's name, with its range."""
    written = report.workloads(FIGURES)
    assert "| mailbatch | 8.0 (5.0 to 10.0) | 1,000 (500 to 1,000) | 20,000 | 500 | 60 MiB |" in (
        written
    )
    assert "3 rounds. Not measured: mailmerge is not installed." in written
    opened = "| 31.00 | 1.00 (1.00 to 2.00) | 0.25 (0.20 to 0.50) |  |  |"
    assert f"| mailbatch run --limit 1, until the first session {opened}" in written
    assert "| mailbatch run --limit 1 | 20.00 | 10.00 | 0.50 | little | 150 |" in written
    assert "3 rounds, 2026-11-30 at def5678." in written


def test_the_picture_shows_every_program():
    """Bars with their ratios, in words too; and lines where there is more than one session."""
    picture = plot.drawn(FIGURES)
    for label in ("mailbatch", "mailbatch, 4 sessions", "stdlib"):
        assert f">{label}</text>" in picture
    assert "mailbatch 8.0; mailbatch, 4 sessions 20.0; stdlib 1.0." in picture
    assert ">mailbatch: 320</text>" in picture
    assert "prefers-color-scheme: dark" in picture


def test_the_page_is_what_the_figures_say():
    """The page and its picture are up to date, and no workload is missing."""
    assert {path: path.read_text(encoding="utf-8") for path in report.files()} == report.files()
    assert set(figures.read(report.FIGURES).tables) <= set(WORKLOADS)
    text = report.PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- measured: ([a-z]+) -->", text)) == set(report.PARTS)
    other = report.page(text, FIGURES)
    assert other != text
    assert "8.0 (5.0 to 10.0)" in other
    assert other.startswith(text.split("<!-- measured")[0])


def test_the_reports_of_an_edition_are_joined(tmp_path):
    """All of the benchmark's reports find their recipients, whoever measures it."""
    reports.write_edition(tmp_path, 60)
    cost, shown = reports.cost_of(tmp_path, "reports", "show", "job.yaml", "--json")
    found = json.loads(shown)
    assert (found["recipients"], found["unmatched"]) == (60, 0)
    assert (found["delivered"], found["bounced"]) == (57, 3)
    assert cost.cpu_seconds > 0
    assert cost.peak_mib > 1
