"""The warm-up of a sending address: a daily number of recipients that rises by itself.

    warmup: {from: 200, to: 200000, days: 42}

Facts alone: the number of a day is worked out where the run is (`delivery.daily`). This module must
never read a clock.

Tests: tests/job/test_window.py.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from mailbatch.job import fields
from mailbatch.job.fields import refusal
from mailbatch.job.section import Section

_MOST = 999_999_999


class Warmup(Section):
    """How many recipients a day a new sending address begins with, and where the rise ends."""

    from_: Annotated[int, fields.whole(1, _MOST)] = Field(
        alias="from",
        description="At most so many recipients are accepted in the first 24 hours.",
        examples=["200"],
    )
    to: Annotated[int, fields.whole(1, _MOST)] = Field(
        description="At most so many on the last day of the rise; each day has the same multiple "
        "of the day before.",
        examples=["200000"],
    )
    days: Annotated[int, fields.whole(2, 366)] = Field(
        description="The days of the rise, of 24 hours each, from the first recipient of the job "
        "on that a server accepted. Behind these the warm-up bounds nothing.",
        examples=["42"],
    )

    @field_validator("to")
    @classmethod
    def _rises(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("from_", 0):
            raise refusal(
                "must be more than where the warm-up begins",
                hint="A daily number that stays the same is `cap`, beside the warm-up.",
            )
        return value
