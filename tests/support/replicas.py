"""Clusters that have copies: those of a backup, and a standby that takes over.

with Restorable() as cluster:
    cluster.keep("night")
    ...
    cluster.put_back("night")            # as a snapshot of the machine; or recover=True

with Restorable() as primary, Standby(primary) as standby:
    primary.kill()
    standby.promote()
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.postgresql import _CLEAR, Cluster
from tests.support.waiting import until


class Restorable(Cluster):
    """A cluster that is put back from copies of its files."""

    _killed = False

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, unless it was killed."""
        if not self._killed:
            super().stop(mode)

    def keep(self, name: str) -> None:
        """Copy all files, as a snapshot of the machine does, and go on."""
        self.stop()
        shutil.rmtree(self.folder / name, ignore_errors=True)
        self._copy(self._data, str(self.folder / name))
        self.start()

    def put_back(self, name: str, *, recover: bool = False) -> None:
        """Put a copy back and start it; `recover` is a recovery that ends on another timeline."""
        self.stop("immediate")
        shutil.rmtree(self._data)
        self._copy(str(self.folder / name), self._data)
        if recover:
            Path(self._data, "recovery.signal").touch()
            with Path(self._data, "postgresql.auto.conf").open("a") as settings:
                settings.write("restore_command = 'false'\n")
        self.start()
        until(lambda: not self.fetch("SELECT pg_is_in_recovery()")[0][0], what="the recovery")

    def dump(self, schema: str) -> str:
        """Return a dump of a schema, in SQL."""
        return self._run("pg_dump", "-h", str(self.folder), "-U", self._user, "-n", schema)

    def load(self, dump: str) -> None:
        """Execute a dump."""
        file = self.folder / "dump.sql"
        file.write_text(dump)
        file.chmod(0o644)
        self._run("psql", "-q", "-h", str(self.folder), "-U", self._user, "-f", str(file))

    def kill(self) -> None:
        """Kill all processes of the server by kill -9, as the loss of its machine does."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        server = int(Path(self._data, "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGSTOP)  # it starts nothing while its children are listed
        listed = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for process in (server, *map(int, listed)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{server}").exists(), what="the end of the server")
        self._killed = True

    def _copy(self, source: str, target: str) -> None:
        subprocess.run(["cp", "-a", source, target], check=True)


class Standby(Restorable):
    """A standby of a cluster, under the name `other` of its connection."""

    def __init__(self, primary: Cluster) -> None:
        super().__init__()
        self._primary = primary

    def __enter__(self) -> Self:
        primary = self._primary
        self._warden = self._begin(_CLEAR, str(self._binaries), str(self.folder))
        try:
            self._run(
                "pg_basebackup", "-D", self._data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
                "-d", f"host={primary.folder} user={primary._user} application_name=other",
            )  # fmt: skip
            self.start()
        except BaseException:
            self._clear()
            raise
        return self

    def promote(self) -> None:
        """Let the standby take over, and wait until it can be written."""
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def pause(self) -> None:
        """Receive nothing any more: the standby stays behind from now on."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        until(lambda: not self.fetch("SELECT 1 FROM pg_stat_wal_receiver"), what="the pause")


def wait_for_standby(primary: Cluster, state: str) -> None:
    """Wait until a standby follows a cluster in this way: `async` or `sync`."""
    query = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
    until(lambda: [row[0] for row in primary.fetch(query)] == [state], what=f"a {state} standby")
