"""A server's process with all that it starts: nothing of it is left, and nothing is disturbed.

It runs in mounts, process ids and a host name of its own. Packages of Debian that are only unpacked
lie over /etc, /usr and /var there, as if they were installed, and the machine does not see them.
Whatever is written outside the server's folder is gone with it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import gzip
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.support.waiting import DEADLINE_SECONDS, until

#: Root's first: the ids of users whom a package would have made, far from those of any machine.
_FIRST_ID = 61_801

_STOP_SECONDS = 5.0
#: A process that is to end with its parent ends with the thread that began it: this one lasts.
_BEGINNER = concurrent.futures.ThreadPoolExecutor(1)

# Arguments: the folder for what is written, the packages, the host's name, the users, the command.
# Its last lines: orphans are this shell's, and it waits for them, since all end with it.
_ENCLOSE = r"""
set -eu
layers=$1 packages=$2 host=$3 users=$4; shift 4
mount -t tmpfs tmpfs "$layers"
for name in etc usr var; do
  mkdir -p "$layers/$name/upper" "$layers/$name/work"
  mount -t overlay overlay -o \
    "lowerdir=$packages/$name:/$name,upperdir=$layers/$name/upper,workdir=$layers/$name/work" \
    "/$name"
done
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
hostname "$host"
echo "127.0.0.1 $host" >>/etc/hosts
for user in $users; do
  echo "${user%=*}:x:${user#*=}:${user#*=}::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
  echo "${user%=*}:x:${user#*=}:" >>/etc/group
done
# Nothing is written to the machine's log, and no name is asked of anybody.
[ ! -e /dev/log ] || mount --bind /dev/null /dev/log
echo "nameserver 127.0.0.1" >/etc/resolv.conf
"$@" & wait || true
while set -- /proc/[0-9]*; [ $# -gt 1 ]; do sleep 0.02 || true; done
"""


def debian_version(packages: Path, package: str) -> str:
    """Return the version of a package that is unpacked, without what Debian counts of its own."""
    changes = next((packages / "usr/share/doc" / package).glob("changelog.Debian*.gz"))
    with gzip.open(changes, "rt", encoding="utf-8") as file:
        found = re.match(r"\S+ \((?:\d+:)?([^-+)]+)", file.readline())
    assert found is not None, f"{changes} does not begin with a version"
    return found[1]


def user_ids(users: Iterable[str]) -> dict[str, int]:
    """Return the id that each of these users has in an enclosure."""
    return {name: _FIRST_ID + place for place, name in enumerate(users)}


@functools.cache
def enclosure_obstacle() -> str | None:
    """Say why this machine has no enclosure to give; None where it has."""
    if os.geteuid() != 0:
        return "only root can give a process mounts of its own"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--uts", "--fork", "true"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else f"unshare fails here: {tried.stderr.decode()}"


class Enclosure:
    """Processes that end together: what `command` is and starts.

    `packages` is a folder of unpacked packages. All that the processes say is in `folder`/said.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        packages: Path,
        host: str,
        users: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._said = folder / "said"
        layers = folder / "layers"
        layers.mkdir(exist_ok=True)
        known = " ".join(f"{name}={number}" for name, number in user_ids(users).items())
        # With whoever runs the tests, by whatever signal, this ends, too.
        words = ["setpriv", "--pdeathsig", "KILL"]
        words += ["unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child"]
        words += ["bash", "-c", _ENCLOSE, "enclosure", str(layers), str(packages), host, known]
        with self._said.open("ab") as said:
            self._process = _BEGINNER.submit(
                subprocess.Popen,
                [*words, *command],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                env={**os.environ, **(environ or {})},
            ).result()

    @property
    def said(self) -> str:
        """What the processes wrote to their standard output and standard error so far."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether the command has not ended."""
        return self._process.poll() is None

    def processes(self) -> list[int]:
        """Return the ids of the server's processes, parents first."""
        # unshare and the shell that waits are no part of the server.
        return _descendants(self._process.pid)[2:] if self.is_running else []

    def terminate(self) -> None:
        """Send SIGTERM to every process of the server, as a service manager does, and wait.

        Whoever has not ended in five seconds is killed: a session may wait for its client, and
        Exim's can miss the signal between two reads.
        """
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            until(lambda: not self.processes(), what="the server's end", seconds=_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill what is left, and wait for its end."""
        left = _descendants(self._process.pid) if self.is_running else []
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(DEADLINE_SECONDS)
        until(lambda: not any(map(_is_alive, left)), what="the end of killed processes")


def _descendants(pid: int) -> list[int]:
    """Return the process and all that it has started and not yet waited for."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):  # it may end at any moment
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False
