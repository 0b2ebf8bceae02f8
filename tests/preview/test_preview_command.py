"""`mailbatch preview` as a command: options, exit codes, and where its words go."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.checks.mailing import ROWS, TEXT, Mailing, html

from .test_serving import get

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
    made = mailing.preview(capsys, only=["P7@example.com"])[1]
    assert made["shown"] == 1
    assert made["unreached"] == made["unused"] == []
    assert [one["to"] for one in shown(mailing)] == ["p7@example.com"]


def test_preview_only_of_a_stranger_is_wrong_usage(tmp_path, capsys):
    code, out = Mailing(tmp_path).preview(capsys, only=["stranger@example.com"])
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


@contextmanager
def served(job, *options):
    """`preview --serve` as a process: gives it, its port, and what it says until it serves."""
    command = [sys.executable, "-m", "mailbatch", "preview", str(job), "--serve", "--port", "0"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.match(r"serving http://127\.0\.0\.1:(\d+)/", line):
                    yield process, int(found[1]), "".join(said)
                    break
        finally:
            process.kill()


def test_a_mistake_at_the_start_is_served_until_it_is_mended(tmp_path, capsys):
    mailing = Mailing(tmp_path, files={"letter.txt.j2": "{{ frist_name }}"})
    with served(mailing.path) as (process, port, said):
        assert "letter.txt.j2:1:4: frist_name is not defined" in said
        status, body, _ = get(port)
        assert status == 500
        assert "frist_name is not defined" in body
        mailing.write("letter.txt.j2", TEXT)
        for line in process.stderr:
            if "1 of 1 message shown" in line:
                break
        assert "Hello Ann" in get(port, "/messages/0001.html")[1]


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("--only", "nobody@example.com"), 2, "is not among the recipients"),
        (("--out", "."), 2, "has other files in it"),
        ((), 78, "there is no such file"),
    ],
)
def test_what_no_change_of_a_file_mends_ends_at_once(tmp_path, given, code, words):
    path = Mailing(tmp_path).path
    if not given:
        path.unlink()
    command = [sys.executable, "-m", "mailbatch", "preview", str(path), "--serve", "--port", "0"]
    done = subprocess.run(
        [*command, *given], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert done.stderr.count(words) == 1
