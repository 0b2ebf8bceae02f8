r"""The names of an accepted single in few bytes: our Message-ID, and the server's within its reply.

    >>> packed_name("0f" * 16 + "@example.com", "example.com") == b"\x0f" * 16
    True
    >>> form_of("2.0.0 Ok: queued as 4dKmTn2qZ1z9sR", "4dKmTn2qZ1z9sR")
    '2.0.0 Ok: queued as \x1e'

A Message-ID of our own form is 16 bytes and the domain of the ledger. Replies to singles differ in
the server's name for the message alone, mostly: their form stands once in `reply`, with U+001E for
the name, which stands in the row of the recipient. Both are unpacked by SQL alone (`MESSAGE_ID`,
`REPLY`), so that any SQLite tool can read them. This module must never change a text: what is not
of these forms stays as it is.

Tests: tests/ledger/test_packing.py.
"""

from __future__ import annotations

import re

#: In the place of the server's name (record separator).
_NAME = "\x1e"
#: The fact that keeps the domain of the packed Message-IDs.
DOMAIN = "message_id_domain"
_is_ours = re.compile("[0-9a-f]{32}").fullmatch
#: The Message-ID of a row `s` of `recipient` or `standing` with its `delivery AS d`, in SQL.
MESSAGE_ID = (
    "coalesce(d.message_id, CASE typeof(s.message_id) WHEN 'blob' THEN lower(hex(s.message_id))"
    " || '@' || (SELECT value FROM fact WHERE name = 'message_id_domain') ELSE s.message_id END)"
)
#: The Date of the message of such a row, in SQL.
DATE = "coalesce(d.date, CASE WHEN s.message_id IS NOT NULL\
 THEN CAST(s.first_attempt_at AS INTEGER) END)"
#: The text of the `reply AS p` of such a row, in SQL.
REPLY = "CASE WHEN p.id < 0 AND s.named IS NOT NULL THEN replace(p.text, char(30), s.named)\
 ELSE p.text END"


def packed_name(message_id: str, domain: str) -> bytes | str:
    """Return the 16 bytes of a Message-ID of our own form at `domain`; any other as it is."""
    local, at, behind = message_id.partition("@")
    return bytes.fromhex(local) if at and behind == domain and _is_ours(local) else message_id


def form_of(reply: str, name: str | None) -> str:
    """Return the text of a reply with U+001E in the place of the server's name for the message.

    The text as it is where there is no name, or where the form would say another text.
    """
    return reply if not name or _NAME in reply else reply.replace(name, _NAME)
