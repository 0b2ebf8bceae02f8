"""The zones of the time zone database: of the system, or of the package tzdata.

    >>> zone_of("Europe/Zagreb").key, zone_of("Europe/Zagrb"), near_zone("Europe/Zagrb")
    ('Europe/Zagreb', None, 'Europe/Zagreb')

Names alone: this module must never read a clock.

Tests: tests/test_send_time.py.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

from mailbatch.suggest import nearest


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone with a name, as the database spells that; None: there is none."""
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        return None


@lru_cache(maxsize=256)
def near_zone(name: str) -> str | None:
    """Return the zone that an unknown name may mean: a place or UTC, never an abbreviation.

    CEST is like EST, which is another hour.
    """
    from zoneinfo import available_timezones

    places = sorted(one for one in available_timezones() if "/" in one)
    return nearest(name, ["UTC", *places])
