"""A private Haraka whose queue is a journal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from tests.support.real_server import MOST_OCTETS, NODE, PASSWORD, USERNAME, RealServer, Spooled
from tests.support.smtp_server import SCRIPTS, journalled, node_version


class Haraka(RealServer):
    """Haraka with its default settings; "secure" wants AUTH."""

    name = "Haraka"
    program = NODE / "Haraka" / "bin" / "haraka"
    listeners = ("plain", "secure")

    def _configure(self) -> None:
        plugins, settings = self.folder / "plugins", self.folder / "config"
        shutil.copytree(SCRIPTS / "haraka", plugins, dirs_exist_ok=True)
        settings.mkdir(exist_ok=True)
        # Its own defaults, but for the size: without the file it does not greet.
        defaults = (self.program.parents[1] / "config" / "connection.ini").read_text()
        ports = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        files = {
            "me": self.host,
            "plugins": "tls\nauth/flat_file\ntrouble\njournal\n",
            "connection.ini": defaults.replace("bytes=26214400", f"bytes={MOST_OCTETS}"),
            "smtp.ini": f"listen={ports}\nnodes=0\n",
            "auth_flat_file.ini": f"[core]\nmethods=PLAIN,LOGIN\n[users]\n{USERNAME}={PASSWORD}\n",
            "tls_key.pem": self._certificate.read_text(),
            "tls_cert.pem": self._certificate.read_text(),
        }
        for name, text in files.items():
            (settings / name).write_text(text)

    @classmethod
    def version(cls) -> str:
        """Read the package's own word for it."""
        return node_version("Haraka")

    def _environ(self) -> dict[str, str]:
        return {
            "JOURNAL": str(self.folder / "journal"),
            "SECURE_PORT": str(self.ports["secure"]),
        }

    def _command(self) -> Sequence[str]:
        return ["node", str(self.program), "-c", str(self.folder)]

    def spooled(self) -> list[Spooled]:
        """Read the journal."""
        return journalled(self.folder / "journal")
