"""SASL mechanisms (RFC 4954, RFC 4616): what is said when, without the connection.

An exchange is a generator: it yields our answers and is sent the server's challenges. It answers by
position; the text of a challenge never decides anything. Secrets are in no `repr`.
That nothing of this is said before a verified TLS handshake is the session's to see to.
"""

from __future__ import annotations

import base64
import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from mailbatch.errors import LocalProtocolError
from mailbatch.smtp import commands
from mailbatch.smtp.echoes import REDACTED

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from mailbatch.smtp.capabilities import Capabilities

#: Yields our answers as bytes and is sent the challenges as they came, both without line ends.
#: Answers are not in base64 yet, challenges still are.
Exchange: TypeAlias = "Generator[bytes, str, None]"

_HIDDEN = REDACTED.encode()
_STATUS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,31}")


@dataclass(frozen=True, slots=True)
class Mechanism(ABC):
    """A way to say who we are, with the credentials.

    `initial`: whether the first answer may stand in the AUTH command itself (RFC 4954 4).
    """

    name: ClassVar[str]
    initial: ClassVar[bool] = True
    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what no mechanism can carry: NUL ends a field (RFC 4616 2), the rest a line."""
        for value in (self.username, self.password):
            if any(character in value for character in "\0\r\n\x01"):
                raise LocalProtocolError("credentials cannot have NUL, CR, LF or Ctrl-A in them")

    @abstractmethod
    def exchange(self) -> Exchange:
        """Start the exchange."""

    def explained(self, challenge: str) -> str:  # noqa: ARG002 - most have nothing to explain
        """Return what a challenge says of the credentials, in a word or two; empty for nothing."""
        return ""


class Plain(Mechanism):
    """PLAIN (RFC 4616): everything in one answer."""

    __slots__ = ()
    name = "PLAIN"

    def exchange(self) -> Exchange:
        """Start the exchange."""
        yield f"\0{self.username}\0{self.password}".encode()


class Login(Mechanism):
    """LOGIN (no RFC; the provider's page): user name, then password, whatever the prompts say."""

    __slots__ = ()
    name = "LOGIN"
    initial = False

    def exchange(self) -> Exchange:
        """Start the exchange."""
        yield self.username.encode()
        yield self.password.encode()


class XOAuth2(Mechanism):
    """XOAUTH2 (Google and Microsoft): the password is an OAuth 2 access token."""

    __slots__ = ()
    name = "XOAUTH2"

    def exchange(self) -> Exchange:
        """Start the exchange."""
        yield f"user={self.username}\x01auth=Bearer {self.password}\x01\x01".encode()
        # A refusal comes as a challenge with JSON in it; the empty answer asks for the reply.
        yield b""

    def explained(self, challenge: str) -> str:
        """Return the status in the JSON of a refusal, as in `{"status": "401", ...}`."""
        try:
            status = str(json.loads(base64.b64decode(challenge, validate=True))["status"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""
        return status if _STATUS.fullmatch(status) else ""


#: By name, in the order in which `auto` prefers them.
MECHANISMS: Mapping[str, type[Mechanism]] = {
    mechanism.name: mechanism for mechanism in (Plain, Login, XOAuth2)
}


def choose_mechanism(capabilities: Capabilities, wanted: str) -> type[Mechanism] | None:
    """Return the mechanism to use, or None if the server does not offer what is wanted.

    `wanted` is a name in any case, or `auto` for the first of PLAIN, LOGIN, XOAUTH2 on offer.
    """
    names: Iterable[str] = MECHANISMS if wanted == "auto" else (wanted.upper(),)
    for name in names:
        if name in capabilities.auth and name in MECHANISMS:
            return MECHANISMS[name]
    return None


class AuthExchange:
    """One run of a mechanism: the lines of our side, and all of their secrets.

    `secrets` is everything that must not be seen in an echo of the server's: what was said so far,
    and the password. `shown` is the last line as a transcript may show it.
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
        """Return the AUTH command, with the first answer if the mechanism and its length allow."""
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
        """Return the next line, or None if the mechanism has nothing to say to this challenge."""
        self._challenge = challenge
        self.shown = _HIDDEN
        held, self._held = self._held, None
        answer = self._next(challenge) if held is None else held
        return None if answer is None else answer + b"\r\n"

    @property
    def explained(self) -> str:
        """What the last challenge says of the credentials; empty where it says nothing."""
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
