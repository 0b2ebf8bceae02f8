"""The sandbox as a whole: what it keeps, where it listens, how it ends."""

from __future__ import annotations

import asyncio
import json
import smtplib
from datetime import datetime

import pytest

from mailbatch.errors import UsageError
from mailbatch.sandbox.outbox import INDEX
from mailbatch.sandbox.server import Sandbox

CONTENT = b"Subject: dots\r\n\r\n.\r\n..two\r\nlast\r\n"


def send(port: int, content: bytes, *recipients: str) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port, timeout=10, local_hostname="me.example") as client:
        return client.sendmail("news@example.com", recipients, content)


def test_content_and_envelope_are_kept_as_sent(tmp_path):
    """The .eml is what went in, dots and all; the index names the envelope of the accepted."""

    async def fact():
        async with await Sandbox.start(outbox=tmp_path / "new" / "outbox") as sandbox:
            await asyncio.to_thread(
                send, sandbox.port, CONTENT, "ada@example.com", "blocked@example.com"
            )
            await asyncio.to_thread(send, sandbox.port, b"", "bob@example.com")

    asyncio.run(fact())
    outbox = tmp_path / "new" / "outbox"
    first, second = [json.loads(line) for line in (outbox / INDEX).read_text().splitlines()]
    assert first["file"] == f"0001-{first['uuid']}.eml"
    assert (outbox / first["file"]).read_bytes() == CONTENT
    assert first["mail_from"] == "news@example.com"
    assert first["rcpt_tos"] == ["ada@example.com"]
    assert first["size"] == len(CONTENT)
    assert datetime.fromisoformat(first["time"]).utcoffset().total_seconds() == 0
    assert second["file"].startswith("0002-")
    assert len(list(outbox.glob("*.eml"))) == 2


def test_numbers_go_on_in_an_outbox_that_is_there(tmp_path):
    (tmp_path / "0041-old.eml").write_bytes(b"kept")

    async def fact():
        async with await Sandbox.start(outbox=tmp_path) as sandbox:
            await asyncio.to_thread(send, sandbox.port, CONTENT, "ada@example.com")

    asyncio.run(fact())
    assert [file.name[:5] for file in sorted(tmp_path.glob("*.eml"))] == ["0041-", "0042-"]
    assert (tmp_path / "0041-old.eml").read_bytes() == b"kept"


def test_a_greylisted_recipient_is_taken_at_the_second_session():
    async def fact():
        async with await Sandbox.start() as sandbox:
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                await asyncio.to_thread(send, sandbox.port, CONTENT, "greylisted@example.com")
            assert refused.value.recipients["greylisted@example.com"][0] == 451
            await asyncio.to_thread(send, sandbox.port, CONTENT, "greylisted@example.com")
            assert (sandbox.deferred, sandbox.refused, sandbox.messages) == (1, 0, 1)
            assert sandbox.sessions == 2

    asyncio.run(fact())


def test_messages_are_told_as_they_come(tmp_path):
    told = []

    async def fact():
        async with await Sandbox.start(outbox=tmp_path, on_message=told.append) as sandbox:
            await asyncio.to_thread(send, sandbox.port, CONTENT, "ada@example.com")

    asyncio.run(fact())
    (message,) = told
    assert message.rcpt_tos == ("ada@example.com",)
    assert message.file.read_bytes() == CONTENT


def test_an_outbox_that_cannot_be_written_refuses_for_now(tmp_path, caplog):
    async def fact():
        async with await Sandbox.start(outbox=tmp_path / "outbox") as sandbox:
            (tmp_path / "outbox").rename(tmp_path / "gone")
            with pytest.raises(smtplib.SMTPDataError) as refused:
                await asyncio.to_thread(send, sandbox.port, CONTENT, "ada@example.com")
            assert refused.value.smtp_code == 452
            assert sandbox.messages == 0

    asyncio.run(fact())
    assert "the outbox cannot be written" in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", ""])  # noqa: S104 - refused
def test_it_does_not_listen_beyond_loopback(host):
    with pytest.raises(UsageError, match="does not listen on"):
        asyncio.run(Sandbox.start(host))


def test_it_listens_beyond_loopback_when_told():
    async def fact():
        async with await Sandbox.start("0.0.0.0", beyond_loopback=True) as sandbox:  # noqa: S104 - the fact
            return sandbox.host, sandbox.port

    host, port = asyncio.run(fact())
    assert host == "0.0.0.0"  # noqa: S104 - the fact
    assert port > 0


def test_a_taken_port_is_a_usage_error(tmp_path):
    async def fact():
        async with await Sandbox.start("localhost") as sandbox:
            with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {sandbox.port}"):
                await Sandbox.start(port=sandbox.port, outbox=tmp_path)

    asyncio.run(fact())


def test_an_outbox_that_is_a_file_is_a_usage_error(tmp_path):
    (tmp_path / "outbox").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        asyncio.run(Sandbox.start(outbox=tmp_path / "outbox"))


def test_half_an_expectation_is_a_usage_error():
    with pytest.raises(UsageError, match="a user name and a password"):
        asyncio.run(Sandbox.start(username="App"))


def test_stop_ends_open_conversations_and_can_be_called_again():
    async def fact():
        sandbox = await Sandbox.start()
        reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
        await reader.readline()
        await sandbox.stop()
        assert await reader.read() == b""
        writer.close()
        await sandbox.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(sandbox.host, sandbox.port)

    asyncio.run(fact())


def test_an_unanswered_message_is_kept_and_the_connection_ends():
    """The client cannot know; the second attempt gets the usual reply."""
    kept = []

    async def fact():
        async with await Sandbox.start(on_message=kept.append) as sandbox:
            with pytest.raises(smtplib.SMTPServerDisconnected):
                await asyncio.to_thread(send, sandbox.port, CONTENT, "unanswered@example.com")
            assert len(kept) == 1
            refused = await asyncio.to_thread(send, sandbox.port, CONTENT, "unanswered@example.com")
            assert refused == {}

    asyncio.run(fact())
    assert [one.rcpt_tos for one in kept] == [("unanswered@example.com",)] * 2
