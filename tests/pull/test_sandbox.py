"""The circle with the sandbox as the provider: sent there, and pulled from there."""

import asyncio
import json
import threading
from contextlib import contextmanager

import pytest

from mailbatch.cli.reports import show_command
from mailbatch.cli.reports_arguments import ReportsPullArguments, ReportsShowArguments
from mailbatch.cli.reports_pull import pull_command
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.sandbox.api import Api
from mailbatch.sandbox.posting import Posting
from mailbatch.sandbox.provider import Provider
from mailbatch.sandbox.records import Records
from mailbatch.sandbox.server import Sandbox
from tests.support.provider_api import KEY

from .pulled import write_job


@contextmanager
def sandbox():
    """Run a sandbox that reports at once; gives the port of the mail and the URL of the API."""
    ready, told = threading.Event(), []

    async def serve():
        records, stop = Records(), asyncio.Event()
        async with (
            Posting(print) as posting,
            await Api(records, key=KEY).start("127.0.0.1", 0) as api,
        ):
            server = await Sandbox.start(port=0, provider=Provider(posting, records=records))
            told.extend([server.port, f"http://{api.host}:{api.port}"])
            told.append((asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()
            await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(30)
        port, url, (loop, stop) = told
        yield port, url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A mailing that the sandbox has taken, to one of each fate."""
    monkeypatch.setenv("PULL_KEY", KEY)
    with sandbox() as (port, url):
        path = write_job(tmp_path, url, port)
        words = ("ada", "bounce", "soft", "complain", "suppressed")
        rows = "".join(f"{word}@example.org\n" for word in words)
        (tmp_path / "recipients.csv").write_text(f"email\n{rows}")
        assert run(load_job(path)).exit_code == 0
        yield path


def standings(job, capsys):
    capsys.readouterr()
    assert show_command(ReportsShowArguments(job, as_json=True)) == 0
    found = json.loads(capsys.readouterr().out)
    return {key: value for key, value in found.items() if value and key not in ("job", "edition")}


@pytest.mark.parametrize("once", [False, True])
def test_both_ways_to_ask_tell_the_same(job, capsys, once):
    assert pull_command(ReportsPullArguments(job, reports=once)) == 0
    expected = {"recipients": 5, "delivered": 2, "bounced": 2, "rejected": 1}
    assert standings(job, capsys) == expected
    assert pull_command(ReportsPullArguments(job, reports=once)) == 0
    assert standings(job, capsys) == expected


def test_reports_are_given_once_and_the_log_has_them_still(job, capsys):
    assert pull_command(ReportsPullArguments(job, reports=True)) == 0
    assert pull_command(ReportsPullArguments(job, reports=True)) == 0
    assert "letter-1: 0 delivery reports in 0 answers" in capsys.readouterr().err
    assert pull_command(ReportsPullArguments(job)) == 0
    assert "letter-1: 5 log entries in 1 answer" in capsys.readouterr().err


def test_the_suppression_list_of_the_sandbox(job, tmp_path):
    listed = tmp_path / "out.csv"
    assert pull_command(ReportsPullArguments(job, suppressions=True, to=listed)) == 0
    addresses = {line.split(",")[0] for line in listed.read_text().splitlines()[1:]}
    assert {"bounce@example.org", "complain@example.org"} <= addresses
    assert "ada@example.org" not in addresses
