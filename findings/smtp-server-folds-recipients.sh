#!/usr/bin/env bash
# smtp-server answers 250 to three recipients and keeps one: local parts are compared without case, and the last spelling wins.
#
# Versions: npm smtp-server 3.21.6 (2026-11), the server below maildev and many test set-ups; compared with aiosmtpd 1.4.6.
# Input: RCPT TO:<ann@example.org> NOTIFY=NEVER ORCPT=..., then RCPT TO:<ANN@example.org>, then <Ann@EXAMPLE.org>, then <"ann b"@example.org>.
#
# Most people expect: an envelope has what was accepted, in order; local parts may differ in case (RFC 5321 2.4); a repeated
#   address is at least kept in its first form with its DSN parameters (RFC 3461).
# What happens: 250, 250, 250, but session.envelope.rcptTo has one entry, <Ann@EXAMPLE.org>, and NOTIFY and ORCPT of the first are gone.
#   The quoted local part, valid and accepted by aiosmtpd, is refused with 501 "Bad recipient address syntax".
# Why a sender of mail cares: a test that counts recipients with it sees fewer than were accepted, takes the case of an address for
#   harmless, and never sees the NOTIFY it wants to test; a merge of two lists looks de-duplicated where real servers deliver twice.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts smtp-server@3.21.6 > /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib aiosmtpd==1.4.6
cat > server.cjs <<'JS'
const { SMTPServer } = require('smtp-server');
const server = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], onData(stream, session, done) {
  stream.resume().on('end', () => done(null, JSON.stringify(session.envelope.rcptTo)));
} });
server.listen(0, '127.0.0.1', function () { require('fs').writeFileSync('port', String(this.address().port)); });
JS
timeout 180 node server.cjs &
until [ -s port ]; do sleep 0.1; done
cat > talk.py <<'PY'
import pathlib
import smtplib
import socket

from aiosmtpd.controller import Controller


class Keep:
    async def handle_DATA(self, server, session, envelope):
        return "250 " + repr(envelope.rcpt_tos)


def talk(port: int) -> tuple[list[int], str]:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo("client.example")
        client.docmd("MAIL FROM:<ada@example.com>")
        parameters = " NOTIFY=NEVER ORCPT=rfc822;ann@example.org" if "smtp-server" in name else ""
        tried = ["<ann@example.org>" + parameters, "<ANN@example.org>", "<Ann@EXAMPLE.org>", '<"ann b"@example.org>']
        codes = [client.docmd("RCPT TO:" + path)[0] for path in tried]
        client.docmd("DATA")
        client.send(b"Subject: x\r\n\r\nhi\r\n.\r\n")
        return codes, client.getreply()[1].decode()


name = "smtp-server"
strict = talk(int(pathlib.Path("port").read_text()))
name = "aiosmtpd"
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
controller = Controller(Keep(), hostname="127.0.0.1", port=port)
controller.start()
plain = talk(port)
controller.stop()
print("smtp-server", *strict)
print("aiosmtpd   ", *plain)
assert strict == ([250, 250, 250, 501], '[{"address":"Ann@EXAMPLE.org","args":false}]'), strict
assert plain == ([250] * 4, repr(["ann@example.org", "ANN@example.org", "Ann@EXAMPLE.org", '"ann b"@example.org'])), plain
print("seen: smtp-server 3.21.6 accepted three recipients and kept the last one, without the DSN parameters of the first")
PY
PYTHONPATH=lib python3 talk.py
