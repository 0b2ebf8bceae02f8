"""A slow disk for one program: a library, loaded before all others, lets syncs take longer.

    environment(Path("folder"))    # {"LD_PRELOAD": "folder/slow_disk.so"}

Each fsync and fdatasync takes 5 ms more, and 10 ns for each byte that was written to the file since
its last sync: a disk of 100 MB a second. slow_disk.c is compiled when it is asked for, for Linux.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import servers

SOURCE = Path(__file__).with_suffix(".c")
SYNC_NANOSECONDS = 5_000_000
BYTE_NANOSECONDS = 10


def missing() -> str | None:
    """Return the reason why no disk can be slowed down here, or None."""
    if sys.platform != "linux":
        return "only Linux loads a library by LD_PRELOAD"
    return None if servers.program("cc") else "no C compiler is installed"


def environment(folder: Path) -> dict[str, str]:
    """Compile the library into a folder; return the variables that load it into a program."""
    made = folder / "slow_disk.so"
    constants = [f"-DSYNC_NANOSECONDS={SYNC_NANOSECONDS}LL"]
    constants += [f"-DBYTE_NANOSECONDS={BYTE_NANOSECONDS}LL"]
    command = [str(servers.program("cc")), "-shared", "-fPIC", "-O2", *constants]
    subprocess.run([*command, "-o", str(made), str(SOURCE), "-ldl"], check=True)
    return {"LD_PRELOAD": str(made)}
