"""The real servers, by a raw socket: each starts, refuses whom it is to, spools, and ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.exim import Exim
from tests.support.postfix import REQUIRED
from tests.support.raw_client import RawClient
from tests.support.real_server import ROOT
from tests.support.try_server import SERVERS
from tests.support.waiting import greets, listens, until

pytestmark = pytest.mark.realserver


@pytest.mark.parametrize(("required", "outcome"), [("", "skipped"), ("1", "failed")])
@pytest.mark.parametrize("kind", SERVERS.values(), ids=lambda kind: kind.name)
def test_a_missing_server_skips_with_a_reason_or_fails_where_it_is_required(
    monkeypatch, tmp_path, kind, required, outcome
):
    monkeypatch.setattr(kind, "program", tmp_path / "nothing")
    monkeypatch.setenv(REQUIRED, required)
    kinds = {"skipped": pytest.skip.Exception, "failed": pytest.fail.Exception}
    with pytest.raises(kinds[outcome], match=r"is not unpacked: run bash \.ci/servers"):
        kind.check_obstacle()


def test_a_server_ends_with_whoever_started_it():
    """Also where that one is killed."""
    Exim.check_obstacle()
    command = [sys.executable, "-m", "tests.support.try_server", "exim"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline().split("'plain': ")[1].split(",")[0])
        folder = Path(owner.stdout.readline().split()[1].rstrip(","))
        assert greets(port)
        owner.kill()
    until(lambda: not listens(port), what="the end of the server")
    shutil.rmtree(folder)


@pytest.mark.parametrize("kind", SERVERS.values(), ids=lambda kind: kind.name)
def test_a_server_takes_mail_and_refuses_the_listed(kind, certificates):
    kind.check_obstacle()
    with kind(certificates.server_file) as server:
        folder, port = server.folder, server.port
        for _ in range(2):
            with RawClient(server.port) as client:
                client.greet()
                replies = [
                    client.ask(line)[0][:3]
                    for line in (
                        "MAIL FROM:<news@example.org>\r\n",
                        f"RCPT TO:<{kind.refused(1)}>\r\n",
                        "RCPT TO:<ada@example.net>\r\n",
                        "RCPT TO:<eve@example.net>\r\n",
                        "DATA\r\n",
                        "Message-ID: <1@example.com>\r\nSubject: x\r\n\r\nhello\r\n.\r\n",
                    )
                ]
                client.end()
            assert replies == ["250", "550", "250", "250", "354", "250"]
            processes = server._enclosure.processes()
            assert processes
            server.terminate()
            server.restart()
        spooled = server.spooled()
    assert [sorted(one.recipients) for one in spooled] == [
        ["ada@example.net", "eve@example.net"]
    ] * 2
    assert len({one.identifier for one in spooled}) == 2
    assert {one.message_id for one in spooled} <= {"1@example.com", None}
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError), RawClient(port):
        pass
