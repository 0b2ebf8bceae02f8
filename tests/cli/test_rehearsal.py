"""`run --sandbox` with callbacks: a rehearsal that is kept, with the reports of its messages."""

from __future__ import annotations

import csv
import http.client
import json
import signal
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from mailbatch.cli.rehearsal import KeptRehearsal
from tests.certainty.program import end, start
from tests.support.waiting import until

KEPT = ".mailbatch/sandbox"
AT = ("--state-dir", KEPT)
ADDRESSES = (
    "ada@example.org", "bounce+grace@example.org", "complain@example.net", "blocked@example.net",
    "unanswered@example.org",
)  # fmt: skip


@pytest.fixture
def job(tmp_path, program):
    """A job whose messages ask for reports, for a server that is not there."""
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "recipients.csv").write_text("email\n" + "\n".join(ADDRESSES) + "\n")
    (folder / "letter.txt.j2").write_text("Hello\n")
    declared = {
        "version": 1,
        "name": "letter",
        "edition": "2026-W48",
        "server": {"host": "localhost", "port": 1, "security": "plaintext"},
        "sender": {"from": "News <news@example.com>"},
        "recipients": {"file": "recipients.csv"},
        "message": {"subject": "Hello", "text": "letter.txt.j2"},
        "callbacks": {
            "bulk_id": "{{ job.name }}-{{ edition }}",
            "notify_url": "https://hooks.example.com/reports",
            "tracking_url": "https://hooks.example.com/reports",
        },
        "retry": {"initial": "0.01s"},
    }

    class Job:
        """The job, and the program in its folder."""

        def __init__(self):
            self.folder = folder
            self.declared = declared
            self.write()

        def write(self):
            (folder / "job.yaml").write_text(yaml.safe_dump(declared))

        def __call__(self, command, *arguments, **more):
            words = command.split()
            return program(*words, "job.yaml", *arguments, cwd=folder, **more)

        def shown(self, *arguments):
            """What `reports show` has for each address."""
            done = self("reports show", *AT, "--csv", "-", *arguments)
            assert done.code == 0, done.err
            return {row["email"]: row for row in csv.DictReader(done.out.splitlines())}

    return Job()


def test_the_reports_of_a_rehearsal_are_shown(job):
    """Each address has its fate, the run says where to look, and nothing is unmatched."""
    done = job("run", "--sandbox")
    assert done.code == 4
    assert f"its reports: mailbatch reports show job.yaml --state-dir {KEPT}\n" in done.err
    assert f"in doubt: mailbatch resolve job.yaml --state-dir {KEPT}\n" in done.err
    assert "hooks.example.com" not in done.err
    shown = job.shown()
    assert {address: row["report"] for address, row in shown.items()} == {
        "ada@example.org": "delivered",
        "bounce+grace@example.org": "bounced",
        "complain@example.net": "complained",
        "unanswered@example.org": "delivered",
    }
    bounce = shown["bounce+grace@example.org"]
    assert (bounce["report_kind"], bounce["report_code"]) == ("hard", "6006")
    counts = json.loads(job("reports show", *AT, "--json").out)
    assert (counts["recipients"], counts["unmatched"]) == (5, 0)


def test_the_commands_know_the_rehearsal_and_not_the_mailing(job):
    """The doubt is in its ledger; the real state directory has neither ledger nor store."""
    assert job("run", "--sandbox", "--quiet").code == 4
    assert "unanswered@example.org" in job("resolve", *AT).out
    assert job("resolve", *AT, "--accepted").code == 0
    assert job("status", *AT, "--json").json["accepted"] == 4
    assert job("status").err.startswith("not sent yet; it was rehearsed: ")
    assert job("reports show").code == 74
    assert [path.name for path in (job.folder / ".mailbatch").iterdir()] == ["sandbox"]


@pytest.mark.parametrize("by", ["reports", "bounced.csv"])
def test_bounce_and_complaint_are_suppressed_in_the_next_edition(job, by):
    """By the reports themselves, or by the list that `reports suppress` makes of them."""
    (job.folder / "bounced.csv").write_text("email,since,reason\n")
    job.declared["recipients"]["suppress"] = [by]
    job.write()
    assert job("run", "--sandbox", "--quiet").code == 4
    if by != "reports":
        assert job("reports suppress", *AT, "--to", by, "--quiet").code == 0
    assert job("run", "--sandbox", "--edition", "2026-W49", "--quiet").code == 4
    status = job("status", *AT, "--edition", "2026-W49", "--json").json
    assert (status["suppressed"], status["accepted"]) == (2, 1)


def test_a_rehearsal_that_begins_anew_suppresses_nobody_by_itself(job):
    """The reports of the edition that is rehearsed again count no more; those of the mailing do."""
    job.declared["recipients"]["suppress"] = ["reports"]
    job.write()
    for _ in range(2):
        assert job("run", "--sandbox", "--quiet").code == 4
        assert job("status", *AT, "--json").json["suppressed"] == 0


def test_the_results_of_a_rehearsal_have_its_reports(job):
    """The columns behind the reason."""
    assert job("run", "--sandbox", "--quiet").code == 4
    with (job.folder / "results" / "letter-2026-W48.sandbox.csv").open(newline="") as stream:
        rows = {row["email"]: row["report"] for row in csv.DictReader(stream)}
    assert rows["bounce+grace@example.org"] == "bounced"
    assert rows["blocked@example.net"] == ""


def test_a_second_rehearsal_begins_anew_and_leaves_other_editions(job):
    """The whole mailing again, and its reports once."""
    job("run", "--sandbox", "--edition", "2026-W47")
    job("run", "--sandbox")
    before = job.shown()
    (job.folder / "recipients.csv").write_text("email\nada@example.org\ncomplain@example.net\n")
    again = job("run", "--sandbox")
    assert "2 accepted" in again.err
    assert job.shown().keys() == {"ada@example.org", "complain@example.net"}
    assert job.shown("--edition", "2026-W47").keys() == before.keys()
    assert json.loads(job("reports show", *AT, "--json").out)["unmatched"] == 5


def test_a_job_that_asks_for_no_reports_keeps_nothing(job):
    """As before: a rehearsal leaves its results alone."""
    del job.declared["callbacks"]
    job.write()
    done = job("run", "--sandbox")
    assert done.code == 4
    assert "reports" not in done.err
    assert not (job.folder / ".mailbatch").exists()


def test_the_state_directory_is_that_of_the_command_line(job):
    """The rehearsal goes below it, from the environment, too."""
    job("run", "--sandbox", "--state-dir", "a")
    job("run", "--sandbox", MAILBATCH_STATE_DIR=str(job.folder / "b"))
    for name in ("a", "b"):
        assert (job.folder / name / "sandbox" / "reports.sqlite3").exists()
        assert not (job.folder / name / "reports.sqlite3").exists()


def test_a_store_that_is_none_stops_the_rehearsal(job):
    """Before anything is sent, with the place and the next step."""
    place = job.folder / ".mailbatch" / "sandbox"
    place.mkdir(parents=True)
    (place / "reports.sqlite3").write_text("no store at all, and longer than a header\n" * 20)
    done = job("run", "--sandbox")
    assert done.code == 74
    assert "reports.sqlite3" in done.err


@pytest.fixture
def posts():
    """A web server that keeps what is posted, by path, and answers 200."""
    kept = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.append((self.path, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], kept
        server.shutdown()
        thread.join(20)


def test_a_sandbox_of_its_own_posts_and_answers(job, posts):
    """Reports reach the job's URL on this machine; `reports pull` gets them, too, others once."""
    port, kept = posts
    process = start("sandbox", "--report", "--port", "0", "--api-port", "0", "--api-key", "secret",
                    cwd=job.folder)  # fmt: skip
    api, smtp = (process.stderr.readline() for _ in range(2))
    address = api.removeprefix("reports: http://").partition(",")[0]
    job.declared["server"]["port"] = int(smtp.split(":")[1].partition(",")[0])
    for key in ("notify_url", "tracking_url"):
        job.declared["callbacks"][key] = f"http://127.0.0.1:{port}/{key}"
    job.declared["reports"] = {"base_url": f"http://{address}", "api_key": {"env": "KEY"}}
    (job.folder / "recipients.csv").write_text("email\nada@example.org\nbounce@example.net\n")
    job.write()
    assert job("run", "--yes", "--quiet").code == 0

    def results():
        return [one for path, body in kept if path == "/notify_url" for one in body["results"]]

    until(lambda: len({one["to"] for one in results()}) == 2, what="two reports")

    def get(path, key="secret"):
        api = http.client.HTTPConnection(address, timeout=20)
        api.request("GET", path, headers={"Authorization": f"App {key}"})
        answer = api.getresponse()
        return answer.status, json.load(answer).get("results")

    assert len(get("/email/4/logs?bulkId=letter-2026-W48")[1]) == 2
    pulled = job("reports pull", KEY="secret")
    assert (pulled.code, "2 log entries" in pulled.err) == (0, True), pulled.err
    assert json.loads(job("reports show", "--json").out)["bounced"] == 1
    assert len(get("/email/4/reports")[1]) == 2
    assert get("/email/4/reports") == (200, [])
    assert get("/email/4/reports", key="other") == (401, None)
    process.send_signal(signal.SIGTERM)
    code, out, err = end(process)
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == f"{len(results())} reports posted, 2 pulled"


@pytest.mark.parametrize("option", [("--api-port", "0"), ("--api-key", "x")])
def test_the_options_of_the_api_go_with_report(job, program, option):
    """Alone they would do nothing."""
    done = program("sandbox", "--port", "0", *option, cwd=job.folder)
    assert done.code == 2
    assert f"{option[0]} goes with --report" in done.err


def test_a_store_that_fails_on_the_way_costs_the_reports_alone(tmp_path):
    """The first failure is kept for the end of the run, and nothing is raised into the sandbox."""
    kept = KeptRehearsal("letter", tmp_path / "sandbox")
    kept.begin("2026-W48")
    kept.take(b"{}")
    kept.flush()
    with closing(sqlite3.connect(tmp_path / "sandbox" / "reports.sqlite3")) as store:
        assert store.execute("SELECT place, origin FROM body").fetchall() == [
            ("sandbox, letter (2026-W48)", "serve")
        ]
        store.execute("DROP TABLE body")
    for _ in range(500):
        kept.take(b"{}")
    kept.close()
    assert kept.failure is not None
    assert kept.failure.exit_code == 74
