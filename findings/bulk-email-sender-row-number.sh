#!/usr/bin/env bash
# bulk-email-sender resumes by row number: a new row on top of the list mails somebody twice and the new person never.
#
# Versions: PyPI bulk-email-sender 0.3.0 (2026-07, "state-persisting mass email sender"), against aiosmtpd 1.4.6 with STARTTLS and AUTH.
# Input: three people, the first greylisted once with 451; the same list again; the list with one more person on top; a list of others.
#
# Most people expect: persisted state is about people: who was deferred is tried in the next run, who was mailed is not mailed again,
#   and the next campaign with another list starts at its first row.
# What happens: the state is the last row number. Run 1: the 451 counts as done ("Skipping"). Run 2: "All leads have already been processed",
#   so the greylisted person never gets the mail. Run 3, one person added on top: the last one gets a second copy, the added one nothing.
#   Run 4, three other people: nobody, as the file is not longer than the number. run() returns None each time, without an error.
# Why a sender of mail cares: greylisting is common at a first contact, and lists are sorted anew by every export. A run's memory must be kept by
#   person and by campaign; a number into a file is right only for a file that never changes.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib bulk-email-sender==0.3.0 aiosmtpd==1.4.6
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2> /dev/null
cat > run.py <<'PY'
import pathlib
import socket
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from bulk_email_sender import BulkEmailSender

taken, asked = [], set()


class Greylisting:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("ann@") and address not in asked:
            asked.add(address)
            return "451 4.7.1 Greylisted, try again in five minutes"
        envelope.rcpt_tos.append(address)
        return "250 Ok"

    async def handle_DATA(self, server, session, envelope):
        taken.extend(address.split("@")[0] for address in envelope.rcpt_tos)
        return "250 Ok"


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("cert.pem", "key.pem")
controller = Controller(Greylisting(), hostname="127.0.0.1", port=port, tls_context=tls, authenticator=lambda *_: AuthResult(success=True))
controller.start()


def run(*people: str) -> list[str]:
    taken.clear()
    pathlib.Path("leads.csv").write_text("email\n" + "".join(f"{person}@example.org\n" for person in people))
    account = {"email": "news@example.com", "password": "unused", "smtp_host": "localhost", "smtp_port": port}
    BulkEmailSender({"leads_path": "leads.csv", "subject": "x", "body": "hi", "senders": [account], "interval_seconds": 0}).run()
    print("list:", *people, "| mailed:", *taken)
    return list(taken)


assert run("ann", "bob", "cid") == ["bob", "cid"]
assert run("ann", "bob", "cid") == []
assert run("new", "ann", "bob", "cid") == ["cid"]
assert run("dan", "eve", "fay") == []
controller.stop()
print("seen: ann (greylisted) and new were never mailed, cid was mailed twice, and the next list reached nobody")
PY
SSL_CERT_FILE=cert.pem PYTHONPATH=lib python3 -W ignore run.py 2> log || { cat log; exit 1; }
