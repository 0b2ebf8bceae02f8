"""`mailbatch reports pull`: from the provider's log to a standing, and the ways to no answer."""

import json
import os
import signal
import sys
import time

import pytest

from mailbatch.cli import reports_pull
from mailbatch.cli.reports import show_command, suppress_command
from mailbatch.cli.reports_arguments import (
    ReportsPullArguments,
    ReportsShowArguments,
    ReportsSuppressArguments,
)
from mailbatch.cli.reports_pull import pull_command
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.pull import asking
from tests.pull.pulled import start_pull, write_job
from tests.support.provider_api import KEY, ProviderApi, Say, log_entry

LOGS, REPORTS, LISTS = "/email/4/logs", "/email/4/reports", "/email/1/suppressions"
HOUR = 3600.0


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setenv("PULL_KEY", KEY)
    monkeypatch.delenv("MAILBATCH_STATE_DIR", raising=False)
    with ProviderApi() as provider:
        yield provider


@pytest.fixture
def job(tmp_path, api):
    return write_job(tmp_path, api.url)


@pytest.fixture
def one_try(monkeypatch):
    """Failures end at once: the waits between tries are tested with a clock of their own."""
    monkeypatch.setattr(asking, "ATTEMPTS", 1)


def sent(tmp_path, api, fault_server):
    """Send the mailing, and return the job with the server's id of each recipient's message."""
    job = write_job(tmp_path, api.url, fault_server().port)
    assert run(load_job(job)).exit_code == 0
    rows = (tmp_path / "results.csv").read_text().splitlines()[1:]
    return job, {row.split(",")[1]: row.split(",")[3] for row in rows}


def pull(job, **options):
    return pull_command(ReportsPullArguments(job, **options))


def standings(job, capsys):
    capsys.readouterr()
    assert show_command(ReportsShowArguments(job, as_json=True)) == 0
    found = json.loads(capsys.readouterr().out)
    return {key: value for key, value in found.items() if value and key not in ("job", "edition")}


UNKNOWN = {
    "status": {"groupId": 2, "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"},
    "error": {"groupId": 2, "id": 6006, "name": "EC_INVALID_EMAIL_ADDRESS", "permanent": True},
}


def test_from_the_log_to_a_suppression_list(tmp_path, api, fault_server, capsys):
    job, ids = sent(tmp_path, api, fault_server)
    api.logs["letter-1"] = [
        log_entry(0, messageId=ids["p0@example.org"]),
        log_entry(1, messageId=ids["p1@example.org"], **UNKNOWN),
    ]
    assert pull(job) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "letter-1: 2 log entries in 1 answer\n2 new reports\n" in said.err
    assert "the provider's log has all of it until 20" in said.err
    assert standings(job, capsys) == {"recipients": 2, "delivered": 1, "bounced": 1}
    assert suppress_command(ReportsSuppressArguments(job, tmp_path / "out.csv")) == 0
    assert "p1@example.org" in (tmp_path / "out.csv").read_text()
    assert pull(job) == 0
    assert "0 new reports" in capsys.readouterr().err


def test_reports_that_are_given_once(tmp_path, api, fault_server, capsys):
    job, ids = sent(tmp_path, api, fault_server)
    api.reports["letter-1"] = [log_entry(0, messageId=ids["p0@example.org"])]
    assert pull(job, reports=True) == 0
    assert "letter-1: 1 delivery report in 1 answer" in capsys.readouterr().err
    assert set(api.paths()) == {REPORTS}
    assert standings(job, capsys) == {"recipients": 2, "delivered": 1}


def test_an_edition_that_was_sent_before(tmp_path, api, capsys):
    job = write_job(tmp_path, api.url, edition="{{ now.year }}")
    api.logs["letter-2020"] = [log_entry(0)]
    assert pull(job, edition="2020") == 0
    said = capsys.readouterr().err
    assert "letter-2020: 1 log entry" in said
    assert "there is no ledger of this edition" in said


def test_what_is_out_of_reach_is_said(tmp_path, api, fault_server, capsys, monkeypatch):
    job, _ = sent(tmp_path, api, fault_server)
    monkeypatch.setattr(reports_pull, "_now", lambda: time.time() + 47 * HOUR)
    assert pull(job) == 0
    assert "out of reach" not in capsys.readouterr().err
    monkeypatch.setattr(reports_pull, "_now", lambda: time.time() + 49 * HOUR)
    assert pull(job, quiet=True) == 0
    assert "out of reach: 2 of 2 accepted recipients" in capsys.readouterr().err


def test_quiet_says_nothing_where_all_is_well(tmp_path, api, fault_server, capsys):
    job, _ = sent(tmp_path, api, fault_server)
    capsys.readouterr()
    assert pull(job, quiet=True) == 0
    assert capsys.readouterr() == ("", "")


LISTED = {
    "domainName": "example.com", "type": "BOUNCE", "createdDate": "2026-11-01T10:00:00.000+0000",
}  # fmt: skip


def test_the_providers_suppression_list(tmp_path, api, capsys):
    job = write_job(tmp_path, api.url, callbacks=None)  # no bulk id is needed
    api.suppressions["example.com", "BOUNCE"] = [
        {**LISTED, "emailAddress": "Gone@example.org"},
        {**LISTED, "emailAddress": "no address"},
    ]
    api.suppressions["example.com", "COMPLAINT"] = [
        {**LISTED, "type": "COMPLAINT", "emailAddress": "cross@example.org"},
        {**LISTED, "type": "COMPLAINT", "emailAddress": "gone@example.org"},
    ]
    listed = tmp_path / "gone.csv"
    assert pull(job, suppressions=True, to=listed) == 0
    assert set(api.paths()) == {LISTS}
    assert listed.read_text() == (
        "email,since,reason\n"
        "Gone@example.org,2026-11-01T10:00:00Z,provider bounce\n"
        "cross@example.org,2026-11-01T10:00:00Z,provider complaint\n"
    )
    said = capsys.readouterr().err
    assert "example.com: the provider suppresses 4 addresses" in said
    assert "2 new addresses in" in said
    before = listed.read_bytes()
    assert pull(job, suppressions=True, reports=False, to=listed) == 0
    assert listed.read_bytes() == before


def test_a_suppression_list_without_a_file_says_how_to_keep_it(job, api, capsys):
    api.suppressions["example.com", "BOUNCE"] = [{"emailAddress": "a@example.org"}]
    assert pull(job, suppressions=True, reports=False) == 0
    said = capsys.readouterr().err
    assert "example.com: the provider suppresses 1 address\n--to FILE appends them to a" in said
    assert "new report" not in said


def test_reports_and_suppressions_together(job, api):
    assert pull(job, reports=True, suppressions=True) == 0
    assert set(api.paths()) == {REPORTS, LISTS}


# -- what does not work ----------------------------------------------------------------------------


def failure(capsys, code, job, **options):
    capsys.readouterr()
    assert pull(job, **options) == code
    said = capsys.readouterr().err
    assert KEY not in said
    return said


def test_a_job_that_names_no_api(tmp_path, api, capsys):
    for sections in ({"reports": None}, {"reports": {"dsn": ["failure"]}}):
        job = write_job(tmp_path, api.url, **sections)
        said = failure(capsys, 78, job)
        assert "does not name the provider's API" in said
        assert "api_key" in said
    assert api.asked == []


def test_a_secret_that_is_not_there(job, api, capsys, monkeypatch):
    monkeypatch.delenv("PULL_KEY")
    said = failure(capsys, 78, job)
    assert "job.yaml:" in said
    assert "PULL_KEY is not set" in said
    assert api.asked == []


def test_an_extra_that_is_not_there(job, api, capsys, monkeypatch):
    for name in ("access", "asking", "pulling"):
        monkeypatch.delitem(sys.modules, f"mailbatch.pull.{name}")
    monkeypatch.setitem(sys.modules, "urllib3", None)
    assert "pip install '.[reports]'" in failure(capsys, 78, job)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"callbacks": None}, "there is no bulk_id"),
        ({"callbacks": {"bulk_id": "{{ email }}"}}, "is not the same for all messages"),
        ({"callbacks": {"bulk_id": "{{ now.year }}"}}, "is not the same for all messages"),
        ({"callbacks": {"bulk_id": "a,b"}}, "gives 'a,b': the provider takes a comma"),
    ],
)
def test_a_bulk_id_that_names_no_mailing(tmp_path, api, capsys, sections, words):
    job = write_job(tmp_path, api.url, **sections)
    for options in ({}, {"reports": True}):
        said = failure(capsys, 78, job, **options)
        assert words in said
        assert "bulk_id" in said
    assert api.asked == []


def test_a_wrong_key(job, api, capsys, monkeypatch):
    monkeypatch.setenv("PULL_KEY", "another")
    said = failure(capsys, 77, job)
    assert "answers 401" in said
    assert "reports.api_key" in said
    assert "another" not in said.replace("another URL", "")
    assert len(api.asked) == 1


@pytest.mark.parametrize("secret", ["schlüssel", "a\tb", "a\x1bb"])
def test_a_key_that_no_header_field_can_hold(job, api, capsys, monkeypatch, secret):
    monkeypatch.setenv("PULL_KEY", secret)
    said = failure(capsys, 78, job)
    assert "gives no key of an API" in said
    assert secret not in said
    assert api.asked == []


def test_a_key_of_several_lines_is_no_key(job, api, capsys, monkeypatch):
    monkeypatch.setenv("PULL_KEY", "a\r\nX-Injected: 1")
    assert "more than one line" in failure(capsys, 78, job)
    assert api.asked == []


def test_a_provider_that_is_not_there(tmp_path, api, capsys, one_try):
    job = write_job(tmp_path, "http://127.0.0.1:1")
    assert "http://127.0.0.1:1 cannot be reached: Connection refused" in failure(capsys, 69, job)


def test_a_provider_that_has_enough(job, api, capsys, one_try):
    api.next(Say(429))
    said = failure(capsys, 75, job)
    assert "answers 429" in said
    assert "goes on where it stopped" in said


def test_what_was_answered_before_a_failure_is_kept_and_read(job, api, capsys, one_try):
    api.logs["letter-1"] = [log_entry(n) for n in range(4)]
    api.next(None, Say(503))
    assert "2 new reports" in failure(capsys, 75, job)
    assert pull(job) == 0
    assert "going on where the last pull stopped" in capsys.readouterr().err


def test_to_belongs_to_suppressions(job, api, capsys, tmp_path):
    assert "--suppressions" in failure(capsys, 2, job, to=tmp_path / "x.csv")


def test_a_store_that_is_none(job, api, capsys, tmp_path):
    (tmp_path / "x").write_text("no store" * 1000)
    failure(capsys, 74, job, store=tmp_path / "x")
    assert api.asked == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_long_pause(job, api, signum):
    """Once the first page is kept: the next pull goes on behind it."""
    api.logs["letter-1"] = [log_entry(n) for n in range(4)]
    api.next(None, Say(429, retry_after="299"))
    process = start_pull(job)
    with api.grown:
        assert api.grown.wait_for(lambda: len(api.asked) == 2, timeout=60)
    while "trying again in 299 s" not in (line := process.stderr.readline()):
        assert line
    os.kill(process.pid, signum)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75, said
    assert "what was answered so far is kept" in said
