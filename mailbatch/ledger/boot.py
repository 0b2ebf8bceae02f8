"""Which boot this is: a killed process keeps its page cache, a power loss does not.

After kill -9 everything that was written is still in the page cache; after a power loss only what
was synced is on the disk. The ledger compares the boot that it was last written under with this
one.
"""

from __future__ import annotations

from pathlib import Path

_LINUX = Path("/proc/sys/kernel/random/boot_id")
#: macOS has an id for each boot session; the BSDs have the time of the boot.
_SYSCTL_NAMES = ("kern.bootsessionuuid", "kern.boottime")


def boot_id() -> str:
    """An id that stays the same until the machine boots again.

    Linux: `/proc/sys/kernel/random/boot_id`. macOS: `kern.bootsessionuuid`. BSD: `kern.boottime`.
    Where none is found it is a new one for every call: every run that died then counts as a power
    loss, which names too many deliveries as in doubt and never too few.
    """
    try:
        return _LINUX.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return _elsewhere()


def _elsewhere() -> str:
    import subprocess
    import uuid

    for name in _SYSCTL_NAMES:
        try:
            found = subprocess.run(
                ["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if found.stdout.strip():
            return f"{name}={found.stdout.strip()}"
    return f"unknown-{uuid.uuid4()}"
