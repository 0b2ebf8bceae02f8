"""The real servers of the tests, by a raw socket."""

from __future__ import annotations

import pytest

from tests.support import postfix
from tests.support.raw_client import RawClient
from tests.support.waiting import until

pytestmark = pytest.mark.realserver


def test_smtp_sink_greets_and_announces_pipelining(smtp_sink):
    with RawClient(smtp_sink().port) as client:
        assert "250-PIPELINING\r\n" in client.greet()
        client.end()


def test_smtp_sink_takes_its_options(smtp_sink):
    with RawClient(smtp_sink("-p", "-8").port) as client:
        extensions = client.greet()
    assert "PIPELINING" not in extensions
    assert "8BITMIME" not in extensions


def test_two_smtp_sinks_have_ports_of_their_own(smtp_sink):
    assert smtp_sink().port != smtp_sink().port


def test_smtp_sink_that_cannot_start_says_why():
    postfix.sink_obstacle()
    with pytest.raises(RuntimeError, match=r"(?s)smtp-sink does not start: .*usage"):
        postfix.SmtpSink("-Z").start()


def test_postfix_takes_a_pipelined_message_and_refuses_the_listed(postfix_server):
    with RawClient(postfix_server.port) as client:
        assert "250-PIPELINING\r\n" in client.greet()
        replies = client.ask(
            "MAIL FROM:<news@example.com>\r\n"
            "RCPT TO:<ada@example.com>\r\n"
            "RCPT TO:<blocked@example.net>\r\n"
            "RCPT TO:<slow@example.net>\r\n"
            "DATA\r\n",
            replies=5,
        )
        assert [reply[:9] for reply in replies] == [
            "250 2.1.0",
            "250 2.1.5",
            "550 5.7.1",
            "451 4.7.1",
            "354 End d",
        ]
        (reply,) = client.ask("Subject: hello\r\n\r\nhi\r\n.\r\n")
        assert reply.startswith("250 2.0.0 Ok: queued as ")
        client.end()


def test_a_postfix_that_was_stopped_is_gone_with_its_daemons_and_its_folder():
    postfix.postfix_obstacle()
    server = postfix.Postfix()
    with server:
        folder, port = server._folder, server.port
        with RawClient(port) as client:
            client.greet()
            assert (folder / "queue" / "active").is_dir()
            until(lambda: "connect from" in server.log, what="Postfix's log of the connection")
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError), RawClient(port):
        pass


@pytest.mark.parametrize(("required", "outcome"), [("", "skipped"), ("1", "failed")])
def test_a_missing_server_skips_with_a_reason_or_fails_where_it_is_required(
    monkeypatch, required, outcome
):
    monkeypatch.setattr(postfix, "_program", {}.get)
    monkeypatch.setenv(postfix.REQUIRED, required)
    kinds = {"skipped": pytest.skip.Exception, "failed": pytest.fail.Exception}
    for check in (postfix.sink_obstacle, postfix.postfix_obstacle):
        with pytest.raises(kinds[outcome], match="is not installed"):
            check()
