r"""The fields of a thread: a message stands behind an earlier one (RFC 5322 3.6.4).

    >>> thread_fields(("1@example.com", "2@example.com"))
    b'In-Reply-To: <2@example.com>\r\nReferences: <1@example.com> <2@example.com>\r\n'

The thread comes with the delivery (`Delivery.thread`): this module must never look for an earlier
message.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailbatch.render.headers import structured_field

IN_REPLY_TO, REFERENCES = "In-Reply-To", "References"


def thread_fields(thread: Sequence[str]) -> bytes:
    """Write In-Reply-To with the last Message-ID of a thread, and References with all of them.

    Message-IDs come without angle brackets, the first message first. Without any, no field is
    written.
    """
    if not thread:
        return b""
    return b"".join([structured_field(name, text) for name, text in shown_thread(thread)])


def shown_thread(thread: Sequence[str]) -> list[tuple[str, str]]:
    """Return the fields of a thread by name, as readers show them."""
    if not thread:
        return []
    ids = [f"<{message_id}>" for message_id in thread]
    return [(IN_REPLY_TO, ids[-1]), (REFERENCES, " ".join(ids))]
