"""The sandbox's dialogue, byte by byte, on both event loops."""

from __future__ import annotations

import asyncio
import base64
import logging
import re

import pytest

from mailbatch.sandbox.conversation import SIZE_LIMIT

QUEUED = re.compile(
    r"250 2\.6\.0 Message queued as <[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>\r\n"
)


def test_ehlo_list_is_that_of_the_providers_page(converse):
    async def fact(sandbox, line):
        assert await line.ask("EHLO me.example\r\n") == (
            "250-smtp.email-messaging.com\r\n"
            "250-8BITMIME\r\n"
            "250-SIZE 20971520\r\n"
            "250-AUTH LOGIN PLAIN\r\n"
            "250-ENHANCEDSTATUSCODES\r\n"
            "250-PIPELINING\r\n"
            "250 OK\r\n"
        )

    converse(fact)


def test_pipelined_group_is_answered_as_on_the_providers_page(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert await line.say(
            "MAIL FROM: <news@example.com>\r\n"
            "RCPT TO: <ada@example.com>\r\n"
            "RCPT TO: <blocked@example.com>\r\n"
            "RCPT TO: <nobody@nowhere.invalid>\r\n"
            "DATA\r\n",
            replies=5,
        ) == [
            "250 2.1.0 Sender <news@example.com> OK\r\n",
            "250 2.1.5 Recipient <ada@example.com> OK\r\n",
            "550 5.7.1 Recipient <blocked@example.com> not allowed\r\n",
            "501 5.1.7 Bad recipient address <nobody@nowhere.invalid>\r\n",
            "354 End data with <CR><LF>.<CR><LF>\r\n",
        ]
        assert QUEUED.fullmatch(await line.ask("Subject: hello\r\n\r\nhi\r\n.\r\n"))
        assert await line.ask("QUIT\r\n") == "221 2.0.0 Bye\r\n"
        assert await line.reader.read() == b""
        assert (sandbox.sessions, sandbox.messages, sandbox.recipients) == (1, 1, 1)
        assert (sandbox.refused, sandbox.deferred) == (2, 0)

    converse(fact)


def test_replies_of_a_command_group_arrive_in_one_piece(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        line.writer.write(
            b"MAIL FROM:<news@example.com>\r\n"
            + b"".join(b"RCPT TO:<r%d@example.com>\r\n" % n for n in range(20))
            + b"DATA\r\n"
        )
        assert (await line.reader.read(65536)).count(b"\r\n") == 22

    converse(fact)


@pytest.mark.parametrize(
    "words",
    [
        ["AUTH PLAIN AEFwcABzZWNyZXQ="],
        ["AUTH PLAIN", "AEFwcABzZWNyZXQ="],
        ["AUTH LOGIN", "QXBw", "c2VjcmV0"],
        ["AUTH LOGIN QXBw", "c2VjcmV0"],
    ],
)
def test_both_mechanisms_with_the_providers_prompts(converse, words):
    prompts = {
        "AUTH PLAIN": "334 \r\n",
        "AUTH LOGIN": "334 VXNlcm5hbWU6\r\n",
        "QXBw": "334 UGFzc3dvcmQ6\r\n",
        "AUTH LOGIN QXBw": "334 UGFzc3dvcmQ6\r\n",
    }

    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        for word in words[:-1]:
            assert await line.ask(word + "\r\n") == prompts[word]
        assert await line.ask(words[-1] + "\r\n") == "235 2.7.0 Authentication successful\r\n"
        assert (await line.ask("AUTH PLAIN AEFwcABzZWNyZXQ=\r\n")).startswith("503 ")

    converse(fact, username="App", password="secret")


def test_expected_credentials_are_required_and_compared(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert await line.ask("MAIL FROM:<a@example.com>\r\n") == (
            "530 5.7.0 Authentication required\r\n"
        )
        wrong = base64.b64encode(b"\0App\0guess").decode()
        assert (await line.ask(f"AUTH PLAIN {wrong}\r\n")).startswith("535 5.7.8 ")
        assert (await line.ask("AUTH PLAIN *not-base64*\r\n")).startswith("501 5.5.2 ")
        await line.ask("AUTH LOGIN\r\n")
        assert (await line.ask("*\r\n")).startswith("501 5.7.0 ")
        assert (await line.ask("AUTH XOAUTH2 abcd\r\n")).startswith("504 5.5.4 ")

    converse(fact, username="App", password="secret")


def test_any_credentials_are_accepted_without_expectations(converse, caplog):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert (await line.ask("AUTH PLAIN AGEAYg==\r\n")).startswith("235 ")

    caplog.set_level(logging.WARNING)
    converse(fact)
    assert caplog.messages == []


def test_recipients_beyond_a_thousand_wait_for_the_next_transaction(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        replies = await line.say(
            "MAIL FROM:<news@example.com>\r\n"
            + "".join(f"RCPT TO:<r{n}@example.com>\r\n" for n in range(1002))
            + "DATA\r\n",
            replies=1004,
        )
        assert all(reply.startswith("250 2.1.5 ") for reply in replies[1:1001])
        assert [reply[:9] for reply in replies[1001:]] == ["452 4.5.3", "452 4.5.3", "354 End d"]
        await line.ask("x\r\n.\r\n")
        assert sandbox.recipients == 1000

    converse(fact)


def test_size_is_refused_at_mail_and_after_the_content(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        over = f"MAIL FROM:<a@example.com> SIZE={SIZE_LIMIT + 1}\r\n"
        assert (await line.ask(over)).startswith("552 5.3.4 ")
        for size, expected in [(SIZE_LIMIT, "250 2.6.0"), (SIZE_LIMIT + 100, "552 5.3.4")]:
            await line.say(
                "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", replies=3
            )
            content = (b"x" * 98 + b"\r\n") * (size // 100)
            content += b"y" * (size - len(content) - 2) + b"\r\n" if size % 100 else b""
            assert len(content) == size
            assert (await line.ask(content + b".\r\n")).startswith(expected)
        assert sandbox.messages == 1

    converse(fact)


def test_content_beyond_what_is_read_at_once_is_refused_and_the_session_goes_on(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        await line.say(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", replies=3
        )
        piece = (b"x" * 98 + b"\r\n") * 10_000
        for _ in range(70):
            line.writer.write(piece)
            await line.writer.drain()
        assert (await line.ask(b".\r\n")).startswith("552 5.3.4 ")
        assert await line.ask("NOOP\r\n") == "250 2.0.0 OK\r\n"

    converse(fact)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"one\ntwo\r\n", "554 5.6.0 The content has a bare CR or LF\r\n"),
        (b"one\rtwo\r\n", "554 5.6.0 The content has a bare CR or LF\r\n"),
        (
            b"x" * 999 + b"\r\n",
            "554 5.6.0 The content has a line of more than 998 bytes\r\n",
        ),
    ],
)
def test_content_that_breaks_the_rules_is_refused(converse, content, expected):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        await line.say(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", replies=3
        )
        assert await line.ask(content + b".\r\n") == expected
        assert sandbox.messages == 0

    converse(fact)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"a\r\n...b\r\n\r\n..\r\n.\r\n", b"a\r\n..b\r\n\r\n.\r\n"),
    ],
)
@pytest.mark.parametrize("split", [False, True])
def test_transparency_is_undone(converse, tmp_path, sent, kept, split):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        await line.say(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", replies=3
        )
        for number in range(len(sent) - 1 if split else 0):
            line.writer.write(sent[number : number + 1])
            await asyncio.sleep(0)
        assert QUEUED.fullmatch(await line.ask(sent[-1:] if split else sent))

    converse(fact, outbox=tmp_path)
    (file,) = tmp_path.glob("*.eml")
    assert file.read_bytes() == kept


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ("MAIL FROM:<a@example.com>\r\n", ["503 5.5.1 Send EHLO first"]),
        ("EHLO\r\n", ["501 5.5.4 Syntax: EHLO hostname"]),
        ("EHLO x\r\nRCPT TO:<a@example.com>\r\n", [None, "503 5.5.1 Need MAIL command"]),
        ("EHLO x\r\nDATA\r\n", [None, "503 5.5.1 Need MAIL command"]),
        (
            "EHLO x\r\nMAIL FROM:<>\r\nDATA\r\n",
            [None, "250 2.1.0 Sender <> OK", "554 5.5.1 No valid recipients"],
        ),
        (
            "EHLO x\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n",
            [
                None,
                "250 2.1.0 Sender <> OK",
                "503 5.5.1 Nested MAIL command",
                "250 2.0.0 OK",
                "250 2.1.0 Sender <> OK",
            ],
        ),
        ("EHLO x\r\nMAIL a@example.com\r\n", [None, "501 5.5.4 Syntax: MAIL FROM: <address>"]),
        (
            "EHLO x\r\nMAIL FROM:<> BODY=8BITMIME SIZE=5\r\nDATA now\r\n",
            [None, "250 2.1.0 Sender <> OK", "501 5.5.4 Syntax: DATA"],
        ),
        (
            "EHLO x\r\nMAIL FROM:<> SMTPUTF8\r\n",
            [None, "555 5.5.4 MAIL parameter SMTPUTF8 not recognized or not implemented"],
        ),
        (
            "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.com> NOTIFY=NEVER\r\nRCPT TO:a@b.c\r\n",
            [
                None,
                "250 2.1.0 Sender <> OK",
                "555 5.5.4 RCPT parameters not recognized or not implemented",
                "501 5.5.4 Syntax: RCPT TO: <address>",
            ],
        ),
    ],
)
def test_commands_out_of_place_or_shape(converse, commands, expected):
    async def fact(sandbox, line):
        replies = await line.say(commands, replies=len(expected))
        for reply, text in zip(replies, expected, strict=True):
            assert text is None or reply == text + "\r\n"

    converse(fact)


def test_command_after_the_final_dot_that_does_not_wait_is_refused(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        await line.say(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", replies=3
        )
        reply = await line.ask("hi\r\n.\r\nMAIL FROM:<a@example.com>\r\n")
        assert reply == (
            "554 5.5.0 SMTP protocol synchronization error: "
            "command sent before the reply to the end of data\r\n"
        )
        assert await line.reader.read() == b""
        assert sandbox.messages == 0

    converse(fact)


def test_content_that_does_not_wait_for_354_is_refused(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        replies = await line.say(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nhi\r\n.\r\n", replies=3
        )
        assert replies[2].startswith("554 5.5.0 SMTP protocol synchronization error: content")

    converse(fact)
