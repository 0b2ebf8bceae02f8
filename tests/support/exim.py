"""A private Exim that puts everything into its queue, and a second one with small limits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.support.enclosure import user_ids
from tests.support.real_server import (
    DEBIAN,
    MOST_OCTETS,
    PASSWORD,
    USERNAME,
    RealServer,
    Spooled,
    header_message_id,
)

_USER = "Debian-exim"

_CONFIGURATION = """\
primary_hostname = exim.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/{name}.pid
daemon_smtp_ports = {ports}
local_interfaces = 127.0.0.1
message_size_limit = {size}
queue_only = true
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
smtp_accept_max = 100
allow_utf8_domains = true
smtputf8_advertise_hosts = *
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.pem
tls_advertise_hosts = ${{if eq{{$received_port}}{{{secure}}}{{*}}{{}}}}
{limits}
acl_smtp_connect = connect
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt

begin acl
connect:
  {connect}
mail:
  deny condition = ${{if eq{{$received_port}}{{{secure}}}}}
    !authenticated = *
    message = 530 5.7.0 Authentication required
  accept
rcpt:
  deny local_parts = ^blocked
    message = not allowed
  defer local_parts = ^slow
    message = try again later
  accept

begin routers
anybody:
  driver = accept
  transport = nowhere

begin transports
nowhere:
  driver = appendfile
  file = /dev/null

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
"""

#: What the second one may do: recipients in a message, messages in a connection, connections.
MOST_RECIPIENTS, MOST_MESSAGES, MOST_CONNECTIONS = 100, 30, 2
_LIMITS = f"""\
recipients_max = {MOST_RECIPIENTS}
smtp_accept_max_per_connection = {MOST_MESSAGES}
smtp_accept_max_per_host = {MOST_CONNECTIONS}"""


class Exim(RealServer):
    """Exim; "secure" wants STARTTLS and AUTH, "limited" greets late and has limits."""

    name = "Exim"
    program = DEBIAN / "usr/sbin/exim4"
    package = "exim4-base"
    listeners = ("plain", "secure", "limited")
    users = (_USER,)

    def _configure(self) -> None:
        number = user_ids(self.users)[_USER]
        for name in ("spool", "log"):
            (self.folder / name).mkdir(exist_ok=True)
            os.chown(self.folder / name, number, number)
        pem = self.folder / "server.pem"
        shutil.copy(self._certificate, pem)
        pem.chmod(0o400)
        os.chown(pem, number, number)
        ports = self.ports
        self._write("main", f"{ports['plain']} : {ports['secure']}", "", "accept")
        self._write("limited", str(ports["limited"]), _LIMITS, "accept delay = 1s")

    def _write(self, name: str, ports: str, limits: str, connect: str) -> None:
        text = _CONFIGURATION.format(
            folder=self.folder,
            name=name,
            ports=ports,
            secure=self.ports["secure"],
            size=MOST_OCTETS,
            limits=limits,
            connect=connect,
            user=USERNAME,
            password=PASSWORD,
        )
        (self.folder / f"{name}.conf").write_text(text)

    def _command(self) -> Sequence[str]:
        exim = "/usr/sbin/exim4 -bdf -C"
        folder = self.folder
        return ["sh", "-c", f"{exim} {folder}/limited.conf & exec {exim} {folder}/main.conf"]

    @property
    def log(self) -> str:
        """Its main log, behind what it said where it could not begin."""
        file = self.folder / "log" / "mainlog"
        return super().log + (file.read_text(errors="replace") if file.exists() else "")

    def spooled(self) -> list[Spooled]:
        """Read the header files of its queue."""
        return [_spooled(file) for file in (self.folder / "spool" / "input").glob("*-H")]


def _spooled(file: Path) -> Spooled:
    """Read an envelope: behind the line XX come the number of recipients, and each of them."""
    text = file.read_text(encoding="utf-8", errors="replace")
    _, _, rest = text.partition("\nXX\n")
    envelope, _, header = rest.partition("\n\n")
    number, *recipients = envelope.splitlines()
    assert int(number) == len(recipients), f"{file.name} is no envelope"
    return Spooled(file.name.removesuffix("-H"), header_message_id(header), tuple(recipients))
