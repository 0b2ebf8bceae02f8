"""XOAUTH2: a token for each session, another one after a 535, and none is offered twice."""

from __future__ import annotations

import asyncio
import base64
import re
import sys
import threading
import time

import pytest
import yaml

from mailbatch.cli.connect import connect
from mailbatch.delivery.access_tokens import Tokens
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.runner import run
from mailbatch.errors import AuthenticationError, JobError, TokenUnavailable
from mailbatch.job.loader import load_job
from mailbatch.smtp.server import Server
from tests.certainty.scene import Scene
from tests.session.tap import Tap
from tests.support.faults import Fault, Kind, Stage

USERNAME = "ann@example.com"
#: Counts how often it was asked in a file; what it prints for the n-th time is up to `answer`.
COMMAND = """
import pathlib, sys, time
with open("asked", "a") as asked:
    print("x", file=asked)
n = len(open("asked").read().split())
{answer}
"""
NEW = 'print(f"token-{n}")'
SAME = 'print("token-same")'


class Mailing:
    """A scene whose token comes from a command, seen through a tap."""

    def __init__(self, folder, port, answer, *, auth="xoauth2", **server):
        self.scene = Scene(folder / "s", port, username=USERNAME, password="unused", attempts=3)
        self.asked_file = self.scene.folder / "asked"
        job = yaml.safe_load(self.scene.job.read_text(encoding="utf-8"))
        script = COMMAND.format(answer=answer)
        job["server"] |= {"auth": auth, **server}
        job["server"]["password"] = {"command": [sys.executable, "-c", script]}
        self.scene.job.write_text(yaml.safe_dump(job, sort_keys=False), encoding="utf-8")

    def run(self, **options):
        """Run it."""
        return run(load_job(self.scene.job), RunOptions(**options), environ={})

    @property
    def asked(self):
        """How often the command was run."""
        return len(self.asked_file.read_text().split()) if self.asked_file.exists() else 0


def offered(tap):
    """Return every token that was said to the server, in order."""
    said = tap.said().decode()
    found = [base64.b64decode(x).decode() for x in re.findall(r"AUTH XOAUTH2 (\S+)\r\n", said)]
    return [re.fullmatch(rf"user={USERNAME}\x01auth=Bearer (.*)\x01\x01", x)[1] for x in found]


def test_every_session_has_a_token_of_its_own(tmp_path, fault_server):
    """So that a mailing that takes longer than a token's hour goes on."""
    server = fault_server(mechanisms=["XOAUTH2"], need_auth=True)
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, NEW, transactions_per_session=1)
        assert mailing.run().exit_code == 0
        assert offered(tap) == ["token-1", "token-2", "token-3"]
    assert mailing.asked == 3
    mailing.scene.check(server.deliveries())


def test_parallel_sessions_have_tokens_of_their_own(tmp_path, fault_server):
    server = fault_server(mechanisms=["XOAUTH2"], need_auth=True)
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, NEW)
        assert mailing.run(sessions=3).exit_code == 0
        tokens = offered(tap)
        assert len(tokens) == len(set(tokens)) == len(tap.connections) == mailing.asked
    mailing.scene.check(server.deliveries())


@pytest.mark.parametrize("auth", ["plain", "auto"])
def test_a_password_is_asked_for_once(tmp_path, fault_server, auth):
    server = fault_server(need_auth=True)
    mailing = Mailing(tmp_path, server.port, NEW, auth=auth, transactions_per_session=1)
    assert mailing.run().exit_code == 0
    assert mailing.asked == 1
    assert len(server.stages(Stage.AUTH_FINAL)) == 3


def test_a_refused_token_is_followed_by_another_one(tmp_path, fault_server):
    """It may have expired since the command got it."""
    server = fault_server(mechanisms=["XOAUTH2"], credentials=(USERNAME, "token-2"), need_auth=True)
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, NEW)
        assert mailing.run().exit_code == 0
        assert offered(tap) == ["token-1", "token-2"]
    mailing.scene.check(server.deliveries())


def test_two_refused_tokens_end_the_run(tmp_path, fault_server):
    server = fault_server(mechanisms=["XOAUTH2"], credentials=(USERNAME, "another"))
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, NEW)
        summary = mailing.run()
        assert offered(tap) == ["token-1", "token-2"]
    assert summary.exit_code == 77
    assert str(summary.failure) == (
        f"127.0.0.1:{tap.port} refused the authentication: 535 5.7.8 Invalid credentials "
        "(the token's status: 401)"
    )
    assert set(mailing.scene.statuses().values()) == {"pending"}


def test_the_same_token_is_not_offered_again(tmp_path, fault_server):
    """A second wrong one may lock the account."""
    server = fault_server(mechanisms=["XOAUTH2"], credentials=(USERNAME, "another"))
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, SAME)
        assert mailing.run().exit_code == 77
        assert offered(tap) == ["token-same"]


@pytest.mark.parametrize("code", ["530 5.7.0", "534 5.7.9", "550 5.7.1", "454 4.7.0"])
def test_only_a_535_asks_for_another_token(tmp_path, fault_server, code):
    refusal = Fault(Stage.AUTH_FINAL, Kind.REPLY, text=f"{code} no", times=0)
    server = fault_server(refusal, mechanisms=["XOAUTH2"])
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, NEW)
        assert mailing.run().exit_code == (75 if code[0] == "4" else 77)
        assert len(offered(tap)) == len(tap.connections) == (2 if code[0] == "4" else 1)


# -- the command fails -----------------------------------------------------------------------------


FAILURES = [
    ("sys.exit(1)", "ended with 1"),
    ("pass", "is empty"),
    (r"sys.stdout.buffer.write(b'\xff')", "is not UTF-8"),
]


@pytest.mark.parametrize(("answer", "words"), FAILURES)
def test_without_a_first_token_nothing_is_begun(tmp_path, fault_server, answer, words):
    server = fault_server(mechanisms=["XOAUTH2"])
    mailing = Mailing(tmp_path, server.port, answer)
    with pytest.raises(JobError, match=words) as caught:
        mailing.run()
    assert caught.value.exit_code == 78
    assert server.journal == []


@pytest.mark.parametrize(("answer", "words"), FAILURES)
def test_without_a_later_token_it_is_tried_again(tmp_path, fault_server, answer, words):
    server = fault_server(mechanisms=["XOAUTH2"], need_auth=True)
    failing = f"print(f'token-{{n}}') if n != 2 else {answer if answer != 'pass' else None}"
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, failing, transactions_per_session=1)
        assert mailing.run().exit_code == 0
        assert offered(tap) == ["token-1", "token-3", "token-4"]
    mailing.scene.check(server.deliveries())


def test_a_command_that_fails_for_good_leaves_the_others_pending(tmp_path, fault_server):
    server = fault_server(mechanisms=["XOAUTH2"], need_auth=True)
    failing = "print(f'token-{n}') if n == 1 else sys.exit(1)"
    mailing = Mailing(tmp_path, server.port, failing, transactions_per_session=1)
    summary = mailing.run()
    assert (summary.exit_code, type(summary.failure)) == (69, TokenUnavailable)
    text = str(summary.failure)
    assert text.startswith("no access token for another session: ")
    assert "server.password: the command" in text
    assert text.endswith("ended with 1")
    assert "Run it by hand in" in summary.failure.hint
    assert mailing.asked == 1 + 3
    assert sorted(mailing.scene.statuses().values()) == ["accepted", "pending", "pending"]


# -- the command takes its time --------------------------------------------------------------------


def test_the_others_go_on_while_a_command_takes_its_time(tmp_path, fault_server):
    """The second session holds one message, and gets its token when the first has sent the rest."""
    server = fault_server(mechanisms=["XOAUTH2"], need_auth=True)
    slow = """if n == 2:
    while not pathlib.Path("all-mailed").exists():
        time.sleep(0.01)
print(f"token-{n}")"""
    mailing = Mailing(tmp_path, server.port, slow)

    def release():
        server.wait_for(2, stage="dot")
        (mailing.scene.folder / "all-mailed").touch()

    thread = threading.Thread(target=release)
    thread.start()
    summary = mailing.run(sessions=2)
    thread.join()
    assert summary.exit_code == 0
    assert [record["connection"] for record in server.stages(Stage.DOT)] == [1, 1, 2]
    mailing.scene.check(server.deliveries())


def test_nobody_waits_for_a_command_after_the_end():
    """Neither whoever has stopped waiting, nor the loop at its end."""
    asked, release = threading.Event(), threading.Event()

    def renew():
        asked.set()
        release.wait(30)
        return "late"

    async def opened(server):
        return server.password

    async def conversation():
        tokens = Tokens(Server("127.0.0.1", 25, password="first", renew=renew))
        assert await tokens.open(opened) == "first"
        waiting = asyncio.ensure_future(tokens.open(opened))
        await asyncio.to_thread(asked.wait, 30)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    began = time.monotonic()
    try:
        asyncio.run(conversation())
        assert time.monotonic() - began < 15
    finally:
        release.set()


# -- check --connect -------------------------------------------------------------------------------


def test_check_takes_another_token_as_a_run_does(tmp_path, fault_server):
    server = fault_server(mechanisms=["XOAUTH2"], credentials=(USERNAME, "token-2"))
    with Tap(server.port) as tap:
        mailing = Mailing(tmp_path, tap.port, NEW)
        found = connect(load_job(mailing.scene.job))
        assert found.authenticated == (USERNAME, "XOAUTH2")
        assert offered(tap) == ["token-1", "token-2"]


@pytest.mark.parametrize(("auth", "mechanism"), [("xoauth2", "XOAUTH2"), ("auto", "PLAIN")])
def test_check_offers_what_is_wrong_once(tmp_path, fault_server, auth, mechanism):
    server = fault_server(mechanisms=[mechanism], credentials=(USERNAME, "another"))
    mailing = Mailing(tmp_path, server.port, SAME, auth=auth)
    with pytest.raises(AuthenticationError, match="Invalid credentials"):
        connect(load_job(mailing.scene.job))
    assert len(server.stages(Stage.AUTH_FINAL)) == 1
