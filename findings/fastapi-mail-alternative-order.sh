#!/usr/bin/env bash
# fastapi-mail puts the plain text behind the HTML, marks multiparts as base64, and names people after their local part.
#
# Versions: PyPI fastapi-mail 1.6.8 (2026-08).
# Input: body=HTML, alternative_body=text, multipart_subtype=alternative (the documented way to both forms), one recipient, then a plain text.
#
# Most people expect: multipart/alternative with the text first and the HTML last, since the last part that a reader can show is preferred
#   (RFC 2046 5.1.4); no transfer encoding but 7bit, 8bit, binary on a multipart (RFC 2045 6.4); To: as it was given.
# What happens: the HTML comes first, so readers that follow the RFC show the text form and nobody sees the HTML; every multipart has
#   "Content-Transfer-Encoding: base64" and a charset, though its parts stand in clear; To is "a.b+c <a.b+c@example.org>", a name that
#   nobody gave. Python's parser reports a defect and reads on; a reader that obeys the field would show nothing.
# Why a sender of mail cares: a designed letter arrives as its fallback, and no error is seen, as many web clients show HTML wherever it stands;
#   filters score invalid MIME. Look at the parts of what was sent, not at one web client.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib fastapi-mail==1.6.8
cat > run.py <<'PY'
import asyncio
import email
import email.policy
import socketserver
import threading

from fastapi_mail import ConnectionConfig, FastMail, MessageSchema, MessageType, MultipartSubtypeEnum

mails: list[bytes] = []


class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mx.example.org ESMTP\r\n")
        for line in self.rfile:
            data = line[:4].upper() == b"DATA"
            self.wfile.write(b"354 go on\r\n" if data else b"221 bye\r\n" if line[:4].upper() == b"QUIT" else b"250 Ok\r\n")
            if data:
                mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"250 Ok\r\n")


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
sender = FastMail(ConnectionConfig(MAIL_USERNAME="", MAIL_PASSWORD="", MAIL_FROM="news@example.com", MAIL_PORT=server.server_address[1],
                                   MAIL_SERVER="127.0.0.1", MAIL_STARTTLS=False, MAIL_SSL_TLS=False, USE_CREDENTIALS=False))
both = {"body": "<p>designed</p>", "alternative_body": "fallback", "subtype": MessageType.html, "multipart_subtype": MultipartSubtypeEnum.alternative}
for content in (both, {"body": "text only", "subtype": MessageType.plain}):
    asyncio.run(sender.send_message(MessageSchema(recipients=["a.b+c@example.org"], subject="x", **content)))

letters = [email.message_from_bytes(mail, policy=email.policy.default) for mail in mails]
for letter in letters:
    print("To:", letter["to"], letter.defects)
    for part in letter.walk():
        print("   ", part.get_content_type(), part["content-transfer-encoding"])
    multiparts = [part for part in letter.walk() if part.is_multipart()]
    assert multiparts and all(part["content-transfer-encoding"] == "base64" for part in multiparts)
    assert letter["to"].addresses[0].display_name == "a.b+c"
alternative = next(part for part in letters[0].walk() if part.get_content_type() == "multipart/alternative")
assert [part.get_content_type() for part in alternative.iter_parts()] == ["text/html", "text/plain"]
print("seen: fastapi-mail 1.6.8 wrote HTML before text, base64 on every multipart, and a name that nobody gave")
PY
PYTHONPATH=lib python3 run.py
