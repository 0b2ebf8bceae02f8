"""Real servers for the tests: Postfix's smtp-sink, and a private Postfix with its smtpd.

Both listen on a free port of loopback, are waited for until they say 220, and end with their
context. The private Postfix has its configuration, queue and log in a temporary folder and nothing
in common with one that the machine may be running. Mail for anybody is accepted and discarded, but
for:

| recipient           | reply to RCPT             |
|---------------------|---------------------------|
| blocked@example.net | 550 5.7.1 not allowed     |
| slow@example.net    | 451 4.7.1 try again later |

Mail to refused.example is taken and bounces (5.1.1); mail to bounces@sender.example goes to the
mbox `mailbox`.

With MAILBATCH_REQUIRE_REAL_SERVERS=1 a missing server fails a test instead of skipping it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.support.obstacle import skip_unless_required
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, greets, until

USER = "postfix"
REQUIRED = "MAILBATCH_REQUIRE_REAL_SERVERS"
_TRIES = 3
_NOBODY = 65534

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
transport_maps = inline:{{ {{ refused.example = error:5.1.1 no such mailbox }} }}
virtual_mailbox_domains = sender.example
virtual_mailbox_maps = inline:{{ bounces@sender.example=bounces }}
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_transport = discard:
relayhost =
alias_maps =
alias_database =
local_recipient_maps =
recipient_delimiter = +
smtpd_peername_lookup = no
smtpd_reject_unlisted_recipient = no
smtpd_recipient_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_discard_ehlo_keywords = etrn, vrfy
smtpd_recipient_restrictions =
    check_recipient_access inline:{{
        {{ blocked@example.net = 550 5.7.1 not allowed }},
        {{ slow@example.net = 451 4.7.1 try again later }} }},
    permit_mynetworks,
    reject
smtpd_data_restrictions = reject_unauth_pipelining
"""

# service, type, private, unprivileged, chroot, wakeup, processes, command
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
discard unix - - n - - discard
error unix - - n - - error
virtual unix - n n - - virtual
retry unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
"""


def obstacle(reason: str) -> None:
    """Skip for this reason, or fail where real servers are required."""
    skip_unless_required(reason, REQUIRED)


def sink_obstacle() -> None:
    """Skip or fail where smtp-sink cannot be started."""
    if _program("smtp-sink") is None:
        obstacle("Postfix's smtp-sink is not installed")


def postfix_obstacle() -> None:
    """Skip or fail where a private Postfix cannot be started."""
    if _program("postfix") is None or _program("postconf") is None:
        obstacle("Postfix is not installed")
    if os.geteuid() != 0:
        obstacle("only root can start a Postfix")


def _program(name: str) -> str | None:
    # The folders for administrators are not on everybody's path.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _setting(name: str) -> str:
    """A default of the installed Postfix, such as where its programs are."""
    command = [str(_program("postconf")), "-d", "-h", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class SmtpSink:
    """Postfix's smtp-sink with these options; a context manager.

    It keeps nothing unless `-d` or `-D` says so; such a file is written by the user "postfix" where
    the tests run as root.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> Self:
        """Start it and wait until it greets; RuntimeError with what it said where it does not."""
        said = ""
        for _ in range(_TRIES):  # somebody else may take the free port first
            self.port = free_port()
            user = ["-u", USER] if os.geteuid() == 0 else []
            command = [str(_program("smtp-sink")), *user, *self._options]
            command += [f"127.0.0.1:{self.port}", "100"]
            self._process = process = subprocess.Popen(command, stderr=subprocess.PIPE)
            until(
                lambda: process.poll() is not None or greets(self.port),  # noqa: B023 - used at once
                what="smtp-sink's greeting",
            )
            if process.poll() is None:
                return self
            said = process.communicate()[1].decode(errors="replace")
            if "Address already in use" not in said:
                break
        raise RuntimeError(f"smtp-sink does not start: {said}")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=DEADLINE_SECONDS)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Postfix:
    """A private Postfix; a context manager. `log` is what it wrote so far."""

    name = "Postfix"
    varying = ()
    tells_identifiers = True

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        # Not pytest's folder: the user "postfix" must be able to reach it.
        self._folder = Path(tempfile.mkdtemp(prefix="mailbatch-postfix-"))
        self.port = 0

    @staticmethod
    def version() -> str:
        """Return the version of the installed Postfix."""
        return _setting("mail_version")

    @staticmethod
    def refused(number: int) -> str:
        """Return an address that the server refuses for good."""
        return f"blocked+{number}@example.net"

    @property
    def log(self) -> str:
        """The log so far."""
        file = self._folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def mailbox(self) -> Path:
        """The mbox of bounces@sender.example."""
        return self._folder / "mail" / "bounces"

    def start(self) -> Self:
        """Configure it, start it and wait until it greets.

        RuntimeError with its log where it does not.
        """
        try:
            for _ in range(_TRIES):
                if self._try_once():
                    return self
        except BaseException:
            self.stop()
            raise
        log = self.log
        self.stop()
        raise RuntimeError(f"Postfix does not start: {log}")

    def _try_once(self) -> bool:
        self.port = free_port()
        self._configure()
        self._process = process = subprocess.Popen(
            [f"{_setting('daemon_directory')}/master", "-c", str(self._folder), "-s"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(
            lambda: process.poll() is not None or greets(self.port),
            what="smtpd's greeting",
        )
        return process.poll() is None

    def _configure(self) -> None:
        folder = self._folder
        folder.chmod(0o755)
        owners = {"queue": 0, "data": pwd.getpwnam(USER).pw_uid, "mail": _NOBODY}
        for name, owner in owners.items():
            (folder / name).mkdir(exist_ok=True)
            os.chown(folder / name, owner, -1)
        main = _MAIN.format(
            folder=folder,
            commands=_setting("command_directory"),
            daemons=_setting("daemon_directory"),
            nobody=_NOBODY,
        )
        (folder / "main.cf").write_text(main)
        (folder / "master.cf").write_text(_MASTER.format(port=self.port))
        # Makes the queue's folders, with the owners that Postfix wants.
        command = [str(_program("postfix")), "-c", str(folder), "check"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        if checked.returncode:
            raise RuntimeError(f"Postfix does not like its configuration: {checked.stderr}")

    def stop(self) -> None:
        """End it with all its daemons, and remove its folder."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(DEADLINE_SECONDS)
            # Its daemons would take their time to follow; the process group is theirs alone.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            until(lambda: not greets(self.port), what="the end of Postfix's daemons")
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
