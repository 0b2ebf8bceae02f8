"""What the real servers of the tests have in common: start, ports, and what lies in their spools.

Each server has its configuration, spool and log in a temporary folder, listens on free ports of
loopback, and takes mail for anybody, but for:

| recipient             | reply to RCPT                |
|-----------------------|------------------------------|
| blocked+N@example.net | 5yz, for good                |
| slow+N@example.net    | 4yz, where it can be told to |

Nothing is delivered any further. `.ci/servers` gets the programs.
"""

from __future__ import annotations

import abc
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from tests.support.enclosure import Enclosure, debian_version, enclosure_obstacle
from tests.support.ports import free_port
from tests.support.postfix import obstacle
from tests.support.waiting import greets, listens, until

ROOT = Path(__file__).resolve().parents[2]
DEBIAN = ROOT / ".servers" / "debian"
NODE = ROOT / ".servers" / "node" / "node_modules"

#: Who may say AUTH.
USERNAME, PASSWORD = "news@example.com", "correct horse"
#: What every server is told to announce as SIZE, in octets.
MOST_OCTETS = 1_048_576
_TRIES = 3
_MESSAGE_ID = re.compile(r"^(?:\w*[ ?]*)?Message-ID:\s*<(.+?)>", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A message that a server has taken over, as its spool or its log says.

    `identifier` is the server's own id; `message_id` is that of the header, None where only the log
    is left of the message.
    """

    identifier: str
    message_id: str | None
    recipients: tuple[str, ...]


class RealServer(abc.ABC):
    """A server that is not ours; a context manager.

    `ports` has "plain" (no TLS is needed) and, where the server can, "secure" (STARTTLS and AUTH
    are needed) and "limited" (small limits).
    """

    name: ClassVar[str]
    program: ClassVar[Path]
    #: The package of Debian that tells the version.
    package: ClassVar[str]
    listeners: ClassVar[tuple[str, ...]] = ("plain",)
    users: ClassVar[tuple[str, ...]] = ()
    #: Whether the reply to the end of data has the server's own id of the message.
    tells_identifiers: ClassVar[bool] = True
    #: What is another text in each reply, as a pattern, and what may stand in its place.
    varying: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: The domain at which "blocked" is refused.
    refusing_domain: ClassVar[str] = "example.net"

    def __init__(self, certificate: Path, **ports: int) -> None:
        """`certificate` is chain and key, PEM; a port that is not named is a free one."""
        self._certificate = certificate
        self._wanted = ports
        # Not pytest's folder: users of the server must be able to reach it.
        self.folder = Path(tempfile.mkdtemp(prefix=f"mailbatch-{self.name.lower()}-"))
        self._enclosure: Enclosure | None = None
        self.ports: dict[str, int] = {}

    @classmethod
    def check_obstacle(cls) -> None:
        """Skip, or fail where real servers are required, where this one cannot be started."""
        if not cls.program.exists():
            obstacle(f"{cls.name} is not unpacked: run bash .ci/servers")
        reason = enclosure_obstacle()
        if reason is not None:
            obstacle(f"{cls.name} cannot be started: {reason}")

    @classmethod
    def refused(cls, number: int) -> str:
        """Return an address that the server refuses for good."""
        return f"blocked+{number}@{cls.refusing_domain}"

    @classmethod
    def version(cls) -> str:
        """Return the version of the program, without what Debian counts of its own."""
        return debian_version(DEBIAN, cls.package)

    @property
    def host(self) -> str:
        """The name by which the server calls itself."""
        return f"{self.name.lower()}.test"

    @property
    def port(self) -> int:
        """Where it takes mail in the clear."""
        return self.ports["plain"]

    @abc.abstractmethod
    def _configure(self) -> None:
        """Write the configuration for the ports."""

    @abc.abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the command that runs the server in the foreground."""

    def _environ(self) -> dict[str, str]:
        return {}

    @abc.abstractmethod
    def spooled(self) -> list[Spooled]:
        """Return every message that the server has taken over so far, in no order."""

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return "" if self._enclosure is None else self._enclosure.said

    def start(self) -> Self:
        """Configure and start it, and wait until each of its ports greets.

        RuntimeError with what it said where it does not.
        """
        try:
            is_begun = any(self._try_once() for _ in range(_TRIES))
            log = self.log
        except BaseException:
            self.stop()
            raise
        if not is_begun:
            self.stop()
            raise RuntimeError(f"{self.name} does not start: {log}")
        return self

    def _try_once(self) -> bool:
        # Somebody else may take a free port before the server does.
        self.ports = {name: free_port() for name in self.listeners} | self._wanted
        self.folder.chmod(0o755)
        self._configure()
        return self._begin()

    def restart(self) -> None:
        """Begin again behind `terminate`, with the same ports and the spool that is there."""
        if not self._begin():
            raise RuntimeError(f"{self.name} does not start again: {self.log}")

    def _begin(self) -> bool:
        self._enclosure = enclosure = Enclosure(
            self._command(),
            self.folder,
            packages=DEBIAN,
            host=self.host,
            users=self.users,
            environ=self._environ(),
        )
        try:
            until(
                lambda: not enclosure.is_running or self._is_ready(),
                what=f"{self.name}'s greeting",
            )
        except TimeoutError as error:
            raise RuntimeError(f"{self.name} does not greet: {self.log}") from error
        return enclosure.is_running

    def _is_ready(self) -> bool:
        # One with limits is late with its greeting, too.
        return greets(self.port) and all(map(listens, self.ports.values()))

    def terminate(self) -> None:
        """End all of its processes by SIGTERM, as a service manager does."""
        assert self._enclosure is not None
        self._enclosure.terminate()

    def stop(self) -> None:
        """End it for good, and remove its folder."""
        enclosure, self._enclosure = self._enclosure, None
        if enclosure is not None:
            enclosure.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def header_message_id(text: str) -> str | None:
    """Return the Message-ID of a message's header, also behind a spool file's own marks."""
    found = _MESSAGE_ID.search(text)
    return None if found is None else found[1]
