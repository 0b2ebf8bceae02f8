"""What kind of server the fault server is: what it announces, what it takes, how it reads."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What kind of server it is; all of it JSON-able but `tls_context`.

    `security` is "plaintext", "starttls" or "tls". `extensions` replaces the whole EHLO list but
    its first line, `extensions_in_tls` does so once encrypted. `size` None announces none.
    `recipients` is how many a transaction takes before 452. `refused` maps addresses to the reply
    for their RCPT. `credentials` None accepts any. `receive_buffer` and `send_buffer` are SO_RCVBUF
    and SO_SNDBUF, `read_pause` is in seconds before every read. `hold_final` is how many seconds
    the reply to the end of data waits for bytes that must not come. `chunking` announces CHUNKING,
    `dsn` DSN; `bdat` is "taken", "unknown" (500, and its octets are read as commands), "skipped"
    (502, and its octets are read) or "unskipped" (read as commands only where nobody is to have
    them).
    """

    security: str = "plaintext"
    pipelining: bool = True
    chunking: bool = False
    dsn: bool = False
    extensions: Collection[str] | None = None
    extensions_in_tls: Collection[str] | None = None
    size: int | None = 20_971_520
    eight_bit: bool = True
    smtputf8: bool = False
    mechanisms: Collection[str] = ("LOGIN", "PLAIN")
    credentials: tuple[str, str] | None = None
    need_auth: bool = False
    prompts: tuple[str, str] = ("VXNlcm5hbWU6", "UGFzc3dvcmQ6")
    recipients: int = 1000
    refused: Mapping[str, str] = field(default_factory=dict)
    bdat: str = "taken"
    data_without_recipients: str = "554 5.5.1 No valid recipients"
    receive_buffer: int | None = None
    send_buffer: int | None = None
    read_size: int = 65_536
    read_pause: float = 0.0
    hold_final: float = 0.0
    tls_context: ssl.SSLContext | None = None

    def announced(self, *, encrypted: bool) -> list[str]:
        """The EHLO list, without its first and last line."""
        chosen = self.extensions_in_tls if encrypted else self.extensions
        if chosen is not None:
            return list(chosen)
        auth_allowed = self.security == "plaintext" or encrypted
        offered = {
            "8BITMIME": self.eight_bit,
            f"SIZE {self.size}": self.size is not None,
            "STARTTLS": self.security == "starttls" and not encrypted,
            f"AUTH {' '.join(self.mechanisms)}": bool(self.mechanisms) and auth_allowed,
            "ENHANCEDSTATUSCODES": True,
            "SMTPUTF8": self.smtputf8,
            "PIPELINING": self.pipelining,
            "CHUNKING": self.chunking,
            "DSN": self.dsn,
        }
        return [extension for extension, is_offered in offered.items() if is_offered]
