#!/usr/bin/env bash
# Flask-Mail loses the sender's address when the sender's name has a comma: MAIL FROM and From become the name's first word.
#
# Versions: PyPI Flask-Mail 0.10.0, tried on Python 3.11.7, 3.12.1 and 3.13.0.
# Input: sender=("Doe, Jane", "jane@example.com"), ("Example, Inc.", ...), ("Söhne: Verkauf", ...): the documented form (name, address).
#
# Most people expect: a name and an address that are given apart stay apart; recipients in this form do.
# What happens: the pair is joined to  Doe, Jane <jane@example.com>  without quotation marks and parsed again. The result is the first
#   "mailbox": MAIL FROM:<Doe> and From: Doe on 3.11.7 and 3.12.1; on 3.13.0, whose parser is strict, MAIL FROM:<> (a bounce's sender) and
#   an empty From. With a colon only half of the name is lost. As a recipient the same pair is written right.
# Why a sender of mail cares: "Company, Inc." is a common sender. Servers qualify <Doe> with their own domain or refuse it, bounces
#   are lost, and SPF, DKIM alignment and DMARC fail as there is no From domain.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib Flask-Mail==0.10.0
cat > run.py <<'PY'
import socketserver
import sys
import threading

from flask import Flask
from flask_mail import Mail, Message

mails: list[list[str]] = []


class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mx.example.org ESMTP\r\n")
        lines: list[str] = []
        mails.append(lines)
        for line in self.rfile:
            lines.append(line.decode().strip())
            data = line[:4].upper() == b"DATA"
            self.wfile.write(b"354 go on\r\n" if data else b"221 bye\r\n" if line[:4].upper() == b"QUIT" else b"250 Ok\r\n")
            if data:
                lines.extend(text.decode().strip() for text in iter(self.rfile.readline, b".\r\n"))
                self.wfile.write(b"250 Ok\r\n")


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
app = Flask("x")
app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=port)
for sender in (("Jane", "jane@example.com"), ("Söhne: Verkauf", "jane@example.com"), ("Doe, Jane", "jane@example.com"), ("Example, Inc.", "jane@example.com")):
    with app.app_context():
        Mail(app).send(Message("x", sender=sender, recipients=[("Roe, Ann", "ann@example.org")], body="hi"))
    envelope = next(line for line in mails[-1] if line.lower().startswith("mail from:"))
    shown = [line for line in mails[-1] if line.startswith(("From:", "To:"))]
    print(sender, "|", envelope, "|", *shown)
    assert ("jane@example.com" in envelope) == ("," not in sender[0]), envelope
    assert "jane@example.com" in envelope or "@" not in shown[0], shown
    assert 'To: "Roe, Ann" <ann@example.org>' in shown or any(line.endswith("Roe=2C_Ann?= <ann@example.org>") for line in shown), shown
print("seen: on Python", sys.version.split()[0], "a comma in the sender's name left no address in MAIL FROM and From")
PY
PYTHONPATH=lib python3 run.py
