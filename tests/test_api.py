"""The Python API: each function says what its command says, and takes a path or a loaded job."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mailbatch
from mailbatch.checks.findings import Tally
from mailbatch.delivery.options import RunOptions
from mailbatch.errors import InputErrors, JobError, LedgerError, TemplateError, UsageError
from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status
from mailbatch.results.columns import COLUMNS
from mailbatch.results.row import Row
from mailbatch.results.told import Told
from tests.certainty.program import mailbatch as program
from tests.certainty.scene import Scene
from tests.cli.test_reports import bounce
from tests.support.faults import Fault, Kind, Stage

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def scene(tmp_path, fault_server):
    return Scene(tmp_path / "s", fault_server().port)


def as_mapping(scene):
    """The scene's job as a program would write it."""
    import yaml

    return yaml.safe_load(scene.job.read_text(encoding="utf-8"))


def test_a_job_that_is_loaded_is_taken_in_place_of_a_path(scene):
    job = mailbatch.load(scene.job)
    assert isinstance(job, mailbatch.Job)
    assert mailbatch.run(job, RunOptions(limit=2)).exit_code == 75
    by_job, by_path = mailbatch.status(job), mailbatch.status(str(scene.job))
    assert by_job == by_path
    assert (by_job.counts[Status.ACCEPTED], by_job.counts[Status.PENDING]) == (2, 1)
    assert mailbatch.run(scene.job).exit_code == 0
    assert list(mailbatch.result_rows(job)) == list(mailbatch.result_rows(scene.job))


def test_a_listener_of_the_first_candidate_hears_a_run_to_its_end(scene):
    """The method that came later is called where it is there."""
    names = ("planned", "session_opened", "settled", "waiting", "note", "alarm")
    silent = staticmethod(lambda *_: None)
    listener = type("Listener", (), dict.fromkeys(names, silent))()
    assert mailbatch.run(scene.job, RunOptions(limit=2), progress=listener).results is not None
    steps = []
    listener.concluding = steps.append
    assert mailbatch.run(scene.job, progress=listener).exit_code == 0
    assert steps == ["writing the results", "closing the ledger"]


def test_a_job_of_a_mapping_goes_the_whole_way(scene):
    """It has the ledger of the file that says the same: nobody gets the message twice."""
    job = mailbatch.load(as_mapping(scene), folder=scene.folder)
    assert [(one.code, one.examples) for one in mailbatch.check(job)] == [
        (one.code, one.examples) for one in mailbatch.check(scene.job)
    ]
    assert mailbatch.run(job).counts[Status.ACCEPTED] == 3
    again = mailbatch.run(scene.job)
    assert (again.nothing_to_do, again.transactions) == (True, 0)


def test_the_folder_of_a_mapping_is_by_default_the_working_folder(scene, monkeypatch):
    monkeypatch.chdir(scene.folder)
    assert mailbatch.load(as_mapping(scene)).folder == scene.folder


def test_a_job_file_lies_in_a_folder_of_its_own(scene, tmp_path):
    with pytest.raises(TypeError, match="folder is for a mapping"):
        mailbatch.load(scene.job, folder=tmp_path)


def test_the_gallery_is_that_of_the_command(scene, tmp_path):
    made = mailbatch.write_preview(scene.job, tmp_path / "gallery", limit=2)
    assert isinstance(made, mailbatch.Preview)
    assert (made.index, made.shown, made.messages) == (tmp_path / "gallery/index.html", 2, 3)
    assert made.findings == mailbatch.check(scene.job)
    assert sorted(path.name for path in (tmp_path / "gallery/messages").glob("*.eml")) == [
        "0001.eml", "0002.eml",
    ]  # fmt: skip
    code, out, _ = program(
        "preview", "job.yaml", "--out", "b", "--json", "--limit", "2", cwd=scene.folder
    )
    assert (code, json.loads(out)["shown"]) == (0, 2)


def test_a_gallery_of_a_loaded_job_for_one_address(scene):
    job = mailbatch.load(scene.job)
    made = mailbatch.write_preview(job, limit=None)
    assert made.index == scene.folder / "preview" / job.name / "index.html"
    assert made.shown == made.messages == 3
    with pytest.raises(UsageError):
        mailbatch.write_preview(job, scene.folder)
    with pytest.raises(UsageError):
        mailbatch.write_preview(job, only=["nobody@example.org"])


def test_errors_have_all_of_their_parts(tmp_path):
    (tmp_path / "job.yaml").write_text("version: 1\nnmae: x\n", encoding="utf-8")
    with pytest.raises(mailbatch.InputErrors) as caught:
        mailbatch.load(tmp_path / "job.yaml")
    first = next(one for one in caught.value.errors if one.location.key == "nmae")
    assert isinstance(first, mailbatch.InputError)
    assert isinstance(first, JobError)
    assert (first.location.line, first.location.column) == (2, 1)
    assert first.message == 'unknown key, did you mean "name"?'
    assert caught.value.exit_code == first.exit_code == 78


def test_the_findings_are_those_of_the_command(scene):
    (scene.folder / "letter.txt.j2").write_text("Hello {{ nmae }}\n", encoding="utf-8")
    found = mailbatch.check(scene.job)
    code, out, _ = program("check", "job.yaml", "--json", cwd=scene.folder)
    told = json.loads(out)["findings"]
    assert code == 65
    assert [(one.code, one.severity, one.title, one.count, one.remedy) for one in found] == [
        (one["code"], one["severity"], one["title"], one["count"], one["hint"]) for one in told
    ]
    assert {one.severity for one in found} >= {"error"}
    assert isinstance(found[0], Tally)
    assert mailbatch.check(mailbatch.load(scene.job)) == found
    with pytest.raises(InputErrors) as caught:
        mailbatch.run(scene.job)
    assert isinstance(caught.value.errors[0], TemplateError)


def test_a_check_tells_of_a_job_file_that_is_wrong(tmp_path):
    """As the command does: the mistakes are findings, and nothing is raised."""
    (tmp_path / "job.yaml").write_text("version: 1\nnmae: x\n", encoding="utf-8")
    found = mailbatch.check(tmp_path / "job.yaml")
    assert {one.code for one in found} == {"MB101"}
    assert [one.location.line for one in found if one.location.key == "nmae"] == [2]


def test_a_check_leaves_no_trace(scene):
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(f"variables: {{x: z}}\n{text}", encoding="utf-8")
    before = sorted(scene.folder.iterdir())
    mailbatch.check(scene.job, edition="7", variables={"x": "y"})
    assert sorted(scene.folder.iterdir()) == before


def test_an_edition_that_was_never_run_stands_as_its_first_run_would_begin(scene):
    (scene.folder / "recipients.csv").write_text(
        "email,name\na@example.net,A\nA@example.net,B\nx,C\n", encoding="utf-8"
    )
    found = mailbatch.status(scene.job)
    assert {str(s): n for s, n in found.counts.items() if n} == {
        "pending": 1, "duplicate": 1, "invalid": 1,
    }  # fmt: skip
    assert (found.job, found.edition, found.began_at, found.finished_at) == (
        "scene", "1", None, None,
    )  # fmt: skip
    assert not (scene.folder / ".mailbatch").exists()


def test_a_record_is_read_without_the_files_that_the_job_names(scene):
    assert mailbatch.run(scene.job).exit_code == 0
    for name in ("recipients.csv", "letter.txt.j2"):
        (scene.folder / name).unlink()
    assert mailbatch.status(scene.job).finished_at is not None
    assert [row.status for row in mailbatch.result_rows(scene.job)] == [Status.ACCEPTED] * 3
    with pytest.raises(InputErrors):
        mailbatch.load(scene.job)


def test_the_rows_are_those_of_the_results_file(tmp_path, fault_server):
    scene = Scene(
        tmp_path / "s", fault_server(Fault(Stage.RCPT, Kind.REPLY, text="550 5.1.1 No")).port
    )
    summary = mailbatch.run(scene.job)
    with summary.results.open(encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    rows = list(mailbatch.result_rows(scene.job))
    assert [(row.row, row.email, row.status, row.reply_code) for row in rows] == [
        (int(one["row"]), one["email"], one["status"], int(one["reply_code"])) for one in written
    ]
    assert {row.status for row in rows} == {Status.ACCEPTED, Status.REJECTED}
    assert {(row.report, row.opens) for row in rows} == {(None, None)}


def test_a_row_has_every_column_of_the_results():
    """The value is written out for readers and for mypy; `COLUMNS` stays the list."""
    assert set(Row._fields) == {*ResultRow._fields, *Told._fields}
    assert Row._fields == tuple(column.name for column in COLUMNS)


def test_rows_have_the_reports_of_the_store(scene, tmp_path):
    mailbatch.run(scene.job)
    (row, *_) = mailbatch.result_rows(scene.job)
    (tmp_path / "bounce.eml").write_text(bounce(row.header_message_id, row.email), encoding="utf-8")
    code, _, err = program(
        "reports", "read", "job.yaml", str(tmp_path / "bounce.eml"), cwd=scene.folder
    )
    assert code in {0, 3}, err
    program("results", "job.yaml", "--results", "again.csv", cwd=scene.folder)
    text = (scene.folder / "again.csv").read_text(encoding="utf-8")
    written = [one["report"] or None for one in csv.DictReader(io.StringIO(text))]
    assert [row.report for row in mailbatch.result_rows(scene.job)] == written
    assert written == ["bounced", None, None]


def test_an_edition_without_a_ledger_has_no_rows(scene):
    rows = mailbatch.result_rows(scene.job, "never")
    with pytest.raises(LedgerError) as caught:
        next(rows)
    assert caught.value.exit_code == 74


@pytest.mark.parametrize("ask", [mailbatch.status, mailbatch.result_rows])
def test_an_edition_that_cannot_be_one_is_refused_at_once(scene, ask):
    with pytest.raises(UsageError):
        ask(scene.job, " ")


def test_another_state_folder(scene, tmp_path):
    options = RunOptions(state_dir=tmp_path / "elsewhere")
    mailbatch.run(scene.job, options)
    assert mailbatch.status(scene.job).counts[Status.ACCEPTED] == 0
    elsewhere = {"state_dir": tmp_path / "elsewhere"}
    assert mailbatch.status(scene.job, **elsewhere).counts[Status.ACCEPTED] == 3
    assert len(list(mailbatch.result_rows(scene.job, **elsewhere))) == 3


#: What the rooms ask a value for, and no program needs.
INNER = {"most", "exit_code_behind", "addressed", "state", "in_text", "at_offset"}


def names_of(kind):
    """The public fields, properties and methods of a value of the API."""
    return {name for name in {*dir(kind), *getattr(kind, "__slots__", ())} if name[0] != "_"}


@pytest.mark.parametrize(
    "kind",
    [
        mailbatch.Edition, mailbatch.Location, mailbatch.Progress, mailbatch.RunOptions,
        mailbatch.Summary, mailbatch.Tally,
    ],
)  # fmt: skip
def test_every_part_of_a_value_stands_on_the_page(kind):
    """One page has the whole API; the fields of a `Row` are the columns of the results."""
    page = (REPOSITORY / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    missing = {name for name in names_of(kind) - INNER if not re.search(rf"`{name}[(`]", page)}
    assert missing == set()


def test_every_name_of_the_api_stands_on_the_page():
    page = (REPOSITORY / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    assert [name for name in mailbatch.__all__ if name[0] != "_" and f"`{name}" not in page] == []


def test_the_api_imports_nothing_before_a_name_is_asked_for():
    code = (
        "import sys, mailbatch\n"
        "print(*[name for name in sys.modules if name.startswith('mailbatch.')])\n"
        "mailbatch.Status\n"
        "print(*[name for name in sys.modules if name.startswith('mailbatch.')])\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.splitlines() == ["", "mailbatch.frozen mailbatch.outcome"]


def test_no_name_of_the_api_is_that_of_a_room():
    """The import system puts a room's name on the package, in place of a function."""
    from importlib import import_module

    for name in mailbatch.__all__:
        if name != "__version__":
            with pytest.raises(ModuleNotFoundError):
                import_module(f"mailbatch.{name}")


def test_recipients_of_a_program_go_the_whole_way(scene):
    """A job file serves as well: the rows are mailed in place of its table, and stand in order."""
    rows = [{"email": f"p{number}@example.net", "name": "P"} for number in range(3)]
    job = mailbatch.load(scene.job, recipients=(row for row in rows))
    assert "error" not in {found.severity for found in mailbatch.check(job)}
    assert mailbatch.status(job).counts[Status.PENDING] == 3
    assert mailbatch.run(job).counts[Status.ACCEPTED] == 3
    assert [(row.row, row.email) for row in mailbatch.result_rows(job)] == [
        (number, row["email"]) for number, row in enumerate(rows, 1)
    ]
