"""The sandbox refuses an envelope sender of another domain than From, as the provider does."""

from __future__ import annotations

import asyncio
import smtplib

import pytest

from mailbatch.render.alignment import may_be_aligned
from mailbatch.sandbox.alignment import unaligned
from mailbatch.sandbox.server import Sandbox

LETTER = b"Subject: a\r\nFrom: %s\r\nTo: b@example.org\r\n\r\nFrom: x@other.org\r\n"


@pytest.mark.parametrize(
    ("header", "envelope", "refused"),
    [
        (b"news@example.com", "news@example.com", False),
        (b"News <news@EXAMPLE.com>", "bounces@mail.example.com", False),
        (b'"a@b.de, c" <news@example.com>', "bounces@example.com", False),
        (b"=?utf-8?q?News?=\r\n <news@example.com>", "bounces@example.com", False),
        (b"news@example.com", "bounces@other.org", True),
        (b'"bounces@other.org" <news@example.com>', "bounces@other.org", True),
        (b"=?utf-8?q?News?=\r\n <news@example.com>", "bounces@other.org", True),
        (b"news@example.com", "", False),
        (b"undisclosed", "bounces@other.org", False),
    ],
)
def test_domains_are_compared_as_the_provider_says(header, envelope, refused):
    reply = unaligned(envelope, LETTER % header, may_be_aligned)
    assert (reply is not None) is refused
    if refused:
        assert reply.startswith("550 5.7.1 Envelope From (other.org) is not aligned with Header")


def test_a_refused_message_is_not_kept(tmp_path):
    async def fact():
        async with await Sandbox.start(outbox=tmp_path, aligned=may_be_aligned) as sandbox:
            letter = LETTER % b"news@example.com"
            with pytest.raises(smtplib.SMTPDataError) as caught:
                await asyncio.to_thread(send, sandbox.port, letter)
            assert caught.value.smtp_code == 550
            assert sandbox.messages == 0

    asyncio.run(fact())
    assert list(tmp_path.glob("*.eml")) == []


def send(port, content):
    with smtplib.SMTP("127.0.0.1", port, timeout=10, local_hostname="me.example") as client:
        client.sendmail("bounces@other.org", ["ada@example.com"], content)
