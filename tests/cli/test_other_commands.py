"""`check`, `schema`, `init` and `sandbox`, as processes."""

from __future__ import annotations

import json
import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mailbatch.job.schema import job_schema
from tests.certainty.program import REPOSITORY, end, environment, start
from tests.certainty.program import mailbatch as run_program
from tests.cli.conftest import nothing_reached
from tests.preview.test_serving import get

pytestmark = pytest.mark.usefixtures("names")


@pytest.fixture
def here(tmp_path):
    """An empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_the_list_of_commands_fits_80_columns_uncut(program, here):
    done = program("-h", cwd=here, COLUMNS="80")
    assert done.code == 0
    assert "..." not in done.out.partition("Commands:")[2]
    assert done.out.splitlines()[-1] == (
        "Start: mailbatch init letter, then mailbatch run letter/job.yaml --sandbox"
    )


def test_where_the_messages_of_a_dry_run_go_is_said(program, here):
    text = " ".join(program("run", "-h", cwd=here).out.split())
    assert "else --dry-run: outbox/ by the job, --sandbox: none" in text


def test_schema_prints_the_schema_that_is_shipped(program, here):
    done = program("schema", cwd=here)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == job_schema()
    assert json.loads(done.out) == json.loads(
        (REPOSITORY / "schemas" / "job.schema.json").read_text(encoding="utf-8")
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["schema"],
        ["--version"],
        ["--version", "run"],
        ["init", "--list"],
        ["--help"],
        ["run", "--help"],
        ["reports", "pull", "--help"],
        ["--show-completion", "bash"],
    ],
)
def test_an_answer_that_finds_no_room_is_a_failure_in_words(here, arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mailbatch", *arguments],
            cwd=here,
            env=environment(),
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 74
    assert done.stderr == (
        "mailbatch: cannot write to standard output: No space left on device\n"
        "  look where the output goes: the disk may be full, or the reader gone\n"
    )


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "ü€"), ("ascii", r"\u00fc\u20ac")])
def test_the_object_is_json_whatever_the_encoding_of_the_stream(mailing, encoding, shown):
    """Cron and old terminals have encodings in which not every edition can be written."""
    job, _ = mailing()
    more = {"cwd": job.folder, "PYTHONIOENCODING": encoding}
    code, out, err = run_program("run", "job.yaml", "--edition", "ü€", "--json", "--quiet", **more)
    assert (code, err) == (0, "")
    assert json.loads(out)["edition"] == "ü€"
    assert shown in out
    code, out, err = run_program("status", "job.yaml", "--edition", "ü€", **more)
    assert (code, err) == (0, "")
    assert "3  accepted" in out


def test_check_sends_nothing_and_connects_only_when_asked(mailing):
    job, server = mailing()
    done = job.command("check")
    assert done.code == 0
    nothing_reached(server)
    assert job.ledgers == []
    connected = job.command("check", "--connect", "--json")
    assert connected.code == 0
    assert connected.json["connect"]["pipelining"] is True
    assert connected.json["connect"]["size"] == 20_971_520
    assert server.stages("quit")
    assert not server.stages("mail")


def test_check_connect_to_nobody(mailing):
    job, server = mailing()
    server.stop()
    done = job.command("check", "--connect")
    assert done.code == 69
    assert "cannot connect to" in done.err


def test_check_connect_with_a_wrong_password(mailing):
    job, server = mailing(username="App", server={"credentials": ("App", "right")})
    done = job.command("check", "--connect", SCENE_PASSWORD="wrong-password")
    assert done.code == 77
    assert "refused the authentication: 535 5.7.8 Invalid credentials" in done.err
    assert "wrong-password" not in done.err + done.out
    assert len(server.stages("auth-final")) == 1


def test_init_lists_what_there_is(program, here):
    done = program("init", "--list", cwd=here)
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines()]
    assert {"digest", "event", "invoice", "newsletter", "notice"} <= set(names)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["digest", "event", "invoice", "newsletter", "notice"])
def test_what_init_writes_can_be_rehearsed_at_once(program, here, name):
    """The commands that it names are the ones that work."""
    done = program("init", "my mailing", "--template", name, cwd=here)
    assert (done.code, done.out) == (0, "")
    advised = [line.strip() for line in done.err.splitlines() if line.startswith("  ")]
    assert advised[1:] == [
        "mailbatch check 'my mailing/job.yaml'",
        "mailbatch run 'my mailing/job.yaml' --sandbox",
    ]
    assert program("check", "my mailing/job.yaml", "--strict", cwd=here).code == 0
    assert program("run", "my mailing/job.yaml", "--sandbox", "--quiet", cwd=here).code == 0


def test_init_overwrites_nothing(program, here):
    assert program("init", "d", "--template", "notice", cwd=here).code == 0
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    again = program("init", "d", "--template", "event", cwd=here)
    assert again.code == 2
    assert "already there: d/" in again.err
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_init_knows_what_was_meant(program, here):
    done = program("init", "d", "--template", "notise", cwd=here)
    assert done.code == 2
    assert "Did you mean notice?" in done.err
    assert program("init", cwd=here).code == 2


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_sandbox_on_its_own_keeps_what_comes_until_it_is_stopped(here, signum):
    process = start("sandbox", "--port", "0", "--out", "box", cwd=here)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("listening on 127.0.0.1:")
    port = int(line.split(":")[1].split(",")[0])
    assert process.stderr.readline() == "messages go to box\n"
    for_jobs = process.stderr.readline().removeprefix("in a job: ")
    assert yaml.safe_load(for_jobs) == {
        "server": {"host": "localhost", "port": port, "security": "plaintext"}
    }
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.sendmail("a@example.com", ["b@example.net"], b"Subject: hello\r\n\r\nhi\r\n")
    process.send_signal(signum)
    code, out, err = end(process)
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == "1 message accepted"
    assert "Traceback" not in err
    (file,) = (here / "box").glob("*.eml")
    assert b"Subject: hello" in file.read_bytes()


def test_a_sandbox_on_its_own_rehearses_answers_and_says_which(here):
    answers = ("--answer", "MAIL::1=452 4.3.1 Full", "--answer", "DATA:5/session=close")
    process = start("sandbox", "--port", "0", *answers, cwd=here)
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(4)]
    assert lines[1:3] == [
        "rehearsing 452 4.3.1 Full at MAIL 1\n",
        "rehearsing close at DATA 6 and later of each session\n",
    ]
    port = int(lines[0].split(":")[1].split(",")[0])
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.ehlo("me.example")
        assert client.mail("a@example.com") == (452, b"4.3.1 Full")
        assert client.mail("a@example.com")[0] == 250
    process.send_signal(signal.SIGTERM)
    code, _, err = end(process)
    assert code == 0
    assert err == (
        "--answer 'DATA:5/session=close' was never given: DATA came 0 times\n0 messages accepted\n"
    )


def test_a_sandbox_with_an_inbox_shows_what_comes(here):
    process = start("sandbox", "--port", "0", "--web", "--web-port", "0", cwd=here)
    assert process.stderr is not None
    port = int(process.stderr.readline().split(":")[1].split(",")[0])
    url = process.stderr.readline().removeprefix("inbox: ").strip()
    assert url.startswith("http://127.0.0.1:")
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.sendmail("a@example.com", ["b@example.net"], b"Subject: hello\r\n\r\nhi\r\n")
    web = int(url.rstrip("/").rpartition(":")[2])
    assert [mail["subject"] for mail in json.loads(get(web, "/list.json")[1])["mails"]] == ["hello"]
    assert "<h1>hello</h1>" in get(web, "/messages/0001.html")[1]
    process.send_signal(signal.SIGTERM)
    code, _, err = end(process)
    assert (code, err.splitlines()[-1]) == (0, "1 message accepted")


def test_an_inbox_whose_port_is_taken_says_so(here, fault_server, program):
    taken = fault_server().port
    done = program("sandbox", "--port", "0", "--web", "--web-port", taken, cwd=here)
    assert done.code == 2
    assert "cannot listen on 127.0.0.1:" in done.err
    assert "choose another --web-port" in done.err
    assert "Traceback" not in done.err
    done = program("sandbox", "--port", "0", "--web-port", "0", cwd=here)
    assert (done.code, "--web-port goes with --web" in done.err) == (2, True)


def test_a_wrong_answer_starts_no_sandbox(here, program):
    done = program("sandbox", "--port", "0", "--answer", "END=45", cwd=here)
    assert done.code == 2
    assert "--answer 'END=45': character 5: expected a reply code" in done.err


def test_a_sandbox_whose_port_is_taken_says_so(here, fault_server, program):
    done = program("sandbox", "--port", fault_server().port, cwd=here)
    assert done.code == 2
    assert "cannot listen on 127.0.0.1 port" in done.err


@pytest.mark.parametrize(
    "command",
    ["run", "preview", "check", "status", "results", "resolve", "init", "schema", "sandbox"],
)
def test_every_command_has_a_help_with_an_example(program, here, command):
    done = program(command, "--help", cwd=here)
    assert done.code == 0
    assert f"Example: mailbatch {command}" in done.out


def test_no_command_is_a_question_for_help(program, here):
    done = program(cwd=here)
    assert done.code in {0, 2}
    assert "Commands:" in done.out + done.err
    wrong = program("sent", cwd=here)
    assert wrong.code == 2
    assert "No such command 'sent'" in wrong.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mailbatch re", {"reports", "results", "resolve"}),
        ("mailbatch run job.yaml --acc", {"--accept-changes"}),
    ],
)
def test_the_shell_completes_commands_and_options(here, words, expected):
    """What bash asks a completed program, by its name."""
    program = "import sys; sys.argv = ['mailbatch']; from mailbatch.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=here,
        env=environment(
            _MAILBATCH_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
        ),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_folder_with_the_rows_of_a_table_behind(here, signum):
    run_program("init", "letter", cwd=here)
    (here / "temporary").mkdir()
    serve = ("preview", "letter/job.yaml", "--serve", "--port", "0")
    process = start(*serve, cwd=here, TMPDIR=str(here / "temporary"))
    assert process.stderr is not None
    assert any(line.startswith("serving ") for line in process.stderr)
    assert [*(here / "temporary").iterdir()]
    process.send_signal(signum)
    assert end(process)[0] == 128 + signum
    assert [*(here / "temporary").iterdir()] == []
