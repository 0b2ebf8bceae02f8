r"""The mechanisms of authentication (SASL, RFC 4422): one class for each, in one table.

A mechanism is a value: the credentials, and the exchange that they allow. An exchange is a
generator that yields our answers and is sent the challenges of the server. Answers follow by
position; the text of a challenge never decides anything. Secrets are in no `repr`.

    >>> list(Plain("ann", "s3cret").exchange())
    [b'\x00ann\x00s3cret']
    >>> list(Login("ann", "s3cret").exchange())
    [b'ann', b's3cret']

A class in the table is all that a new mechanism needs: the job file then knows its word, the
session its name, the reference its entry. This module must never see a connection: that no
credential is said before a verified TLS handshake is for module `smtp.opening`.

Tests: tests/smtp/test_auth.py, tests/smtp/test_token_refusal.py.
"""

from __future__ import annotations

import base64
import json
import re
from abc import ABC, abstractmethod
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from mailbatch.errors import LocalProtocolError
from mailbatch.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

#: Yields our answers as bytes and is sent the challenges as they came, both without line ends.
#: Answers are not in base64 yet, challenges still are.
Exchange: TypeAlias = "Generator[bytes, str, None]"

_STATUS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,31}")


@frozen
class Mechanism(ABC):
    """A way to authenticate, with the credentials.

    `name` is the name that a server announces, in upper case. `initial`: the first answer may stand
    in the AUTH command itself (RFC 4954 4). `takes_token`: `password` is an access token, which
    expires, and a mailing gets another one for each session.
    """

    name: ClassVar[str]
    initial: ClassVar[bool] = True
    takes_token: ClassVar[bool] = False
    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse characters that no mechanism can carry: NUL ends a field (RFC 4616 2).

        Raises:
            LocalProtocolError: NUL, or an end of a line.
        """
        for value in (self.username, self.password):
            if any(character in value for character in "\0\r\n\x01"):
                raise LocalProtocolError("credentials cannot have NUL, CR, LF or Ctrl-A in them")

    @abstractmethod
    def exchange(self) -> Exchange:
        """Start the exchange: yield each answer, be sent the challenge that follows."""

    def explained(self, challenge: str) -> str:  # noqa: ARG002 - most have nothing to explain
        """Return the reason for a refusal in a challenge, in a word or two; empty for none."""
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
    takes_token = True

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


def mechanism(word: str) -> type[Mechanism] | None:
    """Return the mechanism of this name in any case; None for `auto`, `none` and unknown words."""
    return MECHANISMS.get(word.upper())
