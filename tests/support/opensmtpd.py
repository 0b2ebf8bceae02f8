"""A private OpenSMTPD that keeps everything in its queue."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence

from tests.support.real_server import (
    DEBIAN,
    MOST_OCTETS,
    PASSWORD,
    USERNAME,
    RealServer,
    Spooled,
    header_message_id,
)

_CONFIGURATION = """\
smtp max-message-size "{size}"
pki opensmtpd.test cert "{folder}/server.pem"
pki opensmtpd.test key "{folder}/server.pem"
table users {{ "{user}" = "{password}" }}
filter slow phase rcpt-to match rcpt-to regex {{ "^slow" }} reject "451 4.7.1 try again later"
listen on 127.0.0.1 port {ports[plain]} hostname opensmtpd.test filter slow
listen on 127.0.0.1 port {ports[secure]} hostname opensmtpd.test tls-require pki opensmtpd.test \\
  auth <users>
action "queue" relay host "smtp://127.0.0.1:9"
match from any for rcpt-to regex {{ "^blocked" }} reject
match from any for any action "queue"
"""


class OpenSmtpd(RealServer):
    """OpenSMTPD with its default limits; "secure" wants STARTTLS and AUTH."""

    name = "OpenSMTPD"
    program = DEBIAN / "usr/sbin/smtpd"
    package = "opensmtpd"
    listeners = ("plain", "secure")
    users = ("opensmtpd", "opensmtpq")

    def _configure(self) -> None:
        pem = self.folder / "server.pem"
        shutil.copy(self._certificate, pem)
        pem.chmod(0o600)
        spool = self.folder / "spool"
        spool.mkdir(exist_ok=True)
        spool.chmod(0o711)
        text = _CONFIGURATION.format(
            folder=self.folder,
            ports=self.ports,
            size=MOST_OCTETS,
            user=USERNAME,
            password=PASSWORD,
        )
        (self.folder / "smtpd.conf").write_text(text)

    def _command(self) -> Sequence[str]:
        # Its spool has one place; what delivers is paused.
        begin = "exec /usr/sbin/smtpd -d -P mta -P mda -f"
        spool = "mkdir -p /var/spool/smtpd; mount --bind"
        folder = self.folder
        return ["sh", "-c", f"{spool} {folder}/spool /var/spool/smtpd; {begin} {folder}/smtpd.conf"]

    def spooled(self) -> list[Spooled]:
        """Read the envelopes of its queue, one file for each recipient."""
        envelopes = defaultdict(list)
        for file in (self.folder / "spool" / "queue").glob("*/*/*"):
            if file.name != "message":
                fields = dict(
                    line.split(": ", 1) for line in file.read_text().splitlines() if ": " in line
                )
                envelopes[file.parent].append(fields["rcpt"])
        return [
            Spooled(
                folder.name,
                header_message_id((folder / "message").read_text(errors="replace")),
                tuple(recipients),
            )
            for folder, recipients in envelopes.items()
        ]
