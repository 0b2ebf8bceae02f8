"""The sending window of a job: days and times of day by the clock of a zone.

    window: {days: [mon-fri], from: "08:00", until: "18:00", zone: Europe/Zagreb}

Facts alone: the instants at which a window opens and closes are worked out where the run is
(`delivery.hours`). This module must never read a clock.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from mailbatch.job import fields
from mailbatch.job.fields import Scalar, Several, refusal
from mailbatch.job.section import Section

#: The words of the days, Monday first, as `datetime.weekday()` counts the days.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_SPAN = re.compile(rf"({_DAY})(?:-({_DAY}))?")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
#: The hint at a name that no zone has, and that none is like.
ZONES = "The names are those of the TZ database: CONTINENT/CITY."
#: The end of a day, in minutes: `until: "24:00"`.
MIDNIGHT = 24 * 60


def _days(value: Any) -> tuple[int, ...]:
    """Read `mon-fri` or `sun` as weekdays; `sat-mon` goes on over the end of the week."""
    found = _SPAN.fullmatch(value.strip().casefold()) if isinstance(value, str) else None
    if found is None:
        near = value.strip().casefold()[:3] if isinstance(value, str) else ""
        hint = f"Did you mean {near}?" if near in DAYS else None
        raise refusal("must be days such as mon-fri or sat", hint=hint)
    first = DAYS.index(found[1])
    last = first if found[2] is None else DAYS.index(found[2])
    return tuple((first + day) % 7 for day in range((last - first) % 7 + 1))


def _minutes(value: Any, *, end: bool) -> int:
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        return int(found[1]) * 60 + int(found[2])
    if end and value == "24:00":
        return MIDNIGHT
    raise refusal(
        f'must be a time of day such as "{"18:00" if end else "08:00"}"',
        hint="Write hours and minutes of a clock with 24 hours.",
    )


def _zone(value: Any) -> str:
    """Check the name of a zone against the data of the system, or of the package tzdata."""
    name = fields.fixed_line(value)
    from mailbatch.zones import near_zone, zone_of

    if zone_of(name) is None:
        near = near_zone(name)
        raise refusal(
            "must be a zone of the time zone database, such as Europe/Zagreb",
            hint=f"Did you mean {near}?" if near else ZONES,
        )
    return name


_PATTERN = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$"
_FROM = Scalar(lambda v: _minutes(v, end=False), {"type": "string", "pattern": _PATTERN})
_UNTIL = Scalar(
    lambda v: _minutes(v, end=True),
    {"type": "string", "pattern": _PATTERN.replace("^(", "^(24:00|(").replace("$", ")$")},
)
_SPANS = Scalar(_days, {"type": "string", "pattern": rf"^({_DAY})(-({_DAY}))?$"})


class Window(Section):
    """When a run may send, by the clock of a zone."""

    days: Annotated[
        tuple[Annotated[tuple[int, ...], _SPANS], ...],
        Several("a list of days, such as [mon-fri]", empty=False),
    ] = Field(
        default_factory=lambda: (tuple(range(7)),),
        description="The days on which the window opens; by default every day.",
        examples=["[mon-fri]"],
    )
    from_: Annotated[int, _FROM] = Field(
        alias="from", description="The time of day at which the window opens.", examples=["08:00"]
    )
    until: Annotated[int, _UNTIL] = Field(
        description="The time of day at which it closes: on the next day, if it is the earlier "
        "one. 24:00 is the end of the day.",
        examples=["18:00"],
    )
    zone: Annotated[str, Scalar(_zone, {"type": "string", "minLength": 1})] = Field(
        description="The zone of these times, by its name in the time zone database.",
        examples=["Europe/Zagreb"],
    )

    @field_validator("until")
    @classmethod
    def _is_some_time(cls, value: int, info: ValidationInfo) -> int:
        if value == info.data.get("from_"):
            raise refusal(
                "is when the window opens, so that it never does",
                hint='A whole day is from: "00:00", until: "24:00".',
            )
        return value

    @property
    def weekdays(self) -> frozenset[int]:
        """The weekdays on which the window opens, Monday as 0."""
        return frozenset(day for span in self.days for day in span)
