"""A host of its own for a process: a network namespace with two wires, which can be cut.

    with Host() as host:
        host.start("-m", "mailbatch", "work", ...)   # reaches host.near[0] and host.near[1]
        with host.cut(0): ...                        # no packet passes, and nobody is told

A wire is cut by neighbours of a wrong hardware address: every packet leaves, and none is taken, as
behind a switch that forgot a port. (A wire that is down would be told to both ends.) TCP goes on
where the wire comes back in time. Namespaces need root and iproute2 (`obstacle`).
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

_NUMBERS = itertools.count(1)
#: A hardware address that no end of a wire has.
_NOBODY = "02:00:00:00:00:01"


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def ip(*arguments: str) -> None:
    """Run a command of iproute2, which must not fail."""
    done = _ip(*arguments)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@functools.cache
def missing() -> str | None:
    """Return the reason why there can be no namespace here; None: there can."""
    if shutil.which("ip") is None:
        return "iproute2 is not installed (ip)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"mbtry{os.getpid()}"
    tried = _ip("netns", "add", name)
    if tried.returncode:
        return f"no network namespaces here: {tried.stderr.strip()}"
    wired = _ip("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
    _ip("netns", "del", name)
    return None if wired.returncode == 0 else f"no virtual wires here: {wired.stderr.strip()}"


def obstacle() -> None:
    """Skip the test where there can be no namespace."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)


class Host:
    """A network namespace; `near` are the addresses of this side of its wires, `far` of its own."""

    def __init__(self) -> None:
        self.name = f"mb{os.getpid()}n{next(_NUMBERS)}"
        self._wires = [f"{self.name[:12]}w{number}" for number in range(2)]
        # A network for tests of devices (RFC 2544); by the process, so that two need no other.
        base = f"198.{18 + os.getpid() % 2}.{os.getpid() // 2 % 250}"
        self.near = [f"{base}.{16 * number + 1}" for number in range(2)]
        self.far = [f"{base}.{16 * number + 2}" for number in range(2)]

    def __enter__(self) -> Self:
        ip("netns", "add", self.name)
        try:
            self._wire()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wire(self) -> None:
        inside = ("-n", self.name)
        ip(*inside, "link", "set", "lo", "up")
        for wire, near, far in zip(self._wires, self.near, self.far, strict=True):
            ip("link", "add", wire, "type", "veth", "peer", "name", wire, "netns", self.name)
            ip("addr", "add", f"{near}/28", "dev", wire)
            ip(*inside, "addr", "add", f"{far}/28", "dev", wire)
            ip(*inside, "link", "set", wire, "up")
            ip("link", "set", wire, "up")

    def __exit__(self, *_error: object) -> None:
        ip("netns", "del", self.name)

    def start(
        self, *arguments: str, cwd: Path, environ: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        """Start Python in the namespace."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, sys.executable, *arguments],
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def cut(self, *wires: int) -> Iterator[None]:
        """Let no packet pass these wires within the block."""
        for number in wires:
            for inside, other in self._ends(number):
                wrong = ("lladdr", _NOBODY, "dev", self._wires[number], "nud", "permanent")
                ip(*inside, "neigh", "replace", other, *wrong)
        try:
            yield
        finally:
            for number in wires:
                for inside, other in self._ends(number):
                    ip(*inside, "neigh", "del", other, "dev", self._wires[number])

    def _ends(self, number: int) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Return each side of a wire, as iproute2 names the side, and the other's address."""
        return ((), self.far[number]), (("-n", self.name), self.near[number])
