"""The benchmarks, small: every workload is measured and everything arrives; no second is judged."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections import Counter
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from benchmarks import against, figures, measuring, plot, report, reports, workers
from benchmarks.figures import Figures, Row, Spread, Table
from benchmarks.goals import GOALS, Goal
from benchmarks.mailing import Mailing, Scene, write_scene
from benchmarks.programs import PROGRAMS
from benchmarks.servers import Server, serving
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
        connects = PROGRAMS[row.program].sends != "none" and delay is not None
        assert usage.seconds > 0
        assert (usage.session_seconds is not None) == connects, row.label
    table = figures.collected([measured]).tables[name]
    base = table.row("stdlib")
    assert base is None or table.ratio(base) == Spread(1, 1, 1)
    # What the reader gets of it has every program.
    shown = report.workloads(Figures({}, {}, {name: table}))
    assert all(f"| {row.label}" in shown for row in measured.rows)


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
    assert [(share.program, share.behind) for share in workload.shares] == [
        ("mailbatch run --limit 1", False),
        ("mailbatch status", True),
        ("mailbatch run --limit 1 @ abc1234", False),
        ("mailbatch status @ abc1234", True),
    ]


@pytest.mark.skipif(not (against.ROOT / ".git").exists(), reason="no repository")
def test_a_commit_is_built_for_the_time_of_a_block():
    """The folder has the package of the commit, and is gone behind the block."""
    with against.built("HEAD") as earlier:
        assert (earlier.folder / "mailbatch" / "__init__.py").exists()
    assert not earlier.folder.exists()
    with pytest.raises(ValueError, match="'nothing' is no commit"), against.built("nothing"):
        pass


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


FIGURES = Figures(
    {"cores": "2", "python": "CPython 3.11.7", "system": "Linux", "date": "2026-11-26"},
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
        "plan": Table("plan", 1, {}, (row("mailbatch run --limit 1", 10**6, 40, session=31.0),)),
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
    values = {goal.words: goal.value(FIGURES) for goal in GOALS}
    assert values["newsletter, one session, to the stdlib loop"] == 8.0
    assert values["newsletter, four sessions, to the stdlib loop"] == 20.0
    assert values["newsletter, one session, to smtp-source with one session"] is None
    assert values["20 ms away, 32 sessions to one"] == 32.0
    assert values["1,000,000 recipients in groups"] == 50_000
    assert values["their peak memory"] == 64
    assert values["its growth for 100,000 recipients more"] == 0.5
    assert values["`mailbatch --version`"] is None
    written = report.goals(FIGURES)
    assert "| at least 16.0 times | 20.0 times | met |" in written
    assert "| at least 12.0 times | 8.0 times | **missed** |" in written
    assert "| at most 30.0 s | 31.0 s | **missed** |" in written
    assert "--version" not in written
    fewer = Table("plan", 1, {}, (row("mailbatch run --limit 1", 10**5, 4, session=3.0),))
    assert report.goals(dataclasses.replace(FIGURES, tables={"plan": fewer})).count("\n") == 1
    assert Goal("g", lambda _: 1, 1).holds(1)
    assert not Goal("g", lambda _: 1, 1).holds(0.9)


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
    assert "| mailbatch run --limit 1, until the first session | 31.00 | | |" in written


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
