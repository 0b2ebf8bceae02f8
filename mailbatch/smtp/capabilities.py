"""The capabilities of a server: the keywords of the reply to EHLO (RFC 5321 4.1.1.1).

A value. Keywords and parameters are read here, and used elsewhere. Unknown keywords are kept in
`raw` and mean nothing.

    >>> from mailbatch.outcome import Reply
    >>> found = Capabilities.from_reply(Reply(250, ("mx.example.com", "SIZE 35882577")))
    >>> found.domain, found.size, found.pipelining
    ('mx.example.com', 35882577, False)
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from mailbatch.frozen import frozen

if TYPE_CHECKING:
    from mailbatch.outcome import Reply

# A SIZE with more digits than this names no limit that could ever matter, and int() has bounds.
_SIZE_DIGITS = 20
_LIMIT_DIGITS = 6  # RFC 9422 4


@frozen
class Capabilities:
    """The extensions of one EHLO reply; all off before the first EHLO, and again after STARTTLS.

    `size` is the limit in bytes, 0 if SIZE is announced without one, None if SIZE is not announced
    (RFC 1870). `mail_max`, `rcpt_max` and `rcpt_domain_max` are how many transactions a session,
    and how many recipients and domains a transaction may have; None where LIMITS does not say
    (RFC 9422). `auth` are the SASL mechanisms in upper case, in the server's order (RFC 4954).
    `domain` is the name by which the server calls itself, `raw` are the keyword lines as received.
    """

    domain: str = ""
    pipelining: bool = False  # RFC 2920
    size: int | None = None  # RFC 1870
    starttls: bool = False  # RFC 3207
    auth: tuple[str, ...] = ()  # RFC 4954
    eight_bit_mime: bool = False  # RFC 6152
    smtputf8: bool = False  # RFC 6531
    chunking: bool = False  # RFC 3030
    dsn: bool = False  # RFC 3461
    enhanced_status_codes: bool = False  # RFC 2034
    mail_max: int | None = None  # RFC 9422
    rcpt_max: int | None = None
    rcpt_domain_max: int | None = None
    raw: tuple[str, ...] = field(default=(), repr=False)

    def admits(self, size: int) -> bool:
        """Say whether a message of `size` bytes is within the announced limit, if there is one."""
        return not self.size or size <= self.size

    @classmethod
    def from_reply(cls, reply: Reply) -> Capabilities:
        """Read the lines of a positive EHLO reply."""
        keywords: dict[str, list[str]] = {}
        for line in reply.lines[1:]:
            # Old servers write `AUTH=LOGIN PLAIN`, as the drafts before RFC 2554 did.
            words = f"AUTH {line[5:]}" if line[:5].upper() == "AUTH=" else line
            keyword, *parameters = words.upper().split() or [""]
            keywords.setdefault(keyword, []).extend(parameters)
        limits = dict(word.partition("=")[::2] for word in keywords.get("LIMITS", ()))
        return cls(
            domain=reply.lines[0].partition(" ")[0] if reply.lines else "",
            pipelining="PIPELINING" in keywords,
            size=_limit(keywords.get("SIZE")),
            starttls="STARTTLS" in keywords,
            auth=tuple(dict.fromkeys(keywords.get("AUTH", ()))),
            eight_bit_mime="8BITMIME" in keywords,
            smtputf8="SMTPUTF8" in keywords,
            chunking="CHUNKING" in keywords,
            dsn="DSN" in keywords,
            enhanced_status_codes="ENHANCEDSTATUSCODES" in keywords,
            mail_max=_at_least_one(limits.get("MAILMAX")),
            rcpt_max=_at_least_one(limits.get("RCPTMAX")),
            rcpt_domain_max=_at_least_one(limits.get("RCPTDOMAINMAX")),
            raw=reply.lines[1:],
        )


def _limit(parameters: list[str] | None) -> int | None:
    if parameters is None:
        return None
    digits = parameters[0] if parameters else ""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _SIZE_DIGITS:
        return 0
    return int(digits)


def _at_least_one(digits: str | None) -> int | None:
    """Read a limit of RFC 9422, whose value has one to six digits and does not begin with 0."""
    if digits is None or not (digits.isascii() and digits.isdigit()) or len(digits) > _LIMIT_DIGITS:
        return None
    return int(digits) or None
