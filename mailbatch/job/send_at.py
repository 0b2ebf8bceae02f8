"""The type of `message.send_at`: a template of a time of sending, or one time for every row.

    send_at: "09:00 {{ zone }}"

A text without markup is checked when the job is loaded, a template row by row when the table is
read (`mailbatch.recipients.send_times`). This module must never read a clock.

Tests: tests/recipients/test_send_times.py.
"""

from __future__ import annotations

from typing import Any

from mailbatch.job import fields
from mailbatch.job.fields import Scalar, is_template, refusal
from mailbatch.job.window import ZONES

#: The word of a row that is sent at once.
AT_ONCE = "now"


def _send_at(value: Any) -> str:
    text: str = fields.line(value)
    if is_template(text) or text.strip() == AT_ONCE:
        return text
    from mailbatch.send_time import NoSendTime, SendTime

    try:
        SendTime.read(text)
    except NoSendTime as error:
        raise refusal(str(error), hint=_hint(error.zone)) from None
    return text


def _hint(zone: str | None) -> str | None:
    """Return the hint at a zone that is not there, or missing; None: the fault is another one."""
    if not zone:
        return None if zone is None else 'Write one, as in "09:00 Europe/Zagreb".'
    from mailbatch.zones import near_zone

    near = near_zone(zone)
    return f"Did you mean {near}?" if near else ZONES


SEND_AT = Scalar(_send_at, {"type": "string", "minLength": 1})
