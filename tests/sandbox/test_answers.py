"""Answers in place of the usual ones: how they are written, what they are for, what is said."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from mailbatch.errors import UsageError
from mailbatch.sandbox.answers import Answer, Answers, Command, SessionAnswers, Within, parse_answer
from mailbatch.sandbox.conversation import RECIPIENT_LIMIT
from tests.sandbox.conftest import Line

GROUP = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
MAIL = "MAIL FROM:<a@example.com>\r\n"


def rehearsing(*written: str) -> tuple[Answer, ...]:
    return tuple(map(parse_answer, written))


@asynccontextmanager
async def another(sandbox) -> AsyncIterator[Line]:
    """Open a further line to the sandbox; its greeting is not read yet."""
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


async def begin(line: Line) -> None:
    """Read the greeting, and say EHLO."""
    assert (await line.reply()).startswith("220 ")
    assert (await line.ask("EHLO me.example\r\n")).startswith("250-")


async def send(line: Line) -> str:
    """Send one message, and give the reply to its end of data."""
    await line.say(GROUP, replies=3)
    return await line.ask("hi\r\n.\r\n")


async def codes(line: Line, text: str, replies: int) -> list[str]:
    return [reply[:3] for reply in await line.say(text, replies)]


# Written, command, after, times, within, code, lines.
WRITTEN = [
    ("MAIL=530 5.7.0 No", Command.MAIL, 0, None, Within.SANDBOX, 530, ("5.7.0 No",)),
    ("mail:=530", Command.MAIL, 0, None, Within.SANDBOX, 530, ("",)),
    ("END:10=554 a=b: c", Command.END, 10, None, Within.SANDBOX, 554, ("a=b: c",)),
    ("RCPT:10:2=452 x", Command.RCPT, 10, 2, Within.SANDBOX, 452, ("x",)),
    ("RCPT::2=254 x", Command.RCPT, 0, 2, Within.SANDBOX, 254, ("x",)),
    ("MAIL:100/session=close", Command.MAIL, 100, None, Within.SESSION, 0, ()),
    ("RCPT:3/transaction:1=552 x", Command.RCPT, 3, 1, Within.TRANSACTION, 552, ("x",)),
    (
        r"AUTH:1=535 5.7.8 a\n\n5.7.9 c",
        Command.AUTH, 1, None, Within.SANDBOX, 535, ("5.7.8 a", "5.7.8 ", "5.7.9 c"),
    ),
    (r"EHLO=250 A\nB 1", Command.EHLO, 0, None, Within.SANDBOX, 250, ("A", "B 1")),
    ("MAIL=530 Grüße", Command.MAIL, 0, None, Within.SANDBOX, 530, ("Grüße",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "command", "after", "times", "within", "code", "lines"), WRITTEN
)
def test_an_answer_is_read(written, command, after, times, within, code, lines):
    answer = parse_answer(written)
    assert (answer.command, answer.after, answer.times) == (command, after, times)
    assert (answer.within, answer.code, answer.lines) == (within, code, lines)
    assert answer.written == written


@pytest.mark.parametrize(
    ("written", "place", "words", "hint"),
    [
        ("", 1, "there is no '' to answer", "use one of GREETING, EHLO, AUTH, MAIL"),
        ("MIAL=452", 1, "there is no 'MIAL'", "Did you mean MAIL?"),
        ("BDAT=452", 1, "announces no CHUNKING", "use one of"),
        ("DOT=452", 1, "the word for the end of data is END", "use one of"),
        ("MAIL", 5, "expected = and a reply", "for example --answer 'RCPT:10:1=452"),
        ("MAIL:1", 7, "expected = and a reply", "for example"),
        ("MAIL:x=452", 6, "expected a number, not 'x'", "for example"),
        ("MAIL:-1=452", 6, "expected a number, not '-1'", "for example"),
        ("MAIL:²=452", 6, "expected a number, not '²'", "for example"),
        ("MAIL:1:=452", 8, "expected a number, not ''", "for example"),
        ("MAIL:1:0=452", 8, "expected a number from 1", "for example"),
        ("MAIL:1:2:3=452", 9, "expected = and a reply", "for example"),
        ("MAIL:/session=452", 6, "expected a number, not ''", "for example"),
        ("MAIL:1/sesion=452", 8, "within each 'sesion'", "Did you mean session?"),
        ("MAIL:1/transaction=452", 8, "within each 'transaction'", "write /session"),
        ("MAIL:1/sandbox=452", 8, "within each 'sandbox'", "leave it out"),
        ("GREETING:1/session=421", 12, "within each 'session'", "leave it out"),
        ("MAIL=", 6, "expected a reply code with its text, or close", "for example"),
        ("MAIL=45 x", 6, "expected a reply code", "for example"),
        ("MAIL=199", 6, "expected a reply code", "for example"),
        ("MAIL=452x", 6, "expected a reply code", "for example"),
        ("MAIL=452-x", 6, "expected a reply code", "for example"),
        ("MAIL=Close", 6, "expected a reply code", "Did you mean close?"),
        ("MAIL=354 go", 6, "MAIL is not answered with 354", "use one of 2yz, 4yz, 5yz, or close"),
        ("DATA=250 ok", 6, "DATA is not answered with 250", "use one of 3yz, 4yz, 5yz, or close"),
        ("IDLE=250 ok", 6, "IDLE is not answered with 250", "use one of 4yz, 5yz, or close"),
        ("MAIL=452 a\r\n250 b", 11, "no control characters", r"write \n between lines"),
        ("MAIL=452 \udcff", 10, "no control characters", r"write \n"),
        ("EHLO=250", 9, "expected an extension", "EHLO=250 LIMITS MAILMAX=5"),
        ("MAIL=452 " + "x" * 507, 6, "at most 512 bytes", r"write \n between lines"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_answer_has_its_place_and_a_next_step(written, place, words, hint):
    with pytest.raises(UsageError) as refused:
        parse_answer(written)
    assert refused.value.message.startswith(f"--answer '{written}': character {place}: ")
    assert words in refused.value.message
    assert hint in (refused.value.hint or "")


def test_the_longest_line_is_an_answer():
    """RFC 5321 4.5.3.1.5: 512 octets, with the code and CRLF."""
    answer = parse_answer("MAIL=452 " + "x" * 506)
    assert len(answer.reply) + len("\r\n") == 512


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("MAIL=530 5.7.0 No", "530 5.7.0 No at every MAIL"),
        ("MAIL:2=close", "close at MAIL 3 and later"),
        ("MAIL:2:1=530", "530 at MAIL 3"),
        (r"RCPT:2/transaction:3=452 a\nb", "452 a / b at RCPT 3 to 5 of each transaction"),
        ("MAIL:0/session:1=451 x", "451 x at MAIL 1 of each session"),
    ],
)
def test_an_answer_says_for_people_what_it_will_do(written, words):
    assert str(parse_answer(written)) == words


def told(answers: Answers, commands: Iterable[Command]) -> list[int | None]:
    """The codes that one session gets."""
    session = SessionAnswers(answers)
    return [None if (answer := session.to(one)) is None else answer.code for one in commands]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["MAIL=530"], [530, 530, 530, 530]),
        (["MAIL:2=530"], [None, None, 530, 530]),
        (["MAIL:1:2=530"], [None, 530, 530, None]),
        (["MAIL:1:1=530", "MAIL=450"], [450, 530, 450, 450]),
        (["MAIL=450", "MAIL:1:1=530"], [450, 450, 450, 450]),
        # Each names the commands that it is for; what others answer does not move them.
        (["MAIL::2=450", "MAIL:1:2=530"], [450, 450, 530, None]),
    ],
)
def test_the_first_that_is_due_is_given(written, expected):
    assert told(Answers(rehearsing(*written)), [Command.MAIL] * 4) == expected


def test_commands_are_counted_over_all_sessions_or_in_each():
    everywhere = Answers(rehearsing("MAIL:2:1=450"))
    each = Answers(rehearsing("MAIL:2/session:1=450"))
    mails = [Command.MAIL] * 2
    assert told(everywhere, mails) + told(everywhere, mails) == [None, None, 450, None]
    assert told(each, mails) + told(each, [*mails, *mails]) == [None] * 4 + [450, None]


def test_a_transaction_begins_with_mail():
    answers = Answers(rehearsing("RCPT:1/transaction=452", "RCPT:4:1=250"))
    rcpt = [Command.MAIL, Command.RCPT, Command.RCPT]
    assert told(answers, rcpt * 3) == [None, None, 452, None, None, 452, None, 250, 452]


def test_an_answer_that_had_no_occasion_is_known():
    answers = Answers(rehearsing("MAIL:1:1=450", "MAIL:1=451", "AUTH:1=535", "MAIL:1:1=530"))
    told(answers, [Command.AUTH, Command.MAIL, Command.MAIL])
    assert [one.written for one in answers.never_given] == [
        "MAIL:1=451", "AUTH:1=535", "MAIL:1:1=530",
    ]  # fmt: skip
    assert answers.counts == {Command.AUTH: 1, Command.MAIL: 2}


def test_a_refused_command_is_left_undone(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert await line.say(GROUP, 3) == [
            "530 5.7.0 Authentication required\r\n",
            "503 5.5.1 Need MAIL command\r\n",
            "503 5.5.1 Need MAIL command\r\n",
        ]
        assert await line.say(GROUP, 3) == [
            "250 2.1.0 Sender <a@example.com> OK\r\n",
            "452-4.5.3 Too many\r\n452 4.5.3 recipients\r\n",
            "554 5.5.1 No valid recipients\r\n",
        ]
        assert await codes(line, "RCPT TO:<b@example.net>\r\nDATA\r\n", 2) == ["250", "451"]
        assert await codes(line, "DATA\r\n", 1) == ["354"]
        assert await line.ask("hi\r\n.\r\n") == "554 5.7.1 Sending suspended\r\n"
        assert (sandbox.messages, sandbox.refused, sandbox.deferred) == (0, 0, 1)
        assert (await send(line)).startswith("250 2.6.0 Message queued as <")

    converse(
        fact,
        answers=rehearsing(
            "MAIL::1=530 5.7.0 Authentication required",
            r"RCPT::1=452 4.5.3 Too many\nrecipients",
            "DATA::1=451 4.3.0 Later",
            "END::1=554 5.7.1 Sending suspended",
        ),
    )


def test_a_positive_answer_takes_the_place_of_the_words_and_the_command_is_done(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert await line.say(GROUP, 3) == [
            "250 2.1.0 Fine\r\n",
            "254 2.1.5 Suppressed\r\n",
            "354 Go\r\n",
        ]
        assert await line.ask("hi\r\n.\r\n") == "250 2.0.0 Ok: queued as 4XYZ\r\n"
        assert (sandbox.messages, sandbox.recipients) == (1, 1)
        await line.ask(MAIL)
        assert await line.ask("RSET\r\n") == "250 Flushed\r\n"
        assert await line.ask(MAIL) == "250 2.1.0 Fine\r\n"
        assert await line.ask("QUIT\r\n") == "221 Until then\r\n"
        assert await line.reader.read() == b""

    converse(
        fact,
        answers=rehearsing(
            "MAIL=250 2.1.0 Fine",
            "RCPT=254 2.1.5 Suppressed",
            "DATA=354 Go",
            "END=250 2.0.0 Ok: queued as 4XYZ",
            "RSET=250 Flushed",
            "QUIT=221 Until then",
        ),
    )


def test_content_that_the_sandbox_cannot_take_is_refused_as_usual(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        await line.say(GROUP, 3)
        assert (await line.ask("one\ntwo\r\n.\r\n")).startswith("554 5.6.0 ")
        assert await send(line) == "250 Taken\r\n"
        assert sandbox.messages == 1

    converse(fact, answers=rehearsing("END=250 Taken"))


def test_an_answer_precedes_the_table_and_the_limit_of_the_sandbox(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        many = RECIPIENT_LIMIT + 1
        found = await codes(line, MAIL + "RCPT TO:<blocked@example.com>\r\n" * many, many + 1)
        assert set(found) == {"250"}
        assert await codes(line, "RCPT TO:<blocked@example.com>\r\n" * 2, 2) == ["454", "452"]

    last = RECIPIENT_LIMIT + 1
    converse(fact, answers=rehearsing(f"RCPT::{last}=250 Fine", f"RCPT:{last}:1=454 No"))


def test_commands_out_of_turn_are_not_counted(converse):
    async def fact(_, line):
        assert (await line.ask(MAIL)).startswith("503 ")
        await line.ask("EHLO me.example\r\n")
        assert (await line.ask("MAIL a@example.com\r\n")).startswith("501 ")
        assert await codes(line, MAIL + MAIL, 2) == ["250", "503"]
        assert await codes(line, "RSET now\r\nRSET\r\n", 2) == ["501", "250"]
        assert await line.ask(MAIL) == "451 Second\r\n"

    converse(fact, answers=rehearsing("MAIL:1=451 Second"))


@pytest.mark.parametrize("reply", ["421 4.3.2 Shutting down", "close"])
@pytest.mark.parametrize(
    ("command", "before", "expected"),
    [
        ("EHLO", "EHLO me.example\r\n", []),
        ("AUTH", "EHLO me.example\r\nAUTH PLAIN AGEAYg==\r\n", ["250"]),
        ("MAIL", "EHLO me.example\r\n" + GROUP, ["250"]),
        ("RCPT", "EHLO me.example\r\n" + GROUP, ["250", "250"]),
        ("DATA", "EHLO me.example\r\n" + GROUP, ["250", "250", "250"]),
        ("RSET", "EHLO me.example\r\nRSET\r\n", ["250"]),
        ("QUIT", "EHLO me.example\r\nQUIT\r\n", ["250"]),
    ],
)
def test_421_and_close_end_the_connection_behind_the_replies_that_were_due(
    converse, command, before, expected, reply
):
    async def fact(sandbox, line):
        line.writer.write(before.encode())
        found = (await asyncio.wait_for(line.reader.read(), 10)).decode()
        wanted = [*expected, *(["421"] if reply.startswith("421") else [])]
        assert [one[:3] for one in found.splitlines() if one[3:4] == " "] == wanted
        assert found.endswith("421 4.3.2 Shutting down\r\n") or reply == "close"
        async with another(sandbox) as other:
            await begin(other)

    converse(fact, answers=rehearsing(f"{command}::1={reply}"))


def test_last_words_arrive_although_the_client_still_sends(converse):
    """The rest of a long command group must not reset the connection that is being closed."""

    async def fact(_, line):
        await line.ask("EHLO me.example\r\n")
        line.writer.write((MAIL + "RCPT TO:<b@example.net>\r\n" * 50_000).encode())
        assert (await line.reply()).startswith("250 ")
        assert await line.reply() == "421 4.7.0 Too many errors\r\n"
        assert await line.reader.read() == b""

    converse(fact, answers=rehearsing("RCPT=421 4.7.0 Too many errors"))


def test_last_words_to_a_client_that_is_gone_disturb_nobody(converse, caplog):
    async def fact(sandbox, line):
        for _ in range(20):
            async with another(sandbox) as gone:
                gone.writer.write(b"EHLO me.example\r\n" + GROUP.encode())
                gone.writer.transport.abort()
        assert (await line.ask("NOOP\r\n")).startswith("250 ")

    caplog.set_level(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        converse(fact, answers=rehearsing("RCPT=421 4.7.0 Too many errors"))
        gc.collect()  # a task that failed tells of it when it is forgotten
    assert caplog.messages == []


@pytest.mark.parametrize("reply", ["421 4.7.0 Too much traffic", "close"])
def test_the_end_of_data_is_read_before_the_connection_is_closed(converse, reply):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert await send(line) == (f"{reply}\r\n" if reply != "close" else "")
        assert await line.reader.read() == b""
        assert sandbox.messages == 0

    converse(fact, answers=rehearsing(f"END={reply}"))


@pytest.mark.parametrize("reply", ["421 4.4.2 Idle too long", "451 4.4.2 Idle too long", "close"])
def test_an_idle_session_is_ended_behind_the_reply_to_an_end_of_data(converse, reply):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert (await send(line)).startswith("250 2.6.0 ")
        assert (await send(line)).startswith("250 2.6.0 ")
        assert await line.reader.read() == (f"{reply}\r\n".encode() if reply != "close" else b"")
        assert sandbox.messages == 2

    converse(fact, answers=rehearsing(f"IDLE:1/session={reply}"))


def test_a_greeting_that_refuses_waits_for_quit(converse):
    """RFC 5321 3.1: 503 to all else."""

    async def fact(sandbox, _):
        async with another(sandbox) as line:
            assert await line.reply() == "554 5.3.2 No service here\r\n"
            assert await codes(line, "EHLO me.example\r\n" + GROUP, 4) == ["503"] * 4
            assert await line.ask("quit\r\n") == "221 2.0.0 Bye\r\n"
            assert await line.reader.read() == b""
        async with another(sandbox) as line:
            await begin(line)

    converse(fact, answers=rehearsing("GREETING:1:1=554 5.3.2 No service here"))


@pytest.mark.parametrize("reply", ["421 4.7.0 Too many sessions", "close"])
def test_a_greeting_can_end_the_connection(converse, reply):
    async def fact(sandbox, _):
        async with another(sandbox) as line:
            said = await line.reader.read()
            assert said == (f"{reply}\r\n".encode() if reply != "close" else b"")
        async with another(sandbox) as line:
            await begin(line)

    converse(fact, answers=rehearsing(f"GREETING:1:1={reply}"))


@pytest.mark.parametrize("words", [["AUTH PLAIN AGEAYg=="], ["AUTH LOGIN", "YQ==", "Yg=="]])
def test_auth_is_answered_when_the_credentials_are_there(converse, words):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        assert (await line.ask("AUTH PLAIN *\r\n")).startswith("501 ")
        assert (await line.ask("AUTH PLAIN AGEAYg==\r\n")).startswith("235 ")
        async with another(sandbox) as second:
            await begin(second)
            for word in words[:-1]:
                assert (await second.ask(word + "\r\n")).startswith("334 ")
            assert await second.ask(words[-1] + "\r\n") == "535 5.7.8 Too many connections\r\n"
            assert (await second.ask("AUTH PLAIN AGEAYg==\r\n")).startswith("235 ")

    converse(fact, answers=rehearsing("AUTH:1:1=535 5.7.8 Too many connections"))


def test_a_refused_auth_lets_nobody_in(converse):
    async def fact(_, line):
        await line.ask("EHLO me.example\r\n")
        assert await line.ask("AUTH PLAIN AGEAYg==\r\n") == "454 4.7.0 Later\r\n"
        assert await line.ask(MAIL) == "530 5.7.0 Authentication required\r\n"

    converse(fact, answers=rehearsing("AUTH=454 4.7.0 Later"), username="a", password="b")


def test_extensions_are_added_before_the_last_line(converse):
    async def fact(sandbox, line):
        assert (await line.ask("EHLO me.example\r\n")).endswith(
            "250-PIPELINING\r\n250-LIMITS MAILMAX=5 RCPTMAX=20\r\n250-DSN\r\n250 OK\r\n"
        )
        assert (await line.ask("EHLO me.example\r\n")).startswith("550 5.7.1 ")
        assert (await line.ask("EHLO me.example\r\n")).endswith("250-PIPELINING\r\n250 OK\r\n")

    converse(
        fact,
        answers=rehearsing(
            r"EHLO::1=250 LIMITS MAILMAX=5 RCPTMAX=20\nDSN", "EHLO:1:1=550 5.7.1 No"
        ),
    )


def test_a_refused_ehlo_and_a_refused_rset_change_nothing(converse):
    async def fact(_, line):
        assert (await line.ask("EHLO me.example\r\n")).startswith("550 ")
        assert (await line.ask(MAIL)).startswith("503 5.5.1 Send EHLO first")
        await line.ask("EHLO me.example\r\n")
        assert await codes(line, MAIL + "RSET\r\n" + MAIL, 3) == ["250", "451", "503"]

    converse(fact, answers=rehearsing("EHLO::1=550 No", "RSET=451 No"))


def test_sessions_are_counted_together_and_apart(converse):
    async def fact(sandbox, line):
        await line.ask("EHLO me.example\r\n")
        async with another(sandbox) as other:
            await begin(other)
            found = [await codes(one, MAIL + "RSET\r\n", 2) for one in (line, other, line, other)]
        assert [one[0] for one in found] == ["250", "451", "452", "452"]

    converse(fact, answers=rehearsing("MAIL:1:1=451 All", "MAIL:1/session=452 Each"))
