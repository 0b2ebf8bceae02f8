"""The beginning of a session: connecting, the greeting, EHLO, TLS, authentication.

Everything until the first transaction may begin. It must never say a credential, nor anything of a
message, where that is not allowed to be heard; whatever fails raises a `SessionError` whose hint
says what to do. Its lower half, bytes and deadlines, is `Dialogue`; what follows is `Session`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from socket import SOCK_STREAM

from mailbatch.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    SessionTimeout,
    TLSError,
    UnknownHost,
    raise_if_starved,
)
from mailbatch.smtp import events
from mailbatch.smtp.auth import choose_mechanism
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.network import (
    STARTTLS_TAKEN,
    UNREACHED,
    connect_error,
    reason_of,
    silence_hint,
    tls_context,
    tls_error,
)
from mailbatch.smtp.server import Chunking, Server
from mailbatch.smtp.vigil import Vigil


class Opening(Dialogue):
    """A conversation as far as its first transaction.

    `greeting` is the server's text. `tls_version` is None without TLS; `certificate` is what
    `ssl.SSLSocket.getpeercert` returns.
    """

    def __init__(
        self,
        server: Server,
        transcript: Callable[[str, bytes], None] | None = None,
        chunking: Chunking | None = None,
        vigil: Vigil | None = None,
    ) -> None:
        super().__init__(server, transcript, chunking, vigil)
        self.greeting = ""
        self.tls_version: str | None = None
        self.certificate: dict[str, object] = {}
        self._context: ssl.SSLContext | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the server announced last (after TLS, if there is TLS)."""
        return self._engine.capabilities

    async def _make_ready(self) -> None:
        """Connect, greet, secure and authenticate; raises a `SessionError`."""
        await self._reach()
        await self._hello()
        if self.server.security == "starttls":
            await self._start_tls()
            await self._hello()
        await self._authenticate()

    async def _reach(self) -> None:
        """Connect and read the greeting, both within `timeouts.connect`."""
        server = self.server
        if server.security != "plaintext":  # it reads the machine's trust anchors: not timed
            self._context = tls_context(server.ca_file)
        try:
            async with asyncio.timeout(server.timeouts.connect):
                await self._connect()
                self.greeting = (await self._expect(events.Greeted)).reply.text
        except TimeoutError as error:
            seconds = f"within {server.timeouts.connect:g} s"
            if self._connection is None:
                text = f"{server.address} did not answer {seconds}"
                raise ConnectError(text, hint=UNREACHED) from error
            text = f"{server.address} did not greet {seconds}"
            raise SessionTimeout(text, hint=silence_hint(server)) from error
        except (ConnectionLost, SessionTimeout) as error:
            error.hint = error.hint or silence_hint(server)
            raise

    async def _connect(self) -> None:
        server, name = self.server, self._dns_name()
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
        """Try the addresses in their order, each for its share of the time that is left.

        Else one that nobody answers at, as where IPv6 leads nowhere, would take all of it.
        """
        seconds = self.server.timeouts.connect
        until = self._loop.time() + seconds
        implicit = self._context if self.server.security == "tls" else None
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                async with asyncio.timeout((until - self._loop.time()) / left):
                    await self._loop.create_connection(
                        lambda: self,
                        address,
                        self.server.port,
                        ssl=implicit,
                        server_hostname=name.rstrip(".") if implicit else None,
                        ssl_handshake_timeout=seconds if implicit else None,
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
            return self.server.dns_name
        except ValueError as error:
            raise UnknownHost(str(error), hint="check server.host") from None

    async def _hello(self) -> None:
        self._engine.hello()
        self._flush()
        await self._expect(events.HelloDone)

    async def _start_tls(self) -> None:
        if not self.capabilities.starttls:
            sent = "mail" if self._is_anonymous else "credentials"
            other = (
                "for a server on this machine, security: plaintext is allowed"
                if self.peer_is_loopback
                else "try security: tls with port 465"
            )
            raise TLSError(
                f"{self.server.address} does not offer STARTTLS",
                hint=f"the run stops rather than send {sent} in clear text; {other}",
            )
        self._engine.start_tls()
        self._flush()
        await self._expect(events.TLSReady)
        transport, context = self._transport, self._context
        if transport is None or context is None:
            raise self.failure or ConnectionLost("the connection ended at STARTTLS")
        self._upgrading = True
        try:
            upgraded = await self._loop.start_tls(
                transport,
                self,
                context,
                server_hostname=self.server.dns_name.rstrip("."),
                ssl_handshake_timeout=self.server.timeouts.connect,
            )
        except ssl.SSLError as error:
            raise tls_error(self.server, error) from error
        except OSError as error:  # a time-out is one, too: neither says anything about TLS
            text = f"no TLS handshake with {self.server.address}: {reason_of(error)}"
            raise ConnectError(text, hint=STARTTLS_TAKEN) from error
        finally:
            self._upgrading = False
        if upgraded is None:
            text = f"{self.server.address} ended the TLS handshake"
            raise ConnectionLost(text, hint=STARTTLS_TAKEN)
        self._transport = upgraded
        self._engine.tls_started()
        self._note_tls()

    def _note_tls(self) -> None:
        if self._transport is None:
            return
        found = self._transport.get_extra_info("ssl_object")
        if found is not None:
            self.tls_version = found.version()
            self.certificate = found.getpeercert() or {}

    @property
    def _is_anonymous(self) -> bool:
        return self.server.auth == "none" or self.server.username is None

    async def _authenticate(self) -> None:
        server = self.server
        if self._is_anonymous or server.username is None:
            return
        if self.tls_version is None and not self.peer_is_loopback:
            raise AuthenticationError(
                "refusing to send credentials without TLS", hint="use security: starttls or tls"
            )
        mechanism = choose_mechanism(self.capabilities, server.auth)
        if mechanism is None:
            offered = ", ".join(sorted(self.capabilities.auth)) or "none"
            raise AuthenticationError(
                f"{server.address} does not offer authentication by {server.auth} "
                f"(it offers: {offered})",
                hint="see server.auth",
            )
        self._engine.authenticate(mechanism(server.username, server.password or ""))
        self._flush()
        await self._expect(events.Authenticated)
