"""Tallies as lines, as JSON, and as workflow commands."""

import json

from mailbatch.checks.codes import Severity
from mailbatch.checks.findings import Tally
from mailbatch.checks.report import github_lines, objects, text_lines
from mailbatch.errors import Location

TALLIES = (
    Tally("MB206", "x", 3, ("src: 50%,\nx",), Location("letter.html.j2", 3, 7), None),
    Tally("MB101", "", 1, ("is wrong",), Location("job.yaml", 2, 1, "server.port"), "write 587"),
    Tally("MB113", "", 9, ("9 of 10 rows",), Location("people.csv")),
)


def test_the_lines_of_github(tmp_path):
    """Workflow commands: properties and message escaped, paths from where the workflow runs."""
    lines = github_lines(TALLIES, tmp_path.joinpath("jobs/job.yaml").relative_to(tmp_path))
    assert lines[0] == (
        "::warning file=jobs/letter.html.j2,line=3,col=7,title=MB206 An image has no alt text::"
        'src: 50%25,%0Ax (3 times)%0AWrite `alt="..."`, and `alt=""` for mere decoration.'
    )
    assert lines[1].startswith("::error file=jobs/job.yaml,line=2,col=1,title=MB101")
    assert lines[1].endswith("::server.port: is wrong%0Awrite 587")
    assert lines[2].startswith("::notice file=jobs/people.csv,title=MB113")


def test_a_path_that_the_job_file_has_itself_stays(tmp_path):
    path = tmp_path / "job.yaml"
    tally = Tally("MB101", "", 1, ("x",), Location(str(path), 1))
    assert f"file={path}," in github_lines([tally], path)[0]


def test_the_lines_for_people():
    assert text_lines(TALLIES) == [
        "letter.html.j2:3:7: warning MB206: An image has no alt text: src: 50%,\nx (3 times)",
        "job.yaml:2:1: error MB101: The job file is wrong: server.port: is wrong",
        "  write 587",
        "people.csv: info MB113: A recipient stands in several rows: 9 of 10 rows",
    ]


def test_a_reason_that_several_examples_have_stands_once():
    no_title, silent = "the event has no SUMMARY", "the resolver did not answer in time"
    rows = tuple(f"{no_title}, for the row in people.csv:{line}" for line in (2, 3))
    names = tuple(f"TXT of {name}: {silent}" for name in ("a.example", "b.example"))
    alone = Tally("MB506", silent, 1, names[:1])
    tallies = [Tally("MB111", no_title, 2, rows), Tally("MB506", silent, 4, names), alone]
    assert [line.partition(": ")[2].partition(": ")[2] for line in text_lines(tallies)] == [
        f"{no_title}, for the row in people.csv:2; for the row in people.csv:3 (2 times)",
        f"TXT of a.example; TXT of b.example: {silent} (4 times)",
        f"TXT of a.example: {silent}",
    ]


def test_the_objects_for_json():
    first = objects(TALLIES)[0]
    assert first["severity"] == Severity.WARNING
    assert (first["file"], first["line"], first["column"], first["count"]) == (
        "letter.html.j2", 3, 7, 3,
    )  # fmt: skip
    assert json.loads(json.dumps(first)) == first
