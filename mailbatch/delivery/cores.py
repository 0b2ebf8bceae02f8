"""The cores of the machine that a run may use."""

from __future__ import annotations

import os
from pathlib import Path

#: The share of the processors that a container may have (Linux): microseconds in each period.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """Return how many cores this process may use, at least one; `quota` is a file of cgroups (v2).

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max).
    """
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    else:
        found = os.cpu_count() or 1
    try:
        most, _, period = quota.read_text(encoding="ascii").partition(" ")
        return max(1, min(found, int(most) // int(period)))
    except (OSError, ValueError):  # there is no such file, or no limit: "max"
        return found
