"""The endpoints of Infobip's API for reports, as facts: paths, queries, pages, limits.

Source: the provider's OpenAPI specification 3.210.0, email part (July 2026).

    >>> LOGS.query("letter-48", cursor="")
    {'bulkId': 'letter-48', 'limit': '1000', 'useCursor': 'true'}

This module must never ask anything.

Tests: tests/pull/test_pulling.py.
"""

from __future__ import annotations

from typing import Any

#: The most entries of an answer.
MOST = 1000
#: The members of a log entry that may hold the message itself.
PRIVATE = ("text",)


class _Logs:
    """The log: can be asked again, page by page with a cursor, without callback data."""

    path = "/email/4/logs"

    def query(self, bulk_id: str, cursor: str) -> dict[str, str]:
        """Return the query for the page at a cursor; the empty one is the first."""
        query = {"bulkId": bulk_id, "limit": str(MOST), "useCursor": "true"}
        return query | {"cursor": cursor} if cursor else query

    def next_cursor(self, answer: dict[str, Any]) -> str:
        """Return the cursor of the next page; empty behind the last one."""
        cursor = answer.get("cursor")
        following = cursor.get("nextCursor") if isinstance(cursor, dict) else None
        return following if isinstance(following, str) else ""


class _Reports:
    """The delivery reports: each is given once, with callback data."""

    path = "/email/4/reports"

    def query(self, bulk_id: str) -> dict[str, str]:
        """Return the query for the reports that were not given yet."""
        return {"bulkId": bulk_id, "limit": str(MOST)}


class _Suppressions:
    """The provider's own suppression list of a sending domain: by type, page by page from 0."""

    path = "/email/1/suppressions"
    #: OVER_QUOTA, the third one, is a full mailbox: no reason against the next edition.
    types = ("BOUNCE", "COMPLAINT")

    def query(self, domain: str, kind: str, page: int) -> dict[str, str]:
        """Return the query for a page."""
        return {"domainName": domain, "type": kind, "page": str(page), "size": str(MOST)}


LOGS, REPORTS, SUPPRESSIONS = _Logs(), _Reports(), _Suppressions()
