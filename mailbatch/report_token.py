"""The token: the name by which reports bring a delivery back, 16 hex digits of the Message-ID.

A message carries the token in places that come back with a report: as a member of
X-IB-Callback-Data, and in the envelope sender (VERP). Only a ledger knows whether a text of this
form is a token.

    >>> token_of("57049136f20f7a33c1d2e3f405162738@example.com")
    '57049136f20f7a33'
    >>> token_in([{"id": "7"}, {"mb": "57049136f20f7a33"}])
    '57049136f20f7a33'

Tests: tests/render/test_callbacks.py, tests/reports/test_hostile.py.
"""

from __future__ import annotations

import re
from typing import Any

#: The member of the callback data that holds the token.
MEMBER = "mb"
#: Hex digits. Another length makes the tokens of messages that were sent unreadable for `mailed`.
LENGTH = 16
_TOKEN = re.compile(rf"[0-9a-f]{{{LENGTH}}}")


def token_of(message_id: str) -> str:
    """Return the token of a delivery from its Message-ID, which has no angle brackets here."""
    return message_id.partition("@")[0][:LENGTH]


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def token_in(data: Any) -> str:
    """Return the token in callback data, read from its JSON; empty where there is none."""
    for entry in data if isinstance(data, list) else [data]:
        token = entry.get(MEMBER) if isinstance(entry, dict) else None
        if isinstance(token, str) and is_token(token):
            return token
    return ""
