"""The wishes of a message, read from the bytes of its header section."""

from mailbatch.sandbox.callbacks import Callbacks, read_callbacks


def test_every_field_in_any_case_and_folded():
    """Folding means nothing, and neither does the case of a name."""
    assert read_callbacks(
        b"From: Ada <ada@Mail.Example.com>\r\n"
        b"Message-ID: <1@example.com>\r\n"
        b"x-ib-bulk-id: notice\r\n"
        b"X-IB-Notify-Url:\r\n http://127.0.0.1/a\r\n"
        b"X-IB-Notify-Content-Type: application/xml\r\n"
        b"X-IB-Tracking-URL: http://127.0.0.1/b\r\n"
        b"X-IB-Intermediate-Report: true\r\n"
        b'X-IB-Callback-Data: {"a":\r\n 1, "mb":\r\n\t"57049136f20f7a33"}\r\n'
        b"\r\nX-IB-Bulk-Id: body\r\n"
    ) == Callbacks(
        sender="ada@Mail.Example.com",
        message_id="1@example.com",
        bulk_id="notice",
        notify_url="http://127.0.0.1/a",
        tracking_url="http://127.0.0.1/b",
        data='{"a": 1, "mb":\t"57049136f20f7a33"}',
        is_xml=True,
        intermediate=True,
    )


def test_a_message_that_asks_for_nothing():
    """No field, no wish; a header section without an end is read as far as it goes."""
    assert read_callbacks(b"Subject: X-IB-Bulk-Id: no\r\n\r\nX-IB-Bulk-Id: no\r\n") == Callbacks()
    assert read_callbacks(b"X-IB-Bulk-Id: yes").bulk_id == "yes"


def test_a_field_beyond_the_longest_header_is_none():
    """A header section of any length costs the same."""
    long = b"X-Long: " + b"a" * 300_000 + b"\r\nX-IB-Bulk-Id: no\r\n\r\n"
    assert read_callbacks(long) == Callbacks()
