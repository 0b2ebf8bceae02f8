"""The program, forked from a server that has imported it already: a start costs milliseconds.

What `tests.certainty.program` does with an interpreter of its own, this does for the many cases: a
process with its own arguments, folder, environment, streams and exit code, in a mount namespace if
it is to see another disk.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import os
import selectors
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from tests.certainty import dying
from tests.certainty.program import environment
from tests.support.forkserver import processes


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Forked:
    """A process under way."""

    process: BaseProcess
    out: Connection
    err: Connection
    _read: dict[Connection, bytearray] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    def end(self, seconds: float = 30.0) -> Ended:
        """Wait for its end."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            for stream in (self.out, self.err):
                self._read[stream] = bytearray()
                ready.register(stream, selectors.EVENT_READ)
            while ready.get_map():
                for key, _ in ready.select(deadline - time.monotonic()):
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        ready.unregister(key.fileobj)
                    self._read[key.fileobj] += data
                if time.monotonic() > deadline:
                    self.process.kill()
                    raise TimeoutError(f"the program did not end: {self._read}")
        code = dying.ended(self.process, seconds)
        out, err = (self._read[stream].decode() for stream in (self.out, self.err))
        self.out.close()
        self.err.close()
        return Ended(code, out, err)


def start(
    *arguments: str,
    cwd: Path,
    namespace: int | None = None,
    environ: Mapping[str, str] = {},
    hasty: bool = False,
) -> Forked:
    """Start `mailbatch ARGUMENTS`, in the mount namespace of the process `namespace` if given.

    A `hasty` process leases a few deliveries at once, and looks for the work of others all the
    time: a mailing of half a second then has as many of both as a long one.
    """
    ends = [processes.Pipe(duplex=False) for _ in range(2)]
    streams = [writing for _, writing in ends]
    process = processes.Process(
        target=_program,
        args=(list(arguments), str(cwd), environment(**environ), namespace, hasty, *streams),
        daemon=True,
    )
    process.start()
    for stream in streams:
        stream.close()
    return Forked(process, *(reading for reading, _ in ends))


def mailbatch(
    *arguments: str, cwd: Path, namespace: int | None = None, environ: Mapping[str, str] = {}
) -> Ended:
    """Run `mailbatch ARGUMENTS` to its end."""
    return start(*arguments, cwd=cwd, namespace=namespace, environ=environ).end()


def _program(
    arguments: list[str],
    cwd: str,
    environ: dict[str, str],
    namespace: int | None,
    hasty: bool,
    out: Connection,
    err: Connection,
) -> None:
    if namespace is not None:
        _enter(namespace)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    out.close()
    err.close()
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", closefd=False)
        for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    if hasty:
        _be_hasty()
    sys.argv = ["mailbatch", *arguments]
    importlib.import_module("mailbatch.cli.app").app()


def _be_hasty() -> None:
    """Take small lots, and look often: constants of this process alone.

    SIGUSR1 has it say where its threads stand.
    """
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    from mailbatch.delivery import lots, work
    from mailbatch.ledger.postgres import leasing, rejoining

    lots.LOT = 3
    work.POLL = work.LONGEST_POLL = 0.05
    leasing.SOON = 0.1
    rejoining._AGAIN = 0.05


def _enter(namespace: int) -> None:
    """Join the user and mount namespaces of a process (setns(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("user", "mnt"):
        path = f"/proc/{namespace}/ns/{kind}"
        if Path(path).samefile(f"/proc/self/ns/{kind}"):
            continue
        fd = os.open(path, os.O_RDONLY)
        if libc.setns(fd, 0):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        os.close(fd)
