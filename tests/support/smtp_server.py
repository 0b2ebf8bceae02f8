"""npm's smtp-server, whose journal is written before each reply to the end of data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.support.real_server import (
    MOST_OCTETS,
    NODE,
    PASSWORD,
    USERNAME,
    RealServer,
    Spooled,
    header_message_id,
)

SCRIPTS = Path(__file__).with_name("node")


class SmtpServer(RealServer):
    """smtp-server; "secure" wants STARTTLS and AUTH, "limited" takes two clients at a time."""

    name = "smtp-server"
    program = NODE / "smtp-server" / "package.json"
    listeners = ("plain", "secure", "limited")
    tells_identifiers = False

    def _configure(self) -> None:
        """Nothing: all that it needs are arguments."""

    @classmethod
    def version(cls) -> str:
        """Read the package's own word for it."""
        return node_version("smtp-server")

    def _environ(self) -> dict[str, str]:
        return {"NODE_PATH": str(NODE)}

    def _command(self) -> Sequence[str]:
        words = [self.folder / "journal", self._certificate, MOST_OCTETS, USERNAME, PASSWORD]
        ports = [self.ports[name] for name in self.listeners]
        return ["node", str(SCRIPTS / "smtp_server.js"), *map(str, words + ports)]

    def spooled(self) -> list[Spooled]:
        """Read the journal."""
        return journalled(self.folder / "journal")


def node_version(package: str) -> str:
    """Return the version of a package of npm."""
    version: str = json.loads((NODE / package / "package.json").read_text())["version"]
    return version


def journalled(journal: Path) -> list[Spooled]:
    """Read a journal of a server on Node: a line of JSON for each message."""
    if not journal.exists():
        return []
    found = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    return [
        Spooled(
            record["identifier"],
            header_message_id(record["header"]),
            tuple(record["recipients"]),
        )
        for record in found
    ]
