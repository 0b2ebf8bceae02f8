"""`mailbatch check` as a command: options, exit codes, and where its words go."""

import pytest

from mailbatch.errors import JobError

from .mailing import ROWS, Mailing, html

pytestmark = pytest.mark.usefixtures("names")

MANY = tuple({"email": f"p{n}@example.com", "first_name": f"N{n:03}"} for n in range(120))


def test_check_of_a_good_job(tmp_path, capsys):
    mailing = Mailing(tmp_path, job={"edition": "one"})
    code, out = mailing.check(capsys, as_json=False, quiet=False)
    assert code == 0
    assert out.out == "people.csv: info MB116: Recipients per domain: example.com 1\n"
    assert "letter: 0 errors, 0 warnings, 1 message, 1 row" in out.err
    code, out = mailing.check(capsys, as_json=False)
    assert (code, out.out, out.err) == (0, "", "")


def test_warnings_count_only_when_strict(tmp_path, capsys):
    mailing = Mailing(tmp_path, message={"subject": "x" * 100})
    assert mailing.check(capsys)[0] == 0
    code, found = mailing.check(capsys, strict=True)
    assert code == found["exit_code"] == 65
    assert found["warnings"] == 1


def test_every_mistake_in_one_go(tmp_path, capsys):
    """Two templates and the table: all of them, with their places."""
    mailing = Mailing(
        tmp_path,
        rows=(*ROWS, {"email": "a@@b", "first_name": "x"}),
        files={"letter.txt.j2": "{{ frist_name }}", "letter.html.j2": "\n{{ nmae }}"},
        message={"html": "letter.html.j2"},
    )
    with (mailing.folder / "people.csv").open("a") as file:
        file.write("only-one-cell\n")
    code, out = mailing.check(capsys, as_json=False)
    assert code == 65
    assert "letter.txt.j2:1:4: frist_name is not defined" in out.err
    assert "letter.html.j2:2:4: nmae is not defined" in out.err
    assert "people.csv:4: " in out.err
    assert "people.csv:3: warning MB111" in out.out


def test_a_wrong_job_ends_the_check(tmp_path, capsys):
    code, found = Mailing(tmp_path, job={"nmae": "x"}).check(capsys)
    assert code == 78
    assert [finding["code"] for finding in found["findings"]] == ["MB101"]
    assert found["findings"][0]["file"].endswith("job.yaml")


def test_rows_that_fail_are_named_and_counted(tmp_path, capsys):
    rows = (
        *ROWS,
        {"email": "b@example.com", "first_name": ""},
        {"email": "c@example.com", "first_name": ""},
    )
    mailing = Mailing(
        tmp_path, rows=rows, files={"letter.txt.j2": "\n{{ 1 // first_name|length }}"}
    )
    code, found = mailing.check(capsys)
    assert code == 0
    (failed,) = [one for one in found["findings"] if one["code"] == "MB111"]
    assert (failed["file"], failed["line"], failed["count"]) == ("letter.txt.j2", 2, 2)
    assert "people.csv:3" in failed["details"][0]
    assert (found["invalid"], found["pending"]) == (2, 1)


def test_findings_are_counted_not_repeated(tmp_path, capsys):
    mailing = Mailing(
        tmp_path, rows=MANY, **html('<img src="https://example.com/p.gif?u={{ email }}">')
    )
    found = mailing.check(capsys)[1]["findings"]
    (image,) = [one for one in found if one["code"] == "MB206"]
    assert image["count"] == 120
    assert len(image["details"]) == 3
    assert (image["file"], image["line"]) == ("letter.html.j2", 1)


def test_check_leaves_no_trace(tmp_path, capsys):
    Mailing(tmp_path).check(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"job.yaml", "people.csv", "letter.txt.j2"}


def test_check_in_the_form_of_github(tmp_path, capsys):
    mailing = Mailing(tmp_path, message={"subject": "x" * 100})
    _, out = mailing.check(capsys, as_json=False, form="github")
    assert out.out.startswith("::warning file=")
    assert "title=MB302 The subject is long" in out.out


def test_check_says_when_the_server_cannot_be_reached(tmp_path, capsys):
    """Findings first; the exit code is that of the session."""
    mailing = Mailing(tmp_path, server={"port": 1})
    code, found = mailing.check(capsys, connect=True)
    assert code == found["exit_code"] == 69
    assert "127.0.0.1:1" in found["refused"]
    assert found["messages"] == 1


def test_errors_of_a_session_that_needs_a_secret(tmp_path, capsys):
    mailing = Mailing(
        tmp_path, server={"username": "App", "password": {"env": "MAILBATCH_TEST_NOT_SET"}}
    )
    code, found = mailing.check(capsys, connect=True)
    assert code == JobError.exit_code
    assert "MAILBATCH_TEST_NOT_SET" in found["refused"]
