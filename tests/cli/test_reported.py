"""The reports of an edition in its results and in `status`."""

import csv
import json
import shutil

import pytest

from .test_reports import bounce, delivered, reports, sent, write

__all__ = ["sent"]

COLUMNS = (
    "report", "report_kind", "report_code", "report_text", "reported_at", "opens", "clicks",
)  # fmt: skip


def results(scene, name="results.csv"):
    with (scene.folder / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def opened(row):
    return json.dumps(
        {"notificationType": "OPENED", "messageId": row["message_id"], "recipient": row["email"]}
    )


@pytest.fixture
def told(sent):
    """A mailing with a hard bounce, a delivery, an open alone, and a stranger's report."""
    scene, rows = sent
    names = [
        write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"])),
        write(scene, "b.json", delivered(rows[1])),
        write(scene, "c.json", opened(rows[2])),
        write(scene, "d.eml", bounce("stranger@example.net", rows[3]["email"])),
    ]
    assert reports(scene, "read", *names).code == 0
    return scene, rows


def test_the_results_gain_what_the_reports_say(told):
    scene, rows = told
    assert set(rows[0]) > set(COLUMNS)
    assert {row[name] for row in rows for name in COLUMNS} == {""}
    assert scene._program("results", "job.yaml", cwd=scene.folder).code == 0
    found = results(scene)
    assert [(row["status"], row["report"], row["report_kind"]) for row in found] == [
        ("accepted", "bounced", "hard"),
        ("accepted", "delivered", ""),
        ("accepted", "", ""),
        ("accepted", "", ""),
        ("accepted", "", ""),
    ]
    assert [(row["opens"], row["clicks"]) for row in found] == [
        ("0", "0"), ("0", "0"), ("1", "0"), ("", ""), ("", ""),
    ]  # fmt: skip
    for row, before in zip(found, rows, strict=True):
        assert {name: row[name] for name in list(row)[:14]} == {
            name: before[name] for name in list(before)[:14]
        }
    # A run of the finished edition writes the same.
    again = (scene.folder / "results.csv").read_bytes()
    (scene.folder / "results.csv").unlink()
    assert scene.command("run").code == 0
    assert (scene.folder / "results.csv").read_bytes() == again


def test_the_store_may_lie_elsewhere(told):
    scene, _ = told
    shutil.move(scene.folder / ".mailbatch" / "reports.sqlite3", scene.folder / "far.sqlite3")
    for command in ("results", "run"):
        assert scene._program(command, "job.yaml", cwd=scene.folder).code == 0
        assert {row["report"] for row in results(scene)} == {""}
        done = scene._program(command, "job.yaml", "--store", "far.sqlite3", cwd=scene.folder)
        assert done.code == 0
        assert [row["report"] for row in results(scene)][:2] == ["bounced", "delivered"]
        missing = scene._program(command, "job.yaml", "--store", "no.sqlite3", cwd=scene.folder)
        assert missing.code == 2
        assert "--store no.sqlite3: there is no such file" in missing.err


def test_status_has_a_line_and_an_object(told):
    scene, _ = told
    done = scene._program("status", "job.yaml", cwd=scene.folder)
    assert done.code == 0
    assert "reports: 1 delivered, 1 bounced (1 hard), 1 opened; 1 unmatched\n" in done.out
    told_by = scene._program("status", "job.yaml", "--json", cwd=scene.folder).json["reports"]
    assert {name: number for name, number in told_by.items() if number} == {
        "delivered": 1, "bounced": 1, "hard": 1, "opened": 1, "unmatched": 1,
    }  # fmt: skip
    (scene.folder / ".mailbatch" / "reports.sqlite3").unlink()
    assert "reports" not in scene._program("status", "job.yaml", cwd=scene.folder).out
    assert scene._program("status", "job.yaml", "--json", cwd=scene.folder).json["reports"] is None


def test_a_store_that_cannot_be_read_costs_a_run_the_reports_alone(told):
    scene, _ = told
    (scene.folder / ".mailbatch" / "reports.sqlite3").write_text("no store of reports" * 100)
    (scene.folder / "results.csv").unlink()
    done = scene.command("run")
    assert done.code == 0
    assert "the results have no reports: " in done.err
    assert len(results(scene)) == 5
    shown = scene._program("status", "job.yaml", cwd=scene.folder)
    assert shown.code == 0
    assert "the reports are not known: " in shown.err
    refused = scene._program("results", "job.yaml", cwd=scene.folder)
    assert refused.code == 74


def test_a_rehearsal_reads_no_reports(told):
    scene, _ = told
    assert scene._program("run", "job.yaml", "--sandbox", cwd=scene.folder).code == 0
    assert {row["report"] for row in results(scene, "results.sandbox.csv")} == {""}
