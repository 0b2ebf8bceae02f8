"""`mailbatch reports serve`: what it prints, what it refuses, and the circle to the recipient."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.certainty import forked
from tests.certainty.disks import Disks
from tests.certainty.program import REPOSITORY, environment, mailbatch, start
from tests.receiver.receiving import TOKEN, Target, bodies, stopped
from tests.support.ports import free_port


@contextmanager
def serving(folder, *options, **more):
    """Start the program in a folder; yields its process and the line that it printed."""
    process = start("reports", "serve", *options, cwd=folder, **more)
    try:
        yield process, process.stdout.readline().removesuffix("\n")
    finally:
        process.kill()
        process.communicate()


def target_of(url):
    parts = urlsplit(url)
    return Target(parts.hostname, parts.port, parts.path)


ANY_PORT = ("--listen", "127.0.0.1:0")


def test_a_posted_report_finds_its_recipient(mailing):
    scene, _ = mailing(recipients=3)
    assert scene.command("run").code == 0
    row = scene.results()[0]
    entry = {"messageId": row["message_id"], "to": row["email"], "status": {"groupId": 3}}
    with serving(scene.folder, "job.yaml", *ANY_PORT) as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/reports/[A-Za-z0-9_-]{32}", url)
        assert target_of(url).post(json.dumps({"results": [entry]})) == 200
        shown = scene._program("reports", "show", "job.yaml", "--json", cwd=scene.folder)
        assert shown.json["delivered"] == 1  # while the receiver runs
        assert stopped(process) == (0, "", "1 body kept\n")
    (scene.folder / "recipients.csv").unlink()  # no file that the job names is read
    with serving(scene.folder, "job.yaml", *ANY_PORT) as (_, again):
        assert urlsplit(again).path == urlsplit(url).path


def test_a_read_only_disk_is_told_of_the_store_not_of_the_token(tmp_path):
    (tmp_path / "state").mkdir()
    with Disks(locked=tmp_path / "state") as disks:
        done = forked.mailbatch(
            "reports", "serve", "--state-dir", "state", *ANY_PORT,
            cwd=tmp_path, namespace=disks.namespace,
        )  # fmt: skip
    assert (done.code, done.out) == (74, "")
    said = " ".join(done.err.split())
    assert "state/reports.sqlite3: Read-only file system" in said
    assert "make the store and its folder writable for this user, or set --store" in said
    assert "--token" not in said


def test_the_line_is_the_url_for_the_job(tmp_path):
    (tmp_path / "state").mkdir()
    options = ("--state-dir", "state", *ANY_PORT, "--url", "https://hooks.example.com/mail/")
    with serving(tmp_path, *options, MAILBATCH_REPORTS_TOKEN=TOKEN) as (_, line):
        assert line == f"https://hooks.example.com/mail/reports/{TOKEN}"
    assert min(one.name for one in (tmp_path / "state").iterdir()) == "reports.sqlite3"


def test_credentials_come_from_files(tmp_path):
    for name, text in (("basic", "news:pass word\n"), ("header", "X-Key: s3cret\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    options = ("--basic", "basic", "--header", "header")
    with serving(tmp_path, "--store", "r.sqlite3", *ANY_PORT, *options) as (process, url):
        target = target_of(url)
        assert target.post(b"{}") == 401
        right = {"Authorization": "Basic bmV3czpwYXNzIHdvcmQ=", "X_Key": "s3cret"}
        assert target.post(b"{}", **right) == 200
        lines = "1 body kept\n1 POST refused: wrong credentials, or a wrong proof\n"
        assert stopped(process) == (0, "", lines)
    assert bodies(tmp_path / "r.sqlite3") == [b"{}"]


def test_ipv6(tmp_path):
    try:
        with serving(tmp_path, "--store", "r.sqlite3", "--listen", "[::1]:0") as (_, url):
            assert url.startswith("http://[::1]:")
            assert target_of(url).post(b"{}") == 200
    except ValueError:
        pytest.skip("this machine has no IPv6 on its loopback")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "where shall the reports be kept? name a job, or --store FILE"),
        (["--store", "r", "--listen", "8025"], 2, "--listen 8025: expected HOST:PORT"),
        (["--store", "r", "--listen", "127.0.0.1:99999"], 2, "expected HOST:PORT"),
        (["--store", "r", "--listen", "192.0.2.1:1"], 2, "cannot listen on 192.0.2.1:1: "),
        (["--store", "r", "--token", "short"], 2, "--token: expected 16 to 128 letters"),
        (["--store", "r", "--url", "hooks.example.com"], 2, "expected a URL such as https://"),
        (["--store", "r", "--topic", "reports"], 2, "this is no ARN of a topic of SNS"),
        (["--store", "r", "--basic", "basic"], 2, "--basic basic: expected USER:PASSWORD in the"),
        (["--store", "r", "--header", "basic"], 2, "expected Name: value in the file"),
        (["--store", "r", "--basic", "open"], 78, "can be read or written by others"),
        (["--store", "r", "--mailgun-key", "none"], 78, "cannot be read: No such file"),
        (["--store", "r", "--certificate", "basic"], 2, "one of them is missing"),
        (["--store", "none/r"], 74, "No such file or directory"),
        (["--store", "open", *ANY_PORT], 74, "file is not a database"),
        (["job.yaml"], 78, "job.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_named_and_nothing_is_served(tmp_path, options, code, words):
    for name, mode in (("basic", 0o600), ("open", 0o644)):
        (tmp_path / name).write_text("no colon here, " * 100 + "\n")
        (tmp_path / name).chmod(mode)
    found = mailbatch("reports", "serve", *options, cwd=tmp_path)
    assert (found[0], found[1]) == (code, "")
    assert words in " ".join(found[2].split())


def test_a_certificate_that_is_none(tmp_path):
    for name in ("chain", "key"):
        (tmp_path / name).write_text("no PEM")
    options = ("--certificate", "chain", "--key", "key", "--store", "r")
    code, out, err = mailbatch("reports", "serve", *options, *ANY_PORT, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "--certificate and --key name PEM files that belong together" in err


def test_a_port_that_is_taken(tmp_path):
    with serving(tmp_path, "--store", "r", *ANY_PORT) as (_, url):
        port = urlsplit(url).port
        code, out, err = mailbatch(
            "reports", "serve", "--store", "s", "--listen", f"127.0.0.1:{port}", cwd=tmp_path
        )
    assert (code, out) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in err
    assert not (tmp_path / "s").exists()


def test_a_receiver_beyond_the_loopback_without_tls_is_warned_of(tmp_path):
    options = ("--store", "r", "--listen", f"0.0.0.0:{free_port()}", "--quiet")
    with serving(tmp_path, *options) as (process, _):
        assert "0.0.0.0 takes reports in clear text" in stopped(process)[2]


@pytest.mark.parametrize(
    ("missing", "options"),
    [("uvicorn", []), ("starlette", []), ("httptools", []),
     ("cryptography", ["--topic", "arn:aws:sns:eu-west-1:123456789012:reports"])],
)  # fmt: skip
def test_without_the_extra_its_name_is_said(tmp_path, missing, options):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from mailbatch.cli.main import main; "
        f"sys.argv[1:] = ['reports', 'serve', '--store', 'r', *{options!r}]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(REPOSITORY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert f"{missing} is not installed" in done.stderr
    assert "pip install '.[reports]'" in done.stderr
    assert list(tmp_path.iterdir()) == []
