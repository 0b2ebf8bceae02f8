"""The servers that programs send to: smtp-sink, and before it a relay, HAProxy for TLS, or Postfix.

Every server counts the messages that arrive, so that no program is believed. Measures no time.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.waiting import greets

HERE = Path(__file__).parent
DEADLINE_SECONDS = 20.0
USER = "postfix"

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {commands}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = postfix.test
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_proxy_filter = 127.0.0.1:{sink}
"""
_MAIN_TLS = """\
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {folder}/server.pem
smtpd_tls_session_cache_database =
"""
# One thread passes on the bytes of both ports, so that they differ in TLS alone.
_HAPROXY = """\
global
    nbthread 1
    log stdout format raw daemon
defaults
    mode tcp
    log global
    option logasap
    log-format "connection %Ts.%ms"
    timeout connect 20s
    timeout client 600s
    timeout server 600s
    default_backend sink
frontend clear
    bind 127.0.0.1:{port}
frontend secure
    bind 127.0.0.1:{tls_port} ssl crt {folder}/server.pem
backend sink
    server sink 127.0.0.1:{sink}
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: port, authority to trust, and the file of the counts.

    `ca_file` is None without TLS. `dump` has every message, for a server that keeps messages.
    `relay` is what a relay says of its connections; `by_wall_clock`: the times there are those of
    the system's clock. `tls_port` is a second port, which speaks TLS from the first byte on, or
    None. `running` is a file for the id of the process that is measured, which the relay looks at.
    """

    port: int
    ca_file: Path | None
    counter: Path
    relay: Path | None = None
    dump: Path | None = None
    tls_port: int | None = None
    running: Path | None = None
    by_wall_clock: bool = False

    def arrived(self) -> int:
        """Return how many messages have arrived so far."""
        found = re.findall(rb"mesg= *(\d+)\r", _tail(self.counter))
        return int(found[-1]) if found else 0

    def connections(self) -> list[float]:
        """Return when each connection came through the relay, on the monotonic clock."""
        text = self.relay.read_text(encoding="ascii") if self.relay else ""
        later = time.monotonic() - time.time() if self.by_wall_clock else 0.0
        return [float(line.split()[1]) + later for line in text.splitlines() if line[:4] == "conn"]

    def spent(self) -> list[float | None]:
        """Return the seconds of processors before each connection; None where nobody knows."""
        text = self.relay.read_text(encoding="ascii") if self.relay else ""
        found = [line.split()[2:] for line in text.splitlines() if line[:4] == "conn"]
        return [float(one[0]) if one and one[0] != "unknown" else None for one in found]


def missing(*, tls: bool = False, smtpd: bool = False, tls_end: bool = False) -> str | None:
    """Return the reason why such a server cannot be started here, or None."""
    if program("smtp-sink") is None:
        return "Postfix's smtp-sink is not installed"
    if smtpd and program("postconf") is None:
        return "Postfix is not installed"
    if smtpd and os.geteuid() != 0:
        return "only root can start a Postfix"
    if tls_end and program("haproxy") is None:
        return "HAProxy is not installed"
    if tls or tls_end:
        try:
            import trustme  # noqa: F401
        except ImportError:
            return "trustme is not installed"
    return None


@contextlib.contextmanager
def serving(
    *,
    round_trip_ms: float | None = None,
    smtpd: bool = False,
    tls: bool = False,
    tls_end: bool = False,
    ids: bool = False,
    keep: bool = False,
) -> Iterator[Server]:
    """Run smtp-sink; before it Postfix's smtpd, with STARTTLS, and a relay, where asked for.

    The relay is there for every `round_trip_ms` but None: 0 delays nothing, but knows connections.
    With `ids` the replies that pass the relay name queue ids. With `tls_end` HAProxy stands before
    the sink instead, with a second port for TLS. With `keep` the messages are kept.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailbatch-bench-")))
        folder.chmod(0o755)
        dump = None
        if keep:
            (folder / "kept").mkdir()
            (folder / "kept").chmod(0o777)  # smtp-sink gives up being root
            dump = folder / "kept" / "mail"
        counter = folder / "counter"
        port = stack.enter_context(_sink(counter, dump))
        ca_file = _certificates(folder) if tls or tls_end else None
        if smtpd:
            port = stack.enter_context(_postfix(folder, port, tls=tls))
        relay = tls_port = None
        if tls_end:
            relay = folder / "haproxy"
            port, tls_port = stack.enter_context(_tls_end(relay, folder, port))
        elif round_trip_ms is not None:
            relay = folder / "relay"
            words = [str(port), str(round_trip_ms), "--running", str(folder / "running")]
            port = stack.enter_context(_relay(relay, [*words, "--ids"] if ids else words))
        running = folder / "running"
        yield Server(port, ca_file, counter, relay, dump, tls_port, running, by_wall_clock=tls_end)


@contextlib.contextmanager
def _sink(counter: Path, dump: Path | None) -> Iterator[int]:
    port = free_port()
    command = [str(program("smtp-sink")), "-c"]
    command += ["-u", USER] if os.geteuid() == 0 else []
    command += ["-D", str(dump)] if dump else []
    with counter.open("wb") as counted:
        process = subprocess.Popen([*command, f"127.0.0.1:{port}", "512"], stdout=counted)
    with _ended(process):
        until(lambda: greets(port), "smtp-sink's greeting")
        yield port


@contextlib.contextmanager
def _relay(said: Path, words: list[str]) -> Iterator[int]:
    command = [sys.executable, str(HERE / "relay.py"), *words]
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out)
    with _ended(process):
        until(lambda: said.read_bytes().endswith(b"\n"), "the relay")
        yield int(said.read_text(encoding="ascii").split()[1])


@contextlib.contextmanager
def _tls_end(said: Path, folder: Path, sink: int) -> Iterator[tuple[int, int]]:
    """Run HAProxy; give the port that passes bytes on as they are, and the one that ends TLS."""
    port, tls_port = free_port(), free_port()
    config = folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(folder=folder, port=port, tls_port=tls_port, sink=sink))
    with said.open("wb") as out:
        command = [str(program("haproxy")), "-db", "-f", str(config)]
        process = subprocess.Popen(command, stdout=out)
    with _ended(process):
        until(lambda: greets(port), "HAProxy")
        yield port, tls_port


@contextlib.contextmanager
def _postfix(folder: Path, sink: int, *, tls: bool) -> Iterator[int]:
    """Run smtpd without a queue: every message goes to the sink before the reply."""
    port = free_port()
    for name, owner in [("queue", 0), ("data", pwd.getpwnam(USER).pw_uid)]:
        (folder / name).mkdir()
        os.chown(folder / name, owner, -1)
    main = _MAIN + (_MAIN_TLS if tls else "")
    settings = {"commands": _setting("command_directory"), "daemons": _setting("daemon_directory")}
    (folder / "main.cf").write_text(main.format(folder=folder, sink=sink, **settings))
    (folder / "master.cf").write_text(_MASTER.format(port=port))
    subprocess.run(
        [str(program("postfix")), "-c", str(folder), "check"], check=True, capture_output=True
    )
    process = subprocess.Popen(
        [f"{settings['daemons']}/master", "-c", str(folder), "-s"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: greets(port), "smtpd's greeting")
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)
        with contextlib.suppress(ProcessLookupError):  # its daemons would take their time
            os.killpg(process.pid, signal.SIGKILL)
        until(lambda: not greets(port), "the end of Postfix's daemons")


def _certificates(folder: Path) -> Path:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = folder / "server.pem"
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(
        server
    )
    server.chmod(0o600)
    return folder / "ca.pem"


def program(name: str) -> str | None:
    """Return the path of a program; the folders for administrators are not on everybody's path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def until(
    fact: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS, pause: float = 0.01
) -> None:
    """Ask until the answer is yes, with pauses of so many seconds.

    Raises:
        TimeoutError: The answer is still no after so many seconds; the text names `what`.
    """
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(pause)


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def _setting(name: str) -> str:
    command = [str(program("postconf")), "-d", "-h", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 200))
        return file.read()
