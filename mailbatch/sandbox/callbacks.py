"""The wishes of a message for reports: the X-IB-* header fields that the provider reads.

    X-IB-Bulk-Id: notice-friday
    X-IB-Notify-Url: http://127.0.0.1:8025/reports/TOKEN
    X-IB-Callback-Data: {"mb": "57049136f20f7a33"}

The fields are read from the bytes of the header section, unfolded (RFC 5322 2.2.3). Source of the
names: the provider's SMTP page. This module must never look at a body, nor post anything.
"""

from __future__ import annotations

import re
from email.utils import parseaddr

from mailbatch.frozen import frozen

#: Bytes of a header section that are looked at.
_LONGEST_HEADER = 256 * 1024
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_FIELD = re.compile(rb"(?im)^(from|message-id|x-ib-[a-z-]{1,40}):[ \t]*([^\r\n]*)")
_XML = "application/xml"


@frozen
class Callbacks:
    """The wishes of one message; an empty text where a field is missing.

    `sender` is the addr-spec of From, `message_id` the Message-ID without angle brackets. `data`
    comes back with every report, unchanged. `is_xml` asks for delivery reports in XML,
    `intermediate` for a report of each step.
    """

    sender: str = ""
    message_id: str = ""
    bulk_id: str = ""
    notify_url: str = ""
    tracking_url: str = ""
    data: str = ""
    is_xml: bool = False
    intermediate: bool = False

    @property
    def domain(self) -> str:
        """The domain of the sender."""
        return self.sender.rpartition("@")[2].lower()


def read_callbacks(content: bytes) -> Callbacks:
    r"""Return the wishes of a message; of a field that stands there twice, the last counts.

    >>> read_callbacks(b"X-IB-Bulk-Id:\r\n notice\r\n\r\nbody").bulk_id
    'notice'
    """
    end = content.find(b"\r\n\r\n", 0, _LONGEST_HEADER)
    head = _FOLD.sub(b"", content[: end if end >= 0 else _LONGEST_HEADER])
    found = {
        name.lower().decode("ascii"): value.decode("utf-8", "replace").strip()
        for name, value in _FIELD.findall(head)
    }
    return Callbacks(
        sender=parseaddr(found.get("from", ""))[1],
        message_id=found.get("message-id", "").strip("<>"),
        bulk_id=found.get("x-ib-bulk-id", ""),
        notify_url=found.get("x-ib-notify-url", ""),
        tracking_url=found.get("x-ib-tracking-url", ""),
        data=found.get("x-ib-callback-data", ""),
        is_xml=found.get("x-ib-notify-content-type", "").lower() == _XML,
        intermediate=found.get("x-ib-intermediate-report", "").lower() == "true",
    )
