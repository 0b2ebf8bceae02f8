"""The fault server as a process of its own, for tests that kill its client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tests.support.faults import Fault
from tests.support.journal import Record, Taken, deliveries, read_journal
from tests.support.waiting import until

REPOSITORY = Path(__file__).parents[2]


class FaultServerProcess:
    """A fault server that outlives its clients; a context manager.

    Its journal is read from `folder`; it ends with the context, or with this process, whose pipe it
    listens to.
    """

    def __init__(
        self,
        folder: Path,
        faults: Iterable[Fault] = (),
        *,
        certificate: Path | None = None,
        **settings: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.journal_file = folder / "journal.jsonl"
        self._port_file = folder / "port"
        self._command = [
            *(sys.executable, "-m", "tests.support.fault_server", "--until-stdin-ends"),
            *("--port-file", str(self._port_file), "--journal", str(self.journal_file)),
            *("--settings", json.dumps(settings)),
        ]
        for fault in faults:
            self._command += ["--fault", json.dumps(fault.to_json())]
        if certificate:
            self._command += ["--certificate", str(certificate)]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def journal(self) -> list[Record]:
        """The records that are in the file."""
        return read_journal(self.journal_file)

    def deliveries(self) -> list[Taken]:
        """The messages that were taken over, in their order."""
        return deliveries(self.journal)

    def start(self) -> Self:
        """Start the process and wait for its port."""
        self._process = process = subprocess.Popen(
            self._command, cwd=REPOSITORY, stdin=subprocess.PIPE
        )

        def ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the fault server ended with {process.returncode}")
            return self._port_file.exists()

        try:
            until(ready, what="the fault server's port")
        except BaseException:
            self.stop()
            raise
        self.port = int(self._port_file.read_text())
        return self

    def stop(self) -> None:
        """End the process; RuntimeError where something went wrong inside it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.communicate(timeout=20)
        if process.returncode:
            raise RuntimeError(f"the fault server ended with {process.returncode}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
