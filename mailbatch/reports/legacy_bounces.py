"""Failed addresses in bounces without a status part, found by flufl.bounce (extra `reports`).

The library knows the forms of old mail servers, one detector for each. The answers are guesses and
not always addresses: version 6.0.0 raises IndexError on a mail without From, and returns `b""` and
`utf-8` for some. So every failure of the library is caught here, and only texts in the form of an
address leave.
"""

from __future__ import annotations

import email
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.utils import getaddresses

from mailbatch.reports.mail import BoundedFields
from mailbatch.reports.members import clean
from mailbatch.reports.report import LONGEST_NAME

#: Bytes of a mail that the library sees: its detectors are regular expressions of others.
_MOST_BYTES = 256 * 1024


def legacy_failures(data: bytes) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the addresses that failed for now, and those that failed for good.

    None where flufl.bounce is not installed.
    """
    try:
        from flufl.bounce import all_failures
    except ModuleNotFoundError:
        return None
    try:
        message = email.message_from_bytes(data[:_MOST_BYTES], policy=BoundedFields())
        if not getaddresses([message.get("from", "")]):
            # One detector fails without an address here, and takes all others with it.
            del message["from"]
            message["From"] = "MAILER-DAEMON"
        with _silence():
            temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - whatever its detectors raise, the mail is not in their form
        return frozenset(), frozenset()
    return _addresses(temporary), _addresses(permanent)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the tracebacks that the library logs from standard error."""
    logger = logging.getLogger("flufl.bounce")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _addresses(found: Iterable[object]) -> frozenset[str]:
    texts = (one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in found)
    names = (clean(text, LONGEST_NAME) for text in texts if isinstance(text, str))
    return frozenset(name for name in names if 0 < name.find("@") < len(name) - 1)
