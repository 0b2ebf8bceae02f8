"""The server's name for a message, out of the text of its last reply.

Best effort for people who search a provider's log: no two servers write it alike, nothing requires
them to write it at all (RFC 5321 4.2: the text is for people), and it must never decide anything.
"""

from __future__ import annotations

import re

#: What servers write, the most telling form first. Each takes the token as the server wrote it.
_FORMS = (
    # Postfix "2.0.0 Ok: queued as D620820C041", Infobip "2.6.0 Message queued as <id>"
    re.compile(r"\bqueued (?:as|for delivery as)[: ]\s*(\S+)", re.IGNORECASE),
    # Exim "OK id=1xVHyb-0003Yz-2m", KumoMTA "OK ids=d7ef132b5d7711ea8c8c000c29c33806"
    re.compile(r"\b(?:message-?)?ids?[=:]\s*(\S+)", re.IGNORECASE),
    # Sendmail "n8S1kOZ8020000 Message accepted for delivery"
    re.compile(r"(\S+) Message accepted for delivery", re.IGNORECASE),
    # Exchange "<id@host> [InternalId=1, Hostname=x] 12 bytes in 0.1, 1 KB/sec Queued mail"
    re.compile(r"(<[^<>\s]+>)"),
    # Amazon SES "Ok 0102018b-...", Google "OK  1700000000 a1b2-3c.4 - gsmtp"
    re.compile(r"^OK:?\s+(?:\d{9,10}\s+)?(\S*\d\S*)(?:\s+-\s+gsmtp)?$", re.IGNORECASE),
)


def server_message_id(text: str) -> str | None:
    """The id that a server gave to an accepted message; None where its text names none."""
    for form in _FORMS:
        found = form.search(text)
        if found is not None:
            name = found.group(1).rstrip(".,;)")
            return name[1:-1] if name.startswith("<") and name.endswith(">") else name
    return None
