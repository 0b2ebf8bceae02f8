"""A private chasquid whose recipients are aliases of a program that takes everything."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from tests.support.real_server import (
    DEBIAN,
    MOST_OCTETS,
    PASSWORD,
    USERNAME,
    RealServer,
    Spooled,
)

_CONFIGURATION = """\
hostname: "chasquid.test"
smtp_address: "127.0.0.1:{ports[plain]}"
submission_address: "127.0.0.1:{ports[secure]}"
data_dir: "{folder}/data"
mail_log_path: "{folder}/mail.log"
max_data_size_mb: {megabytes}
"""
#: It takes mail for anybody in these domains, but in the last one for nobody except its user.
_TAKEN = "taken: | /bin/true\n*: taken\n"
_ALIASES = {"example.net": _TAKEN, "bücher.example": _TAKEN, "example.com": ""}
_QUEUED = re.compile(r"^\S+ \S+ (\S+) from=\S* queued ip=\S+ to=\[(.*)\]$", re.MULTILINE)


class Chasquid(RealServer):
    """chasquid with its default limits; "secure" is its submission port, which wants AUTH."""

    name = "chasquid"
    program = DEBIAN / "usr/bin/chasquid"
    package = "chasquid"
    listeners = ("plain", "secure")
    tells_identifiers = False
    # A line of a game.
    varying = ((r"^(250 \d\.\d\.\d|354|221 \d\.\d\.\d) .+", r"\1 A RANDOM LINE"),)
    refusing_domain = "example.com"

    def _configure(self) -> None:
        folder = self.folder
        certificates = folder / "certs" / self.host
        certificates.mkdir(parents=True, exist_ok=True)
        (folder / "data").mkdir(exist_ok=True)
        for name in ("fullchain.pem", "privkey.pem"):
            (certificates / name).write_bytes(self._certificate.read_bytes())
        for domain, aliases in _ALIASES.items():
            (folder / "domains" / domain).mkdir(parents=True, exist_ok=True)
            (folder / "domains" / domain / "aliases").write_text(aliases)
        text = _CONFIGURATION.format(
            folder=folder, ports=self.ports, megabytes=MOST_OCTETS // 2**20
        )
        (folder / "chasquid.conf").write_text(text)
        utility = [self.program.with_name("chasquid-util"), f"-C={folder}", "user-add"]
        subprocess.run(
            [*utility, f"--password={PASSWORD}", USERNAME], check=True, capture_output=True
        )

    def _command(self) -> Sequence[str]:
        return [str(self.program), "-config_dir", str(self.folder)]

    @property
    def log(self) -> str:
        """Its mail log, behind its own."""
        file = self.folder / "mail.log"
        return super().log + (file.read_text(errors="replace") if file.exists() else "")

    def spooled(self) -> list[Spooled]:
        """Read its mail log: a message stands there when it has been queued."""
        return [
            Spooled(identifier, None, tuple(recipients.split()))
            for identifier, recipients in _QUEUED.findall(self.log)
        ]
