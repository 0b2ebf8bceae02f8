"""The handler of aiosmtpd: AUTH, NOOP, QUIT, and the reply to a command that failed.

These are the answers of a conversation for which aiosmtpd has an extension point.

Tests: tests/sandbox/test_conversation.py.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiosmtpd.smtp import Envelope, Session, TLSSetupException

from mailbatch.sandbox.answers import Command

if TYPE_CHECKING:
    from mailbatch.sandbox.conversation import Conversation

log = logging.getLogger(__name__)


class Hooks:
    """The answers for which aiosmtpd has extension points."""

    async def handle_AUTH(  # noqa: N802 - aiosmtpd's name
        self, server: Conversation, session: Session, _: Envelope, words: list[str]
    ) -> str | None:
        """Run the mechanism; here, because aiosmtpd's own way warns of its own future."""
        mechanism = server.auth_PLAIN if words[0] == "PLAIN" else server.auth_LOGIN
        result = await mechanism(server, words)
        if result.success:
            answer = server.answer(Command.AUTH)
            session.authenticated = answer is None or not answer.refuses
            return answer.reply if answer else "235 2.7.0 Authentication successful"
        # `handled` means that the mechanism has answered already: cancelled, or not base64.
        return None if result.handled else "535 5.7.8 Authentication credentials invalid"

    async def handle_exception(self, error: Exception) -> str:
        """Answer a command that failed here; a handshake broken off is the client's affair."""
        if not isinstance(error, TLSSetupException):
            log.error("the sandbox failed to answer a command", exc_info=error)
        return "451 4.3.0 The sandbox failed"

    async def handle_NOOP(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's name
        """Answer NOOP."""
        return "250 2.0.0 OK"

    async def handle_QUIT(self, server: Conversation, *_: object) -> str:  # noqa: N802 - aiosmtpd's name
        """Answer QUIT; aiosmtpd closes behind any answer."""
        answer = server.answer(Command.QUIT)
        return answer.reply if answer else "221 2.0.0 Bye"
