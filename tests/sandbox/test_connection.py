"""The sandbox's connections: TLS, and clients that leave or talk nonsense."""

from __future__ import annotations

import asyncio
import logging
import ssl
import warnings

import pytest
import trustme

from tests.sandbox.conftest import Line


def test_starttls_is_announced_needed_and_forgets_what_was_said(converse):
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)

    async def fact(sandbox, line):
        extensions = await line.ask("EHLO me.example\r\n")
        assert "250-STARTTLS\r\n" in extensions
        assert "AUTH" not in extensions
        assert (await line.ask("MAIL FROM:<a@example.com>\r\n")).startswith("530 5.7.0 ")
        assert (await line.ask("AUTH PLAIN AGEAYg==\r\n")).startswith("538 5.7.11 ")
        assert (await line.ask("STARTTLS\r\n")).startswith("220 ")
        await line.writer.start_tls(client, server_hostname="localhost")
        assert (await line.ask("MAIL FROM:<a@example.com>\r\n")).startswith("503 5.5.1 ")
        extensions = await line.ask("EHLO me.example\r\n")
        assert "STARTTLS" not in extensions
        assert "250-AUTH LOGIN PLAIN\r\n" in extensions
        assert (await line.ask("AUTH PLAIN AGEAYg==\r\n")).startswith("235 ")
        await line.say(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", replies=3
        )
        reply = await line.ask(b"x" * 900 + b"\r\n.\r\n")
        assert reply.startswith("250 2.6.0 Message queued as <")
        assert await line.ask("QUIT\r\n") == "221 2.0.0 Bye\r\n"

    converse(fact, tls_context=server)


def test_a_client_that_refuses_the_certificate_disturbs_nobody(converse, caplog):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(server)

    async def fact(sandbox, line):
        await line.ask("STARTTLS\r\n")
        with pytest.raises(ssl.SSLCertVerificationError):
            await line.writer.start_tls(ssl.create_default_context(), server_hostname="localhost")
        reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
        other = Line(reader, writer)
        await other.reply()
        assert (await other.ask("NOOP\r\n")) == "250 2.0.0 OK\r\n"
        writer.close()

    caplog.set_level(logging.WARNING)
    converse(fact, tls_context=server)
    assert caplog.messages == []


def test_a_command_that_fails_inside_is_answered_and_logged(converse, caplog):
    def fail(message):
        raise ZeroDivisionError

    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        await line.say(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", replies=3
        )
        assert await line.ask("x\r\n.\r\n") == "451 4.3.0 The sandbox failed\r\n"
        assert await line.ask("NOOP\r\n") == "250 2.0.0 OK\r\n"

    converse(fact, on_message=fail)
    assert caplog.messages == ["the sandbox failed to answer a command"]


def test_clients_that_talk_nonsense_are_nothing_for_standard_error(converse, capfd, monkeypatch):
    # Without handlers on the root, as in the command line, logging falls back to standard error.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    async def fact(sandbox, line):
        assert (await line.ask("HELLO?\r\n")).startswith("500 ")
        await line.ask("EHLO me.example\r\n")
        await line.ask("AUTH LOGIN\r\n")
        await line.ask("*\r\n")

    converse(fact)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "left_at", [b"", b"EHLO x\r\n", b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n"]
)
def test_a_client_that_vanishes_disturbs_nobody(converse, caplog, left_at):
    async def fact(sandbox, line):
        line.writer.write(left_at)
        line.writer.transport.abort()
        reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
        other = Line(reader, writer)
        await other.reply()
        assert (await other.ask("NOOP\r\n")) == "250 2.0.0 OK\r\n"
        writer.close()

    caplog.set_level(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        converse(fact)
    assert caplog.messages == []
