"""Authentication (RFC 4954): the choice of a mechanism, and one run of it as lines of a session.

Module `sasl` knows the answers of each mechanism; this module makes AUTH commands and base64 lines
of them, and keeps every secret that a server may repeat. It must never send anything.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from mailbatch import sasl
from mailbatch.errors import LocalProtocolError
from mailbatch.smtp import commands
from mailbatch.smtp.echoes import REDACTED

if TYPE_CHECKING:
    from mailbatch.sasl import Mechanism
    from mailbatch.smtp.capabilities import Capabilities

_HIDDEN = REDACTED.encode()


def choose_mechanism(capabilities: Capabilities, wanted: str) -> type[Mechanism] | None:
    """Return the mechanism to use, or None if the server does not offer the wanted one.

    `wanted` is a name in any case, or `auto` for the first of `sasl.MECHANISMS` on offer:

        >>> from mailbatch.smtp.capabilities import Capabilities
        >>> choose_mechanism(Capabilities(auth=("LOGIN", "PLAIN")), "auto").name
        'PLAIN'
        >>> choose_mechanism(Capabilities(auth=("LOGIN",)), "plain") is None
        True
    """
    for name, mechanism in sasl.MECHANISMS.items():
        if wanted.upper() in ("AUTO", name) and name in capabilities.auth:
            return mechanism
    return None


class AuthExchange:
    r"""One run of a mechanism: the lines of our side, and the secrets in these lines.

    `secrets` holds the password and every answer so far: no echo of the server may show one of
    them. `shown` is the last line as a transcript may show it.

        >>> exchange = AuthExchange(sasl.Login("ann", "s3cret"))
        >>> exchange.command()
        b'AUTH LOGIN\r\n'
        >>> exchange.answer("VXNlcm5hbWU6")
        b'YW5u\r\n'
        >>> exchange.answer("UGFzc3dvcmQ6"), exchange.shown
        (b'czNjcmV0\r\n', b'***')
        >>> exchange.answer("") is None  # a third challenge has no answer
        True
    """

    __slots__ = ("_challenge", "_exchange", "_held", "_mechanism", "_started", "secrets", "shown")

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self._exchange = mechanism.exchange()
        self._challenge = ""
        self._started = False
        self._held: bytes | None = None
        self.secrets: list[str] = [mechanism.password]
        self.shown = b""

    def command(self) -> bytes:
        """Return the AUTH command, with the first answer if the mechanism and the length allow.

        Raises:
            LocalProtocolError: the credentials are too long for a line.
        """
        name = self._mechanism.name
        line = self.shown = commands.auth(name)
        if self._mechanism.initial:
            answer = self._next("")
            whole = commands.auth(name, answer)
            if len(whole) <= commands.MAX_COMMAND:
                self.shown = commands.auth(name, _HIDDEN)
                return whole
            self._held = answer
        return line

    def answer(self, challenge: str) -> bytes | None:
        """Return the next line, or None if the mechanism has no answer to this challenge.

        Raises:
            LocalProtocolError: the credentials are too long for a line.
        """
        self._challenge = challenge
        self.shown = _HIDDEN
        held, self._held = self._held, None
        answer = self._next(challenge) if held is None else held
        return None if answer is None else answer + b"\r\n"

    @property
    def explained(self) -> str:
        """The reason for a refusal that the last challenge names; empty without one."""
        return self._mechanism.explained(self._challenge)

    def _next(self, challenge: str) -> bytes | None:
        try:
            answer = self._exchange.send(challenge) if self._started else next(self._exchange)
        except StopIteration:
            return None
        self._started = True
        encoded = base64.b64encode(answer)
        if len(encoded) > commands.MAX_AUTH_LINE - 2:
            raise LocalProtocolError(
                f"the credentials do not fit into a line of {commands.MAX_AUTH_LINE} bytes"
            )
        self.secrets.append(encoded.decode("ascii"))
        return encoded
