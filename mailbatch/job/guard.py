"""The `guard` section of a job: how many bounces and complaints a mailing goes on with.

A provider suspends a domain whose mail bounces: Infobip warns of hourly or daily bounces above 3 %
and blocks the domain for 24 hours at 5 % (platform events HIGH_BOUNCE_RATE_WARNING and _BLOCKED).
Gmail and Yahoo ask bulk senders for complaints below 0.3 % (their sender guidelines).

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mailbatch.job import fields
from mailbatch.job.fields import Scalar, refusal
from mailbatch.job.scalars import Share, parse_share
from mailbatch.job.section import Section


def _share(value: Any) -> Share:
    try:
        return parse_share(value if isinstance(value, str) else "")
    except ValueError as error:
        raise refusal(str(error)) from None


_PATTERN = r"^(?!0+(\.0+)?%)([0-9]{1,2}(\.[0-9]{1,6})?|100)%$"
_SHARE = Scalar(_share, {"type": "string", "pattern": _PATTERN})


class Guard(Section):
    """The first step of a mailing, and the shares of bounces and complaints that stop the rest."""

    bounces: Annotated[Share, _SHARE] = Field(
        default="3%",
        validate_default=True,
        description="Hard bounces, of the recipients that were accepted: from this share on the "
        "run stops.",
    )
    complaints: Annotated[Share, _SHARE] = Field(
        default="0.3%", validate_default=True, description="The same for complaints."
    )
    after: Annotated[int, fields.whole(1)] = Field(
        default=500, description="So many recipients are sent to before the reports are awaited."
    )
    wait: Annotated[float, fields.WAIT] = Field(
        default=600.0, description="How long the reports are awaited."
    )
    least: Annotated[int, fields.whole(1)] = Field(
        default=3,
        description="Fewer hard bounces, or complaints, stop nothing, whatever their share is.",
    )
