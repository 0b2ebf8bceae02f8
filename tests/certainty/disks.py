"""Small and read-only disks: mounts in a namespace of their own, gone with whoever holds it.

Works as root, and as anybody where the system lets people have user namespaces.
"""

from __future__ import annotations

import errno
import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

import pytest


@functools.cache
def _unshare() -> tuple[str, ...] | None:
    """The command that makes a mount namespace here; None where none does."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return None
    for command in (("unshare", "-m"), ("unshare", "-r", "-m")):
        tried = subprocess.run(
            [*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
        )
        if tried.returncode == 0:
            return command
    return None


class Disks:
    """A mount namespace with a disk of `size` (as in `1M`) at `small`, and `locked` read-only."""

    def __init__(
        self, *, small: Path | None = None, size: str = "1M", locked: Path | None = None
    ) -> None:
        command = _unshare()
        if command is None:
            pytest.skip("no mount namespaces here: neither root nor user namespaces")
        script = ["set -e"]
        if small is not None:
            small.mkdir(parents=True, exist_ok=True)
            script.append(f"mount -t tmpfs -o size={size} none '{small}'")
        if locked is not None:
            script.append(f"mount --bind '{locked}' '{locked}'")
            script.append(f"mount -o remount,ro,bind '{locked}'")
        script += ["echo ready", "exec cat"]
        self._small = small
        self._process = subprocess.Popen(
            [*command, "sh", "-c", "; ".join(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    @property
    def namespace(self) -> int:
        """The process whose namespace has the disks."""
        return self._process.pid

    def seen(self, path: Path) -> Path:
        """A path of the namespace, as this process reaches it."""
        return Path(f"/proc/{self._process.pid}/root{path}")

    def fill(self, *, but: int = 0) -> None:
        """Leave not a byte free on the small disk, or so many."""
        assert self._small is not None
        fd = os.open(self.seen(self._small / "filler"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 16, 1 << 10, 1):
                try:
                    while os.write(fd, bytes(size)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
            os.truncate(fd, max(0, os.fstat(fd).st_size - but))
        finally:
            os.close(fd)

    def make_room(self) -> None:
        """Take the filling away."""
        assert self._small is not None
        self.seen(self._small / "filler").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
