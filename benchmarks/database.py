"""The private PostgreSQL that workers are measured with: settings, processor time, and the plan.

This module must never measure a time of the wall.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tests.support.postgresql import Cluster

#: The server as it is installed, but for the place of its socket.
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "autovacuum": "on",
}
_TICKS = os.sysconf("SC_CLK_TCK")


def is_offered(cluster: Cluster) -> bool:
    """Say whether workers may begin: a run has planned a mailing, and confirmed its send."""
    found = cluster.fetch(
        "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'mailbatch_')"
    )
    return bool(found) and bool(
        cluster.fetch(f"SELECT bundle FROM {found[0][0]}.mailing WHERE bundle IS NOT NULL")
    )


def seconds_of(cluster: Cluster) -> float:
    """Return the seconds of the processor that all processes of a cluster have used so far."""
    main = int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # Behind the name, which may have spaces: state, parent, and so on. Source: proc(5).
            fields = stat.read_text().rpartition(")")[2].split()
            if stat.parent.name == str(main):
                ticks += sum(map(int, fields[11:15]))  # with those of its children that are gone
            elif int(fields[1]) == main:
                ticks += sum(map(int, fields[11:13]))
    return ticks / _TICKS
