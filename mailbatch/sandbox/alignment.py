"""The refusal of a message whose envelope sender is of another domain than the From header.

The provider's page: "Infobip SMTP API does the relaxed alignment check (root domain matching)
between the Envelope From and Header From domains". The page gives no reply; the one here is the
sandbox's own, with the enhanced code of a refusal by policy (RFC 3463 3.8). This module must never
decide which domains belong together: the caller knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_FROM = re.compile(rb"^From:((?:.|\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_DOMAIN = re.compile(rb"@([^\s<>@,;]+?)>?\s*\Z")


def unaligned(mail_from: str, content: bytes, aligned: Callable[[str, str], bool]) -> str | None:
    r"""Return the reply that refuses a message, None for one that is aligned.

    The null reverse path, and a From field without a plain domain, are let through.

        >>> letter = b"Subject: Hello\r\nFrom: News <news@example.com>\r\n\r\nHello\r\n"
        >>> unaligned("bounces@other.org", letter, str.__eq__)[:32]
        '550 5.7.1 Envelope From (other.o'
        >>> unaligned("bounces@example.com", letter, str.__eq__) is None
        True
    """
    header, _, _ = content.partition(b"\r\n\r\n")
    field = _FROM.search(header)
    found = None if field is None else _DOMAIN.search(field[1])
    envelope = mail_from.rpartition("@")[2].lower()
    if found is None or not envelope:
        return None
    sender = found[1].decode("ascii", "replace").lower()
    if aligned(sender, envelope):
        return None
    return f"550 5.7.1 Envelope From ({envelope}) is not aligned with Header From ({sender})"
