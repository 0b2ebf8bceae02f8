"""The opening of a session: connection, greeting, EHLO, TLS, authentication.

This module must never say a credential, nor a word of a message, where eavesdroppers could listen;
every failure raises a `SessionError` whose hint names the next step. One deadline bounds look-up,
connection, TLS and greeting together; the bytes and the deadlines of single replies are the
`Dialogue`'s, and the messages the `Session`'s.

Tests: tests/session/test_opening.py, tests/session/test_auth.py.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import field
from socket import SOCK_STREAM

from mailbatch.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    LocalProtocolError,
    SessionTimeout,
    TLSError,
    UnknownHost,
    raise_if_starved,
)
from mailbatch.frozen import frozen
from mailbatch.smtp import events
from mailbatch.smtp.auth import choose_mechanism
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.failures import (
    connect_error,
    reason_of,
    silence_hint,
    starttls_taken,
    tls_error,
    unreached,
)
from mailbatch.smtp.network import tls_context


@frozen
class Opened:
    """The findings of an opening.

    `greeting` is the server's text. `tls_version` is None without TLS; `certificate` is the value
    that `ssl.SSLSocket.getpeercert` returns.
    """

    greeting: str = ""
    tls_version: str | None = None
    certificate: Mapping[str, object] = field(default_factory=dict)


class Opening:
    """The steps of one dialogue as far as the first transaction."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._server = dialogue.server
        self._loop = asyncio.get_running_loop()
        self._context: ssl.SSLContext | None = None
        self._tls_version: str | None = None
        self._certificate: Mapping[str, object] = {}

    async def make_ready(self) -> Opened:
        """Connect, greet, secure and authenticate.

        Raises:
            SessionError: a step failed; the dialogue is of no more use and still has to be aborted.
        """
        greeting = await self._reach()
        await self._hello()
        if self._server.security == "starttls":
            await self._start_tls()
            await self._hello()
        await self._authenticate()
        return Opened(greeting, self._tls_version, self._certificate)

    async def _reach(self) -> str:
        """Connect and return the greeting, both within `timeouts.connect`."""
        server, dialogue = self._server, self._dialogue
        if server.security != "plaintext":  # it reads the machine's trust anchors: not timed
            self._context = tls_context(server)
        try:
            async with asyncio.timeout(server.timeouts.connect):
                await self._connect()
                return (await dialogue.expect(events.Greeted)).reply.text
        except TimeoutError as error:
            seconds = f"within {server.timeouts.connect:g} s"
            if not dialogue.was_connected:
                text = f"{server.address} did not answer {seconds}"
                raise ConnectError(text, hint=unreached(server)) from error
            text = f"{server.address} did not greet {seconds}"
            raise SessionTimeout(text, hint=silence_hint(server)) from error
        except (ConnectionLost, SessionTimeout) as error:
            error.hint = error.hint or silence_hint(server)
            raise

    async def _connect(self) -> None:
        server, name = self._server, self._dns_name()
        try:
            found = await self._loop.getaddrinfo(name, server.port, type=SOCK_STREAM)
            await self._connect_to_one([str(address[0]) for *_, address in found], name)
        except TimeoutError:
            raise
        except ssl.SSLError as error:
            raise tls_error(server, error) from error
        except OSError as error:
            raise_if_starved(error)
            raise connect_error(server, error) from error
        self._note_tls()

    async def _connect_to_one(self, addresses: list[str], name: str) -> None:
        """Try the addresses in order, each for a share of the time that is left.

        An address without an answer, as where IPv6 leads nowhere, would take all of the time else.
        """
        seconds = self._server.timeouts.connect
        until = self._loop.time() + seconds
        implicit = self._context if self._server.security == "tls" else None
        source = self._server.source_address
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                async with asyncio.timeout((until - self._loop.time()) / left):
                    await self._loop.create_connection(
                        lambda: self._dialogue,
                        address,
                        self._server.port,
                        ssl=implicit,
                        server_hostname=name.rstrip(".") if implicit else None,
                        ssl_handshake_timeout=seconds if implicit else None,
                        local_addr=None if source is None else (source, 0),
                    )
            except ssl.SSLError:
                raise
            except OSError:
                if left == 1:
                    raise
            else:
                return

    def _dns_name(self) -> str:
        try:
            return self._server.dns_name
        except ValueError as error:
            raise UnknownHost(str(error), hint=f"check {self._server.key}.host") from None

    async def _hello(self) -> None:
        self._dialogue.connection.hello()
        self._dialogue.flush()
        await self._dialogue.expect(events.HelloDone)

    async def _start_tls(self) -> None:
        dialogue = self._dialogue
        if not dialogue.connection.state.capabilities.starttls:
            sent = "mail" if self._is_anonymous else "credentials"
            other = (
                "for a server on this machine, security: plaintext is allowed"
                if dialogue.peer_is_loopback
                else "try security: tls with port 465"
            )
            raise TLSError(
                f"{self._server.address} does not offer STARTTLS",
                hint=f"the run stops rather than send {sent} in clear text; {other}",
            )
        dialogue.connection.start_tls()
        dialogue.flush()
        await dialogue.expect(events.TLSReady)
        context = self._context
        if context is None:
            raise LocalProtocolError("STARTTLS needs a TLS context")
        try:
            await dialogue.start_tls(context)
        except ssl.SSLError as error:
            raise tls_error(self._server, error) from error
        except OSError as error:  # a time-out is one, too: neither says anything about TLS
            text = f"no TLS handshake with {self._server.address}: {reason_of(error)}"
            raise ConnectError(text, hint=starttls_taken(self._server)) from error
        self._note_tls()

    def _note_tls(self) -> None:
        tls = self._dialogue.tls
        if tls is not None:
            self._tls_version = tls.version()
            self._certificate = tls.getpeercert() or {}

    @property
    def _is_anonymous(self) -> bool:
        return self._server.auth == "none" or self._server.username is None

    async def _authenticate(self) -> None:
        server = self._server
        if self._is_anonymous or server.username is None:
            return
        dialogue = self._dialogue
        if self._tls_version is None and not dialogue.peer_is_loopback:
            raise AuthenticationError(
                "refusing to send credentials without TLS", hint="use security: starttls or tls"
            )
        capabilities = dialogue.connection.state.capabilities
        mechanism = choose_mechanism(capabilities, server.auth)
        if mechanism is None:
            offered = ", ".join(sorted(capabilities.auth)) or "none"
            raise AuthenticationError(
                f"{server.address} does not offer authentication by {server.auth} "
                f"(it offers: {offered})",
                hint=f"see {server.key}.auth",
            )
        dialogue.connection.authenticate(mechanism(server.username, server.password or ""))
        dialogue.flush()
        await dialogue.expect(events.Authenticated)
