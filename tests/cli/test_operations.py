"""What operations needs: metrics, JSON logs, and a run from Python."""

import json
import re

import pytest

import mailbatch
from mailbatch.cli.metrics import METRICS, metrics_text, write_metrics
from mailbatch.delivery.options import RunOptions, Summary
from mailbatch.errors import InputErrors, OutputError
from mailbatch.outcome import Status
from tests.certainty.program import mailbatch as program
from tests.certainty.scene import Scene

SUMMARY = Summary(
    job="news",
    edition='a"b\\c',
    counts=dict.fromkeys(Status, 0) | {Status.ACCEPTED: 7, Status.REJECTED: 2},
    transactions=9,
    sessions=1,
    seconds=1.25,
)
#: A sample line of the text exposition format 0.0.4.
SAMPLE = re.compile(
    r'[a-z_]+\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\} [0-9.]+'
)


def test_metrics_are_in_the_text_exposition_format():
    """Every line is a comment of a known metric or a sample of one."""
    text = metrics_text(SUMMARY, 1_700_000_000.5)
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# "):
            assert line.split()[2] in METRICS
        else:
            assert SAMPLE.fullmatch(line), line
    assert 'status="accepted"} 7' in text
    labels = 'job="news",edition="a\\"b\\\\c",mode="send"'
    assert f"mailbatch_run_exit_code{{{labels}}} {SUMMARY.exit_code}\n" in text
    assert text.count("mailbatch_recipients{") == len(Status)


def test_metrics_replace_the_file_and_leave_nothing_beside_it(tmp_path):
    """The collector reads the old file or the new one."""
    path = tmp_path / "mailbatch.prom"
    path.write_text("old", encoding="utf-8")
    write_metrics(path, metrics_text(SUMMARY, 0.0))
    assert path.read_text(encoding="utf-8") == metrics_text(SUMMARY, 0.0)
    assert list(tmp_path.iterdir()) == [path]


def test_metrics_that_cannot_be_written_are_an_error(tmp_path):
    """A folder that is not there is told with its path; nothing is left behind."""
    with pytest.raises(OutputError, match="cannot write"):
        write_metrics(tmp_path / "no" / "mailbatch.prom", "x\n")


def test_a_run_writes_its_metrics_and_logs_json(tmp_path, fault_server):
    """With --log-json every line on standard error is an object; the metrics file is there."""
    server = fault_server(refused={"user2@example.net": "550 5.7.1 no"})
    scene = Scene(tmp_path / "s", server.port)
    code, out, err = program(
        "run", "job.yaml", "--log-json", "--metrics-file", "m.prom", cwd=scene.folder
    )
    assert (code, out) == (3, "")
    records = [json.loads(line) for line in err.splitlines()]
    assert all({"time", "level", "message"} <= record.keys() for record in records)
    (summary,) = [record for record in records if record["message"] == "summary"]
    assert (summary["accepted"], summary["rejected"]) == (2, 1)
    text = (scene.folder / "m.prom").read_text(encoding="utf-8")
    assert 'edition="1",mode="send",status="rejected"} 1' in text
    assert summary["mode"] == "send"


@pytest.mark.parametrize(
    ("option", "mode"),
    [(["--sandbox"], "sandbox"), (["--dry-run"], "dry_run"), (["--to", "me@a.de"], "redirect")],
)
def test_a_rehearsal_says_so_and_leaves_the_figures_alone(tmp_path, fault_server, option, mode):
    """The alert of the real run stays, and so does that of a mailing that did not run."""
    server = fault_server(refused={"user2@example.net": "550 5.7.1 no"})
    scene = Scene(tmp_path / "s", server.port)
    figures = ["--metrics-file", "m.prom"]
    assert program("run", "job.yaml", *figures, cwd=scene.folder)[0] == 3
    before = (scene.folder / "m.prom").read_bytes()
    code, out, err = program(
        "run", "job.yaml", *option, *figures, "--json", "--log-json", cwd=scene.folder
    )
    assert code == 0, err
    assert (scene.folder / "m.prom").read_bytes() == before
    assert json.loads(out)["mode"] == mode
    records = [json.loads(line) for line in err.splitlines()]
    assert [r["mode"] for r in records if r["message"] == "summary"] == [mode]
    warned = [r["message"] for r in records if r["level"] == "warning"]
    assert warned == ["no figures are written: --metrics-file is for real runs"]


def test_a_rehearsal_that_fails_leaves_the_figures_alone(tmp_path, fault_server):
    scene = Scene(tmp_path / "s", fault_server().port)
    (scene.folder / "letter.txt.j2").write_text("{{ oops }}", encoding="utf-8")
    code, _, _ = program(
        "run", "job.yaml", "--sandbox", "--metrics-file", "m.prom", cwd=scene.folder
    )
    assert code == 65
    assert not (scene.folder / "m.prom").exists()


def test_errors_are_logged_as_json_too(tmp_path):
    """A mistake in the job is one object with its place, and the metrics tell its exit code."""
    (tmp_path / "job.yaml").write_text("version: 1\nnmae: x\n", encoding="utf-8")
    code, _, err = program(
        "run", "job.yaml", "--log-json", "--metrics-file", "m.prom", cwd=tmp_path
    )
    assert code == 78
    figures = (tmp_path / "m.prom").read_text(encoding="utf-8")
    assert 'mailbatch_run_exit_code{job="job.yaml",mode="send"} 78' in figures
    records = [json.loads(line) for line in err.splitlines()]
    assert any("job.yaml:2:1" in record["message"] for record in records)
    assert {record["level"] for record in records} == {"error"}


def test_a_run_from_python(tmp_path, fault_server):
    """`mailbatch.run` converges a job file and returns its summary."""
    scene = Scene(tmp_path / "s", fault_server().port)
    summary = mailbatch.run(scene.job, RunOptions(limit=2))
    assert (summary.counts[Status.ACCEPTED], summary.exit_code) == (2, 75)
    assert mailbatch.run(str(scene.job)).exit_code == 0


def test_a_run_from_python_raises_what_is_wrong(tmp_path):
    """Mistakes are exceptions with their places."""
    (tmp_path / "job.yaml").write_text("version: 1\n", encoding="utf-8")
    with pytest.raises(InputErrors) as caught:
        mailbatch.run(tmp_path / "job.yaml")
    assert caught.value.exit_code == 78


def test_a_record_is_read_without_the_files_that_the_job_names(mailing):
    """The recipients of a finished mailing are deleted, as the law may ask; a run needs them."""
    job, _ = mailing(recipients=2)
    assert job.command("run").code == 0
    (job.folder / "recipients.csv").unlink()
    assert job.command("status", "--json").json["accepted"] == 2
    assert job.command("results").code == 0
    assert list(job.statuses().values()) == ["accepted"] * 2
    assert "is in doubt" in job.command("resolve").err
    refused = job.command("run")
    assert (refused.code, "there is no file recipients.csv" in refused.err) == (78, True)
