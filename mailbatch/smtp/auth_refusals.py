"""What to do about a refused authentication, by what the server says of it.

Best effort, for people: the words choose a hint and nothing else. Each row has its source.
"""

from __future__ import annotations

from typing import NamedTuple

CREDENTIALS = "check server.username, server.password and server.auth"
_NO_PASSWORDS = "the server takes no passwords any more: use auth: xoauth2 with an access token"
_NOT_ALLOWED = "an administrator has to allow SMTP AUTH for this mailbox or organisation"


class Said(NamedTuple):
    """Words of a refusal in lower case, what to do then, and the reply they come from."""

    words: str
    hint: str
    reply: str


#: Microsoft: "Troubleshoot SMTP AUTH", and Exchange Team Blog of January 2026 on the end of basic
#: authentication, as quoted by administrators.
SAID = (
    Said(
        "basic authentication is not supported",
        _NO_PASSWORDS,
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
    ),
    Said(
        "basic authentication is disabled",
        _NO_PASSWORDS,
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
    ),
    Said(
        "smtpclientauthentication is disabled",
        _NOT_ALLOWED,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
        "Tenant.",
    ),
    Said(
        "security defaults policy",
        _NOT_ALLOWED,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security "
        "defaults policy.",
    ),
)


def refusal_hint(text: str) -> str:
    """Return what to do about a refusal with this text."""
    lowered = text.lower()
    return next((said.hint for said in SAID if said.words in lowered), CREDENTIALS)
