"""Start a real server of the tests, to try things by hand: it ends with a line on standard input.

    python -m tests.support.try_server exim plain=2525

Prints its folder, its ports and what is needed to say AUTH; then, each time it is asked by a line
`spool`, what lies in its spool. SERVERS has the names.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import trustme

from tests.support.chasquid import Chasquid
from tests.support.exim import Exim
from tests.support.haraka import Haraka
from tests.support.opensmtpd import OpenSmtpd
from tests.support.real_server import PASSWORD, USERNAME, RealServer
from tests.support.sendmail import Sendmail
from tests.support.smtp_server import SmtpServer

SERVERS: dict[str, type[RealServer]] = {
    kind.name.lower(): kind for kind in (Exim, OpenSmtpd, Chasquid, Sendmail, Haraka, SmtpServer)
}


def main(arguments: list[str]) -> None:
    """Start the server that is named, and tell of it until it is to end."""
    if not arguments or arguments[0].lower() not in SERVERS:
        sys.exit(f"usage: python -m tests.support.try_server {'|'.join(SERVERS)} [plain=PORT ...]")
    ports = {name: int(port) for name, _, port in (word.partition("=") for word in arguments[1:])}
    with tempfile.TemporaryDirectory() as name:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(Path(name) / "ca.pem")
        issued = authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem
        issued.write_to_path(Path(name) / "server.pem")
        with SERVERS[arguments[0].lower()](Path(name) / "server.pem", **ports) as server:
            print(f"ports {server.ports}, certificate authority {name}/ca.pem")
            print(f"folder {server.folder}, user {USERNAME!r}, password {PASSWORD!r}", flush=True)
            for line in sys.stdin:
                if line.strip() != "spool":
                    break
                for one in server.spooled():
                    print(one)
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
