"""The server as a session needs it: where it is, how it is secured, how long a reply may take.

Values. Nothing here connects, and the password is in no `repr`.

Tests: tests/session/test_opening.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from mailbatch.frozen import frozen
from mailbatch.host_names import a_labels


@frozen
class Timeouts:
    """Deadlines in seconds; the defaults are those of RFC 5321 4.5.3.2, but for the greeting.

    `connect` bounds the look-up, the connection, TLS from the first byte and the greeting together,
    and once more the handshake behind STARTTLS. The RFC grants the greeting 5 minutes (4.5.3.2.1);
    servers that let a client wait on purpose take up to 20 s (Exim's `delay`; Postfix's postscreen
    6 s), and one that is dead behind a load balancer should not hold up each try for minutes.

    `command` bounds each reply up to DATA and each block of content, `data` the reply to DATA,
    `end_of_data` the reply to the final dot or to BDAT: 10 minutes, since "a spurious timeout would
    result in delivery of multiple copies" (RFC 5321 4.5.3.2.6).
    """

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    end_of_data: float = 600.0


@frozen
class Server:
    """The place of a server, and how a session with the server is secured.

    `host` is the name in the job, for people; `dns_name` is the name for the network. `security` is
    `starttls`, `tls` or `plaintext`. `auth` is `auto`, `none` or the name of a mechanism in lower
    case (module `sasl.py`); without a username there is no authentication. `password` never shows
    in a repr. `renew` returns another one where the password is an access token, and blocks then;
    None where the password stays. `source_address` is the address of the connections (None:
    that of the system), `hello` the name said in EHLO (None: that of the machine). `key` is the
    place in the job, for hints: `server`, or `server.fallback`.

        Server("smtp.example.com", 465, security="tls", username="ann", password="s3cret")
    """

    host: str
    port: int
    security: str = "starttls"
    auth: str = "auto"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    pipelining: bool = True
    chunking: bool = True
    timeouts: Timeouts = field(default_factory=Timeouts)
    source_address: str | None = None
    hello: str | None = None
    renew: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    key: str = "server"

    @property
    def dns_name(self) -> str:
        """The host in A-labels, as in look-ups and certificates.

        Raises:
            ValueError: the host has no such form.
        """
        return a_labels(self.host)

    @property
    def address(self) -> str:
        """Host and port for people and logs."""
        return f"{self.host}:{self.port}"
