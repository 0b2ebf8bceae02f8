"""A private PostgreSQL for the tests: a cluster of its own in a temporary folder.

    with Cluster() as cluster:
        place = cluster.new_place()      # of a ledger that is not there yet

The cluster listens on a unix socket in its folder alone, and runs as an unprivileged user where the
tests run as root, since PostgreSQL refuses root. Files are not synced (`fsync=off`): the tests kill
processes, and never the machine. A cluster ends with the process of the tests, even by kill -9: a
shell waits at a pipe for that end.

With MAILBATCH_REQUIRE_POSTGRES=1 a missing PostgreSQL fails a test instead of skipping it.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pytest

from mailbatch.ledger.postgres.address import Place
from tests.support.memory import memory

REQUIRED = "MAILBATCH_REQUIRE_POSTGRES"
_USERS = ("postgres", "nobody")
_DEADLINE = 60.0
#: Waits for the end of standard input, then ends the cluster of a folder, if there is one left.
_CLEAR = 'read _; "$0/pg_ctl" -D "$1/data" -w -m immediate stop >/dev/null 2>&1; rm -rf "$1"'
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "''",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "autovacuum": "off",
}


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL of this machine; None without one."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = [
        path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()
    ]
    return max(versions, key=lambda path: int(path.parent.name), default=None)


def missing() -> str | None:
    """Return the reason why no PostgreSQL can be started here; None: one can."""
    if importlib.util.find_spec("asyncpg") is None:
        return "asyncpg is not installed (the extra `postgres`)"
    return None if binaries() is not None else "no PostgreSQL is installed (initdb)"


def check_present() -> None:
    """Skip the test where PostgreSQL is missing; fail the test where PostgreSQL is required."""
    reason = missing()
    if reason is not None:
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(reason)


_DROP_ALL = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'mailbatch_') LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
END $$
"""


class Cluster:
    """A cluster of its own, that ends with its context; `settings` are those of the server.

    `beside` is the folder that its own is made in, on a disk; None: in memory where there is room.
    """

    def __init__(self, *, beside: Path | None = None, **settings: str) -> None:
        self._settings = {**_SETTINGS, **settings}
        found = binaries()
        assert found is not None
        self._binaries = found
        where = beside or memory() or "/tmp"  # noqa: S108
        self.folder = Path(tempfile.mkdtemp(prefix="mailbatch-pg-", dir=where))
        self._numbers = itertools.count(1)
        self._runner = asyncio.Runner()
        self._connection: Any = None
        self._warden: subprocess.Popen[bytes] | None = None
        self._owner = _unprivileged() if os.geteuid() == 0 else None
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        self._user = pwd.getpwuid(os.geteuid()).pw_name if self._owner is None else "postgres"

    def __enter__(self) -> Self:
        self._warden = self._begin(_CLEAR, str(self._binaries), str(self.folder))
        try:
            self._run("initdb", "--no-sync", "-A", "trust", "-E", "UTF8", "--no-locale",
                      "-U", self._user, "-D", self._data)  # fmt: skip
            self.start()
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop("immediate")
        self._runner.close()
        self._clear()

    def _clear(self) -> None:
        """Let the warden clear up, and wait for its end."""
        if self._warden is not None:
            self._warden.communicate(timeout=_DEADLINE)

    def give(self, name: str, content: bytes) -> Path:
        """Write a file that only the owner of the cluster may read."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        if self._owner is not None:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        return path

    def let_in(self, rule: str) -> None:
        """Let clients in by a further line of pg_hba.conf."""
        with (self.folder / "data" / "pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write(f"{rule}\n")
        self.execute("SELECT pg_reload_conf()")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self.folder / "log"),
                  "-o", f"{options} -k {self.folder}", "start")  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is a crash, with recovery at the next start."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def url(self, database: str) -> str:
        """Return the URL of a database of the cluster."""
        return f"postgresql:///{database}?host={quote(str(self.folder), safe='')}&user={self._user}"

    @property
    def address(self) -> str:
        """The URL of the database of the tests."""
        return self.url("postgres")

    def new_place(self) -> Place:
        """Return the place of a ledger that is not there yet."""
        return Place(self.address, f"mailbatch_test_{next(self._numbers)}")

    def drop(self, place: Place) -> None:
        """Drop a ledger, and end all connections to it."""
        self.disconnect(place)
        self.execute(
            "SET client_min_messages = warning;"
            f" SET lock_timeout = '10s'; DROP SCHEMA IF EXISTS {place.schema} CASCADE"
        )

    def disconnect(self, place: Place) -> None:
        """End every connection to a ledger, as the death of all its clients does; wait for it."""
        self.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
            f" WHERE application_name = '{place.schema}'",
        )

    def clear(self) -> None:
        """Drop every ledger, and end all connections to the database but that of this object."""
        self.execute(
            "SET client_min_messages = warning; SET lock_timeout = '10s';"
            " SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        self.execute(_DROP_ALL)

    def execute(self, statement: str) -> None:
        """Execute statements by a connection of its own."""
        self._runner.run(self._execute(statement))

    def fetch(self, query: str) -> list[Any]:
        """Return the rows of a query, by the same connection."""
        return self._runner.run(self._fetch(query))

    def configure(self, name: str, value: str) -> None:
        """Set a setting of the running server, and wait until the server knows."""
        self.execute(f"ALTER SYSTEM SET {name} = {value}")
        self.execute("SELECT pg_reload_conf()")
        while self.fetch(f"SHOW {name}")[0][0] != value.strip("'"):
            pass

    async def _execute(self, statement: str) -> None:
        await (await self._connected()).execute(statement)

    async def _fetch(self, query: str) -> list[Any]:
        return list(await (await self._connected()).fetch(query))

    async def _connected(self) -> Any:
        import asyncpg

        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self.address)
        return self._connection

    def _begin(self, *script: str) -> subprocess.Popen[bytes]:
        """Begin a shell script as the owner of the cluster, which no signal of a terminal ends."""
        owner = self._owner
        return subprocess.Popen(
            ["/bin/sh", "-c", *script],
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else [],
            cwd="/",
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _run(self, program: str, *arguments: str) -> str:
        """Run a program as the owner of the cluster, and return what the program says."""
        owner = self._owner
        # A file, since the server inherits the output of pg_ctl, and keeps a pipe open.
        with (self.folder / f"{program}.out").open("w+b") as output:
            done = subprocess.run(
                [str(self._binaries / program), *arguments],
                user=None if owner is None else owner.pw_uid,
                group=None if owner is None else owner.pw_gid,
                extra_groups=None if owner is None else [],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_DEADLINE,
                check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
            output.seek(0)
            said = output.read().decode(errors="replace")
        assert done.returncode == 0, f"{program}: {said}"
        return said


@functools.cache
def shared_cluster() -> Cluster:
    """Return the cluster of this process, started with the first test that asks for one."""
    cluster = Cluster()
    cluster.__enter__()
    atexit.register(cluster.__exit__)
    return cluster


def _unprivileged() -> pwd.struct_passwd:
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError(f"PostgreSQL refuses root, and none of {_USERS} is there")
