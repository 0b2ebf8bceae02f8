"""One conversation of the sandbox: aiosmtpd, answering in the provider's words.

    S: 220 smtp.email-messaging.com ESMTP
    C: EHLO client.example
    S: 250-smtp.email-messaging.com ... 250 OK
    C: MAIL FROM:<a@example.com>  C: RCPT TO:<b@example.org>  C: DATA      (one write)
    S: 250 2.1.0 ...              S: 250 2.1.5 ...            S: 354 ...   (one write)

aiosmtpd keeps the command loop, AUTH PLAIN and LOGIN, STARTTLS, RSET, NOOP, VRFY and HELP. Answers
for which aiosmtpd has an extension point go through that (`hooks`). All others are overridden here:

| method           | why                                                                           |
|------------------|-------------------------------------------------------------------------------|
| `smtp_EHLO`      | the extensions in the provider's order, ending in `250 OK`                    |
| `smtp_MAIL`,     | the provider's texts; aiosmtpd refuses the null path, and parses addresses    |
| `smtp_RCPT`      | with `email`'s header parser, which costs more than the rest of a transaction |
| `smtp_DATA`      | reads the content in one piece instead of line by line, checks the line ends, |
|                  | and sees bytes that did not wait for the reply                                |
| `push`           | replies of a command group leave in one write (RFC 2920 3.2)                  |
| `smtp_RSET`      | a refused one leaves the transaction as it is                                 |
| `_handle_client` | a client that goes away in the middle of a reply is no error; a greeting      |
|                  | that refuses; the end of a connection that the house closes                   |

Every command that comes in turn may have an answer of the house's in place of the usual one
(`answers`): `answer` asks for that answer where the command would be done.

This module must never look a name up, nor decide about a refusal or a message: it asks the `House`.
RFC 5321 3.1, 3.3 and 4.1.1, RFC 1870 (SIZE), RFC 2920 (PIPELINING), RFC 3463 (enhanced status
codes), RFC 4954 (AUTH), RFC 6152 (8BITMIME).
"""

from __future__ import annotations

import asyncio
import collections
import logging
import re
import ssl
from typing import Any, Protocol, TypeVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from mailbatch.sandbox.answers import Answer, Answers, Command, SessionAnswers
from mailbatch.sandbox.hooks import Hooks

# aiosmtpd logs mistakes of clients; unasked for, that is nothing for standard error.
logging.getLogger("mail.log").addHandler(logging.NullHandler())

#: The provider's bounds: 20 MiB (SIZE) and, in its text, 1000 recipients per transaction.
SIZE_LIMIT = 20_971_520
RECIPIENT_LIMIT = 1000
HOSTNAME = "smtp.email-messaging.com"
TOO_LARGE = f"552 5.3.4 Message size exceeds the limit of {SIZE_LIMIT} bytes"

_LINE_LIMIT = 998
_IDLE_SECONDS = 300.0
_HELD_BYTES = 16_384
#: How long a connection that is closed here waits for the client's end, in seconds.
_LINGER_SECONDS = 1.0

_PATH = re.compile(
    r'(?P<keyword>FROM|TO): *<(?P<path>(?:[^\s<>"]|"(?:[^"\\]|\\.)*")*)>(?: +(?P<parameters>.*))?',
    re.IGNORECASE,
)


_T = TypeVar("_T")


class House(Protocol):
    """The server to which a conversation belongs, as the conversation sees it."""

    tls_context: ssl.SSLContext | None
    credentials: tuple[str, str] | None
    answers: Answers

    def opened(self, conversation: asyncio.Task[Any]) -> None:
        """Note that a client is connected."""

    def closed(self, conversation: asyncio.Task[Any]) -> None:
        """Note that the client is gone."""

    def refusal(self, address: str) -> str | None:
        """Return the reply that refuses this recipient, or None."""

    def count_refusal(self, reply: str) -> None:
        """Note that a recipient was refused with this reply."""

    def take(self, mail_from: str, rcpt_tos: tuple[str, ...], content: bytes) -> str | None:
        """Keep a message and return the reply to the end of data; None closes without a word."""


class _HungUp(BaseException):
    """The house closes the connection; `reply` holds the last words, if any.

    Not an Exception: aiosmtpd answers those, and goes on.
    """

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


class Conversation(SMTP):
    """One client's connection, from the banner to QUIT."""

    # The provider's prompts: 334 VXNlcm5hbWU6 and 334 UGFzc3dvcmQ6.
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    # aiosmtpd limits its reader by this; the content is read at once, dots of transparency and all.
    line_length_limit = SIZE_LIMIT + SIZE_LIMIT // 2

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        self._house = house
        self._held = bytearray()
        self._answers = SessionAnswers(house.answers) if house.answers else None
        # An instance's own table: aiosmtpd shares one between all connections and lets it grow.
        self.command_size_limits = collections.defaultdict(lambda: 512)
        super().__init__(
            Hooks(),
            data_size_limit=SIZE_LIMIT,
            hostname=HOSTNAME,
            ident="ESMTP mailbatch sandbox",
            tls_context=house.tls_context,
            auth_require_tls=house.tls_context is not None,
            authenticator=self._check,
            timeout=_IDLE_SECONDS,
            loop=loop,
        )
        # RFC 4954 4: an initial response may make AUTH longer than other commands.
        self.command_size_limits |= {"MAIL": 1024, "RCPT": 1024, "AUTH": 12_288}

    def _check(self, *call: Any) -> AuthResult:
        """Compare the credentials that aiosmtpd has read."""
        login: LoginPassword = call[-1]
        expected = self._house.credentials
        given = (login.login.decode("utf-8", "replace"), login.password.decode("utf-8", "replace"))
        return AuthResult(success=expected is None or given == expected, handled=False)

    async def _handle_client(self) -> None:
        conversation = asyncio.current_task()
        if conversation is None:
            raise RuntimeError("a conversation runs as a task of the event loop")
        self._house.opened(conversation)
        try:
            greeting = self.answer(Command.GREETING)
            if greeting is None:
                await super()._handle_client()
            else:
                await self._turn_away(greeting.reply)
        except ConnectionError:
            self._writer.close()
        except _HungUp as end:
            await self._hang_up(end.reply)
        finally:
            self._house.closed(conversation)

    def answer(self, command: Command) -> Answer | None:
        """Return the house's answer to a command that came in turn; None for the usual one.

        Raises:
            _HungUp: the answer closes the connection.
        """
        if self._answers is None:
            return None
        answer = self._answers.to(command)
        if answer is not None and answer.closes:
            raise _HungUp(answer.reply)
        return answer

    async def _turn_away(self, reply: str) -> None:
        """Refuse the session, and wait for QUIT (RFC 5321 3.1)."""
        await self.push(reply)
        while line := await self._reader.readline():
            if line.strip().upper() == b"QUIT":
                await self.push("221 2.0.0 Bye")
                break
            await self.push("503 5.5.1 Bad sequence of commands")
        self._writer.close()

    async def _hang_up(self, reply: str) -> None:
        """Say the last words, if there are any, and close.

        Bytes that the client still sends must not reset the connection: a reset could take the last
        words along (RFC 1122 4.2.2.13). The end of the client, or a second, ends the wait.
        """
        if reply:
            self._hold(reply)
        self._release()
        try:
            if self._writer.can_write_eof():
                self._writer.write_eof()
                await asyncio.sleep(_LINGER_SECONDS)
        finally:
            self._writer.close()

    async def push(self, status: str | bytes) -> None:
        """Send a reply now, behind those that were held back."""
        self._hold(status)
        self._release()
        await self._writer.drain()

    async def _push_later(self, status: str) -> None:
        """Send a reply together with the next one, at the latest when the loop comes round.

        The loop comes round only when no further command of the group is there to be read.
        """
        if not self._held:
            self.loop.call_soon(self._release)
        self._hold(status)
        if len(self._held) > _HELD_BYTES:
            self._release()
            await self._writer.drain()

    def _hold(self, status: str | bytes) -> None:
        self._held += status.encode("utf-8") if isinstance(status, str) else status
        self._held += b"\r\n"

    def _release(self) -> None:
        if self._held:
            self._writer.write(self._held)
            self._held = bytearray()

    def _unread(self) -> bool:
        """Say whether the client has sent more than was read; asyncio has no public way to ask."""
        return bool(self._reader._buffer)  # type: ignore[attr-defined]  # noqa: SLF001 - see above

    async def smtp_EHLO(self, hostname: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Answer EHLO as the provider's page shows it."""
        if not hostname:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        answer = self.answer(Command.EHLO)
        if answer is not None and answer.refuses:
            await self.push(answer.reply)
            return
        self._set_rset_state()  # type: ignore[no-untyped-call]
        session = _known(self.session)
        session.host_name = hostname
        session.extended_smtp = True
        extensions = [HOSTNAME, "8BITMIME", f"SIZE {SIZE_LIMIT}"]
        encrypted = session.ssl is not None
        if self.tls_context and not encrypted:
            extensions.append("STARTTLS")
        else:
            extensions.append("AUTH LOGIN PLAIN")
        extensions += ["ENHANCEDSTATUSCODES", "PIPELINING", *(answer.lines if answer else ())]
        await self.push("".join(f"250-{line}\r\n" for line in extensions) + "250 OK")

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Answer MAIL: the path, SIZE and BODY."""
        await self._push_later(self._mail(arg))

    def _not_yet(self) -> str | None:
        """Return the reply to a MAIL that comes too early, or None."""
        if not _known(self.session).host_name:
            return "503 5.5.1 Send EHLO first"
        if self.tls_context and _known(self.session).ssl is None:
            return "530 5.7.0 Must issue a STARTTLS command first"
        if self._house.credentials and not _known(self.session).authenticated:
            return "530 5.7.0 Authentication required"
        if _known(self.envelope).mail_from is not None:
            return "503 5.5.1 Nested MAIL command"
        return None

    def _mail(self, arg: str | None) -> str:
        refusal = self._not_yet()
        if refusal is not None:
            return refusal
        found = _PATH.fullmatch(arg or "")
        if found is None or found["keyword"].upper() != "FROM":
            return "501 5.5.4 Syntax: MAIL FROM: <address>"
        answer = self.answer(Command.MAIL)
        if answer is not None and answer.refuses:
            return answer.reply
        refusal = _parameter_refusal(found["parameters"] or "")
        if refusal is not None:
            return refusal
        _known(self.envelope).mail_from = found["path"]
        return answer.reply if answer else f"250 2.1.0 Sender <{found['path']}> OK"

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Answer RCPT from the house's table."""
        await self._push_later(self._rcpt(arg))

    def _rcpt(self, arg: str | None) -> str:
        envelope = _known(self.envelope)
        if envelope.mail_from is None:
            return "503 5.5.1 Need MAIL command"
        found = _PATH.fullmatch(arg or "")
        if found is None or found["keyword"].upper() != "TO":
            return "501 5.5.4 Syntax: RCPT TO: <address>"
        if found["parameters"]:
            return "555 5.5.4 RCPT parameters not recognized or not implemented"
        address = found["path"]
        answer = self.answer(Command.RCPT)
        if answer is not None:
            refusal = answer.reply if answer.refuses else None
        elif len(envelope.rcpt_tos) >= RECIPIENT_LIMIT:
            refusal = "452 4.5.3 Too many recipients"
        else:
            refusal = self._house.refusal(address)
        if refusal is not None:
            self._house.count_refusal(refusal)
            return refusal
        envelope.rcpt_tos.append(address)
        return answer.reply if answer else f"250 2.1.5 Recipient <{address}> OK"

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Answer DATA, read the content and answer the end of data."""
        envelope = _known(self.envelope)
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
        elif envelope.mail_from is None:
            await self.push("503 5.5.1 Need MAIL command")
        elif not envelope.rcpt_tos:
            await self.push("554 5.5.1 No valid recipients")
        elif self._unread():
            await self._lose_step("content sent before the reply to DATA")
        else:
            answer = self.answer(Command.DATA)
            if answer is not None and answer.refuses:
                await self.push(answer.reply)
            else:
                await self._take_content(
                    envelope, answer.reply if answer else "354 End data with <CR><LF>.<CR><LF>"
                )

    async def _take_content(self, envelope: Envelope, go_ahead: str) -> None:
        # The content starts as if after a line end: thus a lone dot, too, is CRLF "." CRLF.
        self._reader.feed_data(b"\r\n")
        await self.push(go_ahead)
        raw = await self._read_content()
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        if self._unread():
            await self._lose_step("command sent before the reply to the end of data")
            return
        self._hold(self._end_of_data(envelope, raw))
        self.answer(Command.IDLE)  # it closes the connection, or it is none
        self._release()
        await self._writer.drain()

    async def _read_content(self) -> bytes | None:
        """Read up to the final dot, CRLF in front; None where the content is too large."""
        try:
            return await self._reader.readuntil(b"\r\n.\r\n")
        except asyncio.LimitOverrunError as error:
            consumed = error.consumed
        while True:  # read the rest and forget it: the client hears of that behind the dot
            await self._reader.readexactly(consumed)
            try:
                await self._reader.readuntil(b"\r\n.\r\n")
            except asyncio.LimitOverrunError as error:
                consumed = error.consumed
            else:
                return None

    def _end_of_data(self, envelope: Envelope, raw: bytes | None) -> str:
        # RFC 5321 4.5.2: the dot in front of a line is the sender's transparency.
        content = None if raw is None else raw[:-3].replace(b"\r\n.", b"\r\n")[2:]
        if content is None or len(content) > SIZE_LIMIT:
            return TOO_LARGE
        lines = content.split(b"\r\n")
        if content.count(b"\r") != len(lines) - 1 or content.count(b"\n") != len(lines) - 1:
            return "554 5.6.0 The content has a bare CR or LF"
        if max(map(len, lines)) > _LINE_LIMIT:
            return f"554 5.6.0 The content has a line of more than {_LINE_LIMIT} bytes"
        answer = self.answer(Command.END)
        if answer is not None and answer.refuses:
            return answer.reply
        usual = self._house.take(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        if usual is None:
            raise _HungUp("")
        return answer.reply if answer and usual.startswith("2") else usual

    async def smtp_RSET(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Answer RSET."""
        if arg:
            await self.push("501 5.5.4 Syntax: RSET")
            return
        answer = self.answer(Command.RSET)
        if answer is None or not answer.refuses:
            self._set_rset_state()  # type: ignore[no-untyped-call]
        await self.push(answer.reply if answer else "250 2.0.0 OK")

    async def _lose_step(self, what: str) -> None:
        """Refuse a client that did not wait for a reply (RFC 2920 3.1), and hang up."""
        await self.push(f"554 5.5.0 SMTP protocol synchronization error: {what}")
        self._writer.close()


def _known(value: _T | None) -> _T:
    """Return the value that aiosmtpd sets before the first command: the session, the envelope."""
    if value is None:
        raise RuntimeError("no command comes before the connection is made")
    return value


def _parameter_refusal(parameters: str) -> str | None:
    """Return the reply that refuses a parameter of MAIL, or None."""
    for parameter in parameters.upper().split():
        key, _, value = parameter.partition("=")
        if key == "SIZE" and value.isdigit():
            if int(value) > SIZE_LIMIT:
                return TOO_LARGE
        elif key != "BODY" or value not in {"7BIT", "8BITMIME"}:
            return f"555 5.5.4 MAIL parameter {key} not recognized or not implemented"
    return None
