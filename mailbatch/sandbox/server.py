"""The sandbox: a server on loopback that answers like the provider and keeps the messages.

A sandbox runs inside an event loop that is already there, asyncio's or uvloop's, without a thread,
so that `mailbatch run --sandbox` has client and server in one process. A sandbox must never pass a
message on, look a name up, or listen beyond loopback unless told to.

    async with await Sandbox.start(outbox=Path("outbox")) as sandbox:
        ...  # send to 127.0.0.1, port sandbox.port
    sandbox.messages  # how many were accepted

The usual answers are in `conversation`, refused recipients in the table of `addresses`, answers in
place of the usual ones in `answers`, kept messages in `outbox`, and what is told of them later in
`provider`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
import uuid
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mailbatch.errors import UsageError
from mailbatch.host_names import is_loopback
from mailbatch.sandbox.addresses import AddressTable
from mailbatch.sandbox.alignment import unaligned
from mailbatch.sandbox.answers import Answer, Answers
from mailbatch.sandbox.conversation import Conversation
from mailbatch.sandbox.outbox import Kept, Outbox

if TYPE_CHECKING:
    from mailbatch.sandbox.provider import Provider

log = logging.getLogger(__name__)


class Sandbox:
    """A running sandbox; made by `Sandbox.start`, ended by `stop` or as an async context manager.

    `host` and `port` are the listening address. `sessions` counts connections, `messages` accepted
    messages, `recipients` accepted recipients, `refused` the RCPTs refused for good (5yz) and
    `deferred` those refused for now (4yz).
    """

    def __init__(
        self,
        *,
        outbox: Outbox | None,
        addresses: AddressTable,
        credentials: tuple[str, str] | None,
        tls_context: ssl.SSLContext | None,
        answers: Answers,
        on_message: Callable[[Kept], None] | None,
        on_unkept: Callable[[OSError], None] | None,
        on_content: Callable[[Kept, bytes], None] | None,
        tell: Callable[[str], None] | None,
        provider: Provider | None,
        aligned: Callable[[str, str], bool] | None,
    ) -> None:
        self.credentials = credentials
        self.answers = answers
        self.tls_context = tls_context
        self.host = ""
        self.port = 0
        self.sessions = 0
        self.messages = 0
        self.recipients = 0
        self.refused = 0
        self.deferred = 0
        self._outbox = outbox
        self._addresses = addresses
        self._on_message = on_message
        self._on_unkept = on_unkept
        self._on_content = on_content
        self._tell = tell
        self._provider = provider
        self._aligned = aligned
        self._conversations: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def start(
        cls,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        outbox: Path | None = None,
        blocked: Collection[str] = (),
        bad: Collection[str] = (),
        username: str | None = None,
        password: str | None = None,
        tls_context: ssl.SSLContext | None = None,
        answers: Iterable[Answer] = (),
        beyond_loopback: bool = False,
        on_message: Callable[[Kept], None] | None = None,
        on_unkept: Callable[[OSError], None] | None = None,
        on_content: Callable[[Kept, bytes], None] | None = None,
        tell: Callable[[str], None] | None = None,
        provider: Provider | None = None,
        aligned: Callable[[str, str], bool] | None = None,
    ) -> Self:
        """Listen, and answer from the running event loop.

        Args:
            host: a loopback address or `localhost`; another one only with `beyond_loopback`.
            port: 0 takes a free one, see `port`.
            outbox: the folder for messages; None keeps nothing.
            blocked: recipients answered with 550 5.7.1, besides those of the default table.
            bad: recipients answered with 501 5.1.7, besides those of the default table.
            username: with `password`, the only credentials accepted, and then AUTH is required;
                without both any are accepted, and none are needed.
            password: see `username`.
            tls_context: a server's context with a certificate: STARTTLS is announced and needed.
                Without a context the conversation is in the clear, and AUTH is announced all the
                same.
            answers: replies in place of the usual ones; of several that are due, the first.
            beyond_loopback: listen on an address that others reach.
            on_message: called with every message that is kept.
            on_unkept: called where the outbox cannot keep one; None logs that.
            on_content: called with every message that is kept, and with the content.
            tell: called at the end with a sentence for each of `answers` that had no occasion.
            provider: tells what becomes of every message that is kept; None tells nothing.
            aligned: says whether the domain of From and that of the reverse path belong together;
                a message whose domains do not is refused, as the provider does. None: any may.

        Raises:
            UsageError: the address is not loopback, is not ours or is taken, only one of `username`
                and `password` is given, or the outbox cannot be written.
        """
        if not beyond_loopback and not _is_loopback(host):
            raise UsageError(
                f"the sandbox does not listen on {host}: others could reach it",
                hint="use 127.0.0.1, or say that it may be reached from outside",
            )
        if (username is None) != (password is None):
            raise UsageError("the sandbox expects a user name and a password, or neither")
        credentials = None if username is None or password is None else (username, password)
        sandbox = cls(
            outbox=None if outbox is None else _opened(outbox),
            addresses=AddressTable(blocked, bad),
            credentials=credentials,
            tls_context=tls_context,
            answers=Answers(answers),
            on_message=on_message,
            on_unkept=on_unkept,
            on_content=on_content,
            tell=tell,
            provider=provider,
            aligned=aligned,
        )
        await sandbox._listen("127.0.0.1" if host == "localhost" else host, port)
        return sandbox

    async def _listen(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Conversation(self, loop), host, port)
        except OSError as error:
            if self._outbox:
                self._outbox.close()
            raise UsageError(
                f"the sandbox cannot listen on {host} port {port}: {error.strerror or error}",
                hint="choose another port; 0 takes a free one"
                if error.errno in {errno.EADDRINUSE, errno.EACCES}
                else None,
            ) from error
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Stop listening, end every conversation where it stands, and close the outbox.

        Tell of the answers that rehearsed nothing.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        conversations = list(self._conversations)
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await server.wait_closed()
        if self._outbox:
            self._outbox.close()
        if self._tell is not None:
            for answer in self.answers.never_given:
                count = self.answers.counts[answer.command]
                times = f"{count:,} time{'' if count == 1 else 's'}"
                self._tell(
                    f"--answer '{answer.written}' was never given: {answer.command} came {times}"
                )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def opened(self, conversation: asyncio.Task[Any]) -> None:
        """Count a session; called by a conversation that begins."""
        self.sessions += 1
        self._conversations.add(conversation)

    def closed(self, conversation: asyncio.Task[Any]) -> None:
        """Forget a conversation; called at the end of the conversation."""
        self._conversations.discard(conversation)

    def refusal(self, address: str) -> str | None:
        """Return the reply that refuses this recipient, or None; called by a conversation."""
        return self._addresses.refusal(address)

    def count_refusal(self, reply: str) -> None:
        """Count a refused RCPT by the reply; called by a conversation."""
        if reply.startswith("4"):
            self.deferred += 1
        else:
            self.refused += 1

    def take(self, mail_from: str, rcpt_tos: tuple[str, ...], content: bytes) -> str | None:
        """Keep a message and return the reply to the end of data; called by a conversation.

        A message whose envelope is another domain's is refused for good; one that cannot be kept is
        refused for now, as a server with a full disk does. None
        stands for a connection that is closed without a word, behind a message that was kept.
        """
        if self._aligned is not None:
            foreign = unaligned(mail_from, content, self._aligned)
            if foreign is not None:
                return foreign
        message = Kept(str(uuid.uuid4()), mail_from, rcpt_tos, len(content), datetime.now(UTC))
        if self._outbox:
            try:
                message = self._outbox.keep(message, content)
            except OSError as error:
                if self._on_unkept:
                    self._on_unkept(error)
                else:
                    log.error("the outbox cannot be written: %s", error)  # noqa: TRY400 - no trace
                return "452 4.3.1 Insufficient system storage"
        self.messages += 1
        self.recipients += len(rcpt_tos)
        if self._on_message:
            self._on_message(message)
        if self._on_content:
            self._on_content(message, content)
        if self._provider:
            self._provider.take(message, content)
        if self._addresses.leaves_unanswered(rcpt_tos):
            return None
        return f"250 2.6.0 Message queued as <{message.id}>"


def _opened(folder: Path) -> Outbox:
    try:
        return Outbox(folder)
    except OSError as error:
        raise UsageError(f"the outbox {folder} cannot be written: {error.strerror}") from error


def _is_loopback(host: str) -> bool:
    return host == "localhost" or is_loopback(host)
