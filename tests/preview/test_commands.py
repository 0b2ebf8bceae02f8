"""`mailbatch preview` and `check` as commands: options, exit codes, what they say and where."""

import json
import re

import pytest

from mailbatch.errors import JobError, Location
from mailbatch.preview.codes import Severity
from mailbatch.preview.entry import Tally
from mailbatch.preview.report import github_lines, objects, text_lines

from .mailing import ROWS, Mailing, html

MANY = tuple({"email": f"p{n}@example.com", "first_name": f"N{n:03}"} for n in range(120))


def shown(mailing):
    data = (mailing.folder / "gallery" / "index-data.js").read_text()
    return json.loads(re.fullmatch(r"mailbatchIndex\((.*)\);\n", data)[1])["messages"]


# -- preview -------------------------------------------------------------------------------------


def test_preview_writes_a_gallery_and_says_where(tmp_path, capsys):
    mailing = Mailing(tmp_path)
    code, out = mailing.preview(capsys, as_json=False, quiet=False)
    assert code == 0
    assert out.out == ""
    assert "letter (1): 1 of 1 message shown" in out.err
    assert str(tmp_path / "gallery" / "index.html") in out.err
    assert (tmp_path / "gallery" / "messages" / "0001.eml").is_file()


def test_preview_goes_beside_the_job(tmp_path, capsys):
    """Under the job's name, so that jobs that share a folder do not share a gallery."""
    Mailing(tmp_path).preview(capsys, out=None)
    assert (tmp_path / "preview" / "letter" / "index.html").is_file()


def test_preview_leaves_no_trace_of_a_run(tmp_path, capsys):
    """Neither a ledger nor results: nothing was sent."""
    Mailing(tmp_path).preview(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {
        "job.yaml", "people.csv", "letter.txt.j2", "gallery",
    }  # fmt: skip


def test_preview_json_has_what_a_script_wants(tmp_path, capsys):
    mailing = Mailing(
        tmp_path,
        rows=(*ROWS, {"email": "bad@@x", "first_name": ""}),
        files={
            "letter.txt.j2": "{% if first_name == 'Zoe' %}\nZ{% endif %} https://example.com/u/"
        },
    )
    code, made = mailing.preview(capsys)
    assert code == 0
    assert made["recipients"] == 2
    assert (made["pending"], made["invalid"], made["messages"], made["shown"]) == (1, 1, 1, 1)
    assert made["unreached"] == [
        {"file": "letter.txt.j2", "line": 1, "branch": "{% if first_name == 'Zoe' %}"}
    ]
    assert made["index"] == str(tmp_path / "gallery" / "index.html")
    assert "MB111" in {finding["code"] for finding in made["findings"]}
    assert made["changes"] is None


def test_preview_shows_fifty_unless_told_otherwise(tmp_path, capsys):
    mailing = Mailing(tmp_path, rows=MANY)
    assert mailing.preview(capsys)[1]["shown"] == 50
    assert mailing.preview(capsys, limit=7)[1]["shown"] == 7
    assert mailing.preview(capsys, everything=True)[1]["shown"] == 120
    assert [one["n"] for one in shown(mailing)] == [f"{n:04}" for n in range(1, 121)]


def test_preview_of_everything_counts_like_that_of_a_choice(tmp_path, capsys):
    """One pass or two: the same findings, branches and counts."""
    rows = (*MANY, {"email": "x@example.com", "first_name": ""})
    body = "{% if first_name == '' %}{{ 1 // 0 }}{% elif first_name == 'N7' %}7{% endif %}"
    body += "<a href=''>x</a>"
    mailing = Mailing(tmp_path, rows=rows, **html(body))
    one, all_of_them = mailing.preview(capsys)[1], mailing.preview(capsys, everything=True)[1]
    for key in ("findings", "unreached", "unused", "pending", "invalid", "messages"):
        assert one[key] == all_of_them[key]
    assert one["invalid"] == 1


def test_preview_only_of_one_address(tmp_path, capsys):
    mailing = Mailing(tmp_path, rows=MANY)
    made = mailing.preview(capsys, only="P7@example.com")[1]
    assert made["shown"] == 1
    assert made["unreached"] == made["unused"] == []
    assert [one["to"] for one in shown(mailing)] == ["p7@example.com"]


def test_preview_only_of_a_stranger_is_wrong_usage(tmp_path, capsys):
    code, out = Mailing(tmp_path).preview(capsys, only="stranger@example.com")
    assert code == 2
    assert "stranger@example.com is not among the recipients" in out.err


@pytest.mark.parametrize(
    "options",
    [{"everything": True, "limit": 3}, {"port": 0}, {"against": "nowhere"}, {"serve": True}],
)
def test_preview_refuses_what_makes_no_sense(tmp_path, capsys, options):
    if "against" in options:
        options = {"against": tmp_path / "nowhere"}
    assert Mailing(tmp_path).preview(capsys, **options)[0] == 2
    assert not (tmp_path / "gallery").exists()


def test_preview_of_wrong_inputs_ends_like_a_run(tmp_path, capsys):
    wrong = Mailing(tmp_path / "a", files={"letter.txt.j2": "{{ frist_name }}"})
    code, out = wrong.preview(capsys)
    assert code == 65
    assert "letter.txt.j2:1:4: frist_name is not defined" in out.err
    assert Mailing(tmp_path / "b", job={"nmae": 1}).preview(capsys)[0] == 78
    stop = {"recipients": {"on_invalid": "stop"}, "rows": ({"email": "x", "first_name": ""},)}
    assert Mailing(tmp_path / "c", **stop).preview(capsys)[0] == 65


def test_preview_against_an_earlier_one(tmp_path, capsys):
    mailing = Mailing(tmp_path, rows=MANY)
    mailing.preview(capsys, out=tmp_path / "before", limit=5)
    mailing.rows([*MANY[1:], {"email": "new@example.com", "first_name": "N"}])
    mailing.write("letter.txt.j2", "Dear {{ first_name }}, https://example.com/u/")
    code, made = mailing.preview(capsys, limit=3, against=tmp_path / "before")
    assert code == 0
    assert made["changes"] == {"changed": 4, "unseen": 2, "gone": 1}
    assert {one.get("c") for one in shown(mailing)} == {"changed", "unseen"}


def test_preview_against_itself_finds_nothing(tmp_path, capsys):
    mailing = Mailing(tmp_path, rows=MANY)
    mailing.preview(capsys)
    made = mailing.preview(capsys, against=tmp_path / "gallery")[1]
    assert made["changes"] == {"same": 50, "gone": 0}


def test_two_previews_of_the_same_files_show_the_same_rows(tmp_path, capsys):
    mailing = Mailing(tmp_path, rows=MANY)
    mailing.preview(capsys)
    first = shown(mailing)
    mailing.preview(capsys)
    assert shown(mailing) == first


def test_preview_of_groups(tmp_path, capsys):
    rows = tuple({**row, "first_name": "AB"[n % 2]} for n, row in enumerate(MANY))
    mailing = Mailing(
        tmp_path,
        rows=rows,
        recipients={"group_by": ["first_name"]},
        message={"unsubscribe": None},
        files={"letter.txt.j2": "{{ first_name }}"},
    )
    made = mailing.preview(capsys)[1]
    assert made["messages"] == 2
    assert [(one["g"], one["r"]) for one in shown(mailing)] == [("A", 60), ("B", 60)]


# -- check ---------------------------------------------------------------------------------------


def test_check_of_a_good_job(tmp_path, capsys):
    mailing = Mailing(tmp_path)
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
        "people.csv: info MB113: An address stands in several rows: 9 of 10 rows",
    ]


def test_the_objects_for_json():
    first = objects(TALLIES)[0]
    assert first["severity"] == Severity.WARNING
    assert (first["file"], first["line"], first["column"], first["count"]) == (
        "letter.html.j2", 3, 7, 3,
    )  # fmt: skip
    assert json.loads(json.dumps(first)) == first


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
