"""The token of a delivery, found where reports bring it back.

Sources: X-IB-Callback-Data (`{"mb": TOKEN}`, alone or in a list), the envelope id of a delivery
status notification, and the envelope sender with a token in it (VERP).

Tests: tests/reports/test_hostile.py, tests/reports/test_mail_reports.py.
"""

from __future__ import annotations

import json
import re

from mailbatch.report_token import MEMBER, is_token, token_in

_IN_ADDRESS = re.compile(r"(?<![0-9a-z])[0-9a-f]{16}(?![0-9a-z])")
#: The provider's limit is 4,000 characters.
_LONGEST = 8000


def token_in_callback_data(text: str) -> str:
    """Return the token in callback data, which need not be JSON; empty where there is none.

    Example:
        >>> token_in_callback_data('[{"id": "7"}, {"mb": "57049136f20f7a33"}]')
        '57049136f20f7a33'
    """
    if MEMBER not in text or len(text) > _LONGEST:
        return ""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return token_in(data)


def token_in_envelope_id(text: str) -> str:
    """Return an envelope id (RFC 3461 ENVID) in the form of a token; else empty."""
    return text if is_token(text) else ""


def token_in_address(address: str) -> str:
    """Return the token in the local part of an address, as in VERP; empty where none is.

    Example:
        >>> token_in_address("bounces+57049136f20f7a33@example.com")
        '57049136f20f7a33'
    """
    found = _IN_ADDRESS.search(address[:_LONGEST].rpartition("@")[0].lower())
    return found[0] if found else ""
