"""A private sendmail that puts everything into its queue, and a second one with small limits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.support.real_server import (
    DEBIAN,
    MOST_OCTETS,
    PASSWORD,
    USERNAME,
    RealServer,
    Spooled,
    header_message_id,
)

# The words of m4 are quoted as `this'.
_CONFIGURATION = """\
define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA, Port={port}, Addr=127.0.0.1{flags}')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
define(`confDOMAIN_NAME', `sendmail.test')dnl
define(`confDELIVERY_MODE', `queueonly')dnl
define(`QUEUE_DIR', `{queue}')dnl
define(`confPID_FILE', `{queue}.pid')dnl
define(`confCW_FILE', `-o /dev/null')dnl
define(`confCT_FILE', `-o /dev/null')dnl
define(`ALIAS_FILE', `')dnl
define(`confTO_IDENT', `0s')dnl
define(`confSERVICE_SWITCH_FILE', `{folder}/switch')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confMAX_MESSAGE_SIZE', `{size}')dnl
{limits}
MAILER_DEFINITIONS
MAILER(`local')dnl
MAILER(`smtp')dnl
LOCAL_RULESETS
SLocal_check_rcpt
R$*				$: $>CanonAddr $1
Rblocked + $* <@ $* > $*	$#error $@ 5.7.1 $: "550 not allowed"
Rslow + $* <@ $* > $*		$#error $@ 4.7.1 $: "451 try again later"
"""

#: What the second one takes in a message; each recipient above it costs a second from the third on.
MOST_RECIPIENTS = 100
# Debian's own configuration has the two last of these.
_LIMITS = f"""\
define(`confMAX_RCPTS_PER_MESSAGE', `{MOST_RECIPIENTS}')dnl
define(`confBAD_RCPT_THROTTLE', `3')dnl
FEATURE(`greet_pause', `1000')dnl"""

# It takes no key from below a folder that anybody may write into, as /tmp is.
_TLS = "/etc/mail/tls"
_SECURE = f"""\
define(`confCACERT_PATH', `{_TLS}')dnl
define(`confCACERT', `{_TLS}/server.pem')dnl
define(`confSERVER_CERT', `{_TLS}/server.pem')dnl
define(`confSERVER_KEY', `{_TLS}/server.pem')dnl
define(`confAUTH_OPTIONS', `A p y')dnl
define(`confAUTH_MECHANISMS', `PLAIN LOGIN')dnl
TRUST_AUTH_MECH(`PLAIN LOGIN')dnl"""
_SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"

# Arguments: the folder, the password, the user's name and domain.
_BEGIN = """
mkdir -p /var/lib/sendmail/host_status /etc/mail/tls /etc/sasl2
install -m 600 "$1/server.pem" /etc/mail/tls/
cp "$1/sasl.conf" /etc/sasl2/Sendmail.conf
printf %s "$2" | saslpasswd2 -p -c -u "$4" "$3"
for name in plain secure limited; do
  m4 "$1/$name.mc" 2>/dev/null >"$1/$name.cf"
done
/usr/libexec/sendmail/sendmail -bD -C "$1/secure.cf" &
/usr/libexec/sendmail/sendmail -bD -C "$1/limited.cf" &
exec /usr/libexec/sendmail/sendmail -bD -C "$1/plain.cf"
"""

_RECIPIENT = re.compile(r"^R[A-Z]*:<(.+)>$", re.MULTILINE)


class Sendmail(RealServer):
    """sendmail; "secure" wants STARTTLS and AUTH, "limited" greets late and has limits."""

    name = "sendmail"
    program = DEBIAN / "usr/libexec/sendmail/sendmail"
    package = "sendmail-bin"
    listeners = ("plain", "secure", "limited")
    users = ("smmta", "smmsp")
    varying = ((r"(?<=/Debian-)[^;]+", "REVISION"),)

    def _configure(self) -> None:
        (self.folder / "switch").write_text("hosts files\naliases files\n")
        pem = self.folder / "server.pem"
        shutil.copy(self._certificate, pem)
        pem.chmod(0o600)
        (self.folder / "sasl.conf").write_text(_SASL)
        self._write("plain", "")
        self._write("secure", _SECURE, flags=", M=a")
        self._write("limited", _LIMITS)

    def _write(self, name: str, limits: str, flags: str = "") -> None:
        queue = self.folder / f"{name}-queue"
        queue.mkdir(exist_ok=True)
        queue.chmod(0o700)
        text = _CONFIGURATION.format(
            folder=self.folder,
            queue=queue,
            port=self.ports[name],
            flags=flags,
            size=MOST_OCTETS,
            limits=limits,
        )
        (self.folder / f"{name}.mc").write_text(text)

    def _command(self) -> Sequence[str]:
        return ["sh", "-euc", _BEGIN, "begin", str(self.folder), PASSWORD, *USERNAME.split("@")]

    def spooled(self) -> list[Spooled]:
        """Read the control files of its queues."""
        return [_spooled(file) for file in self.folder.glob("*-queue/qf*")]


def _spooled(file: Path) -> Spooled:
    text = file.read_text(encoding="utf-8", errors="replace")
    recipients = tuple(_RECIPIENT.findall(text))
    return Spooled(file.name.removeprefix("qf"), header_message_id(text), recipients)
