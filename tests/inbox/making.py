"""Mails for the tests of the inbox."""

from datetime import UTC, datetime

from mailbatch.sandbox.outbox import Kept

TIME = datetime(2026, 11, 30, 10, tzinfo=UTC)


def mail(*lines, body="Hello"):
    """Return a mail of these fields, with the line ends of the wire."""
    return "\r\n".join((*lines, "", body, "")).encode("utf-8", "surrogateescape")


def add(mails, content=b"Subject: Hello\r\n\r\nHello\r\n", *to, sender="ann@example.com"):
    mails.add(Kept("id", sender, to or ("you@example.com",), len(content), TIME), content)
    return mails.last
