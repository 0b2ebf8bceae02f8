#!/usr/bin/env bash
# The "envelope" package mails "Doe, Jane" <jane@example.org> to <Doe>, and jane gets nothing; send() says it was sent.
#
# Versions: PyPI envelope 2.5.0 (2026-10; also a command-line program).
# Input: .to('"Doe, Jane" <jane@example.org>'), a quoted display name as address books write it, with .bcc() and a List-Unsubscribe of 120 characters.
#
# Most people expect: the package understands addresses (it has a class for them), so jane is the recipient and the header is quoted.
# What happens: the display name is taken out of its quotation marks and written without them. The header reads
#   To: Doe, Jane <jane@example.org>, and as the envelope is read from the header again, RCPT TO:<Doe> takes jane's place. A long List-Unsubscribe is
#   cut into encoded-words, which no provider decodes. The session ends without QUIT.
# Why a sender of mail cares: exports of address books are full of "Last, First". A server that qualifies bare names takes <Doe>, so the mail
#   goes to a local user or bounces, and a receipt of True says nothing about who was mailed.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib envelope==2.5.0
cat > run.py <<'PY'
import socketserver
import threading

from envelope import Envelope

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
link = "<https://example.com/u/" + "a" * 98 + ">"
letter = Envelope("hi").subject("x").from_("ada@example.com").to('"Doe, Jane" <jane@example.org>').bcc("bob@example.org")
sent = letter.header("List-Unsubscribe", link).smtp("127.0.0.1", port).send()
lines = mails[-1]
recipients = sorted(line.split(":")[1] for line in lines if line.lower().startswith("rcpt to:"))
shown = [line for line in lines if line.startswith(("To:", "List-Unsubscribe:"))]
print("sent:", bool(sent), "RCPT:", recipients, *shown, sep="\n  ")
assert sent and recipients == ["<Doe>", "<bob@example.org>"], recipients
assert "To: Doe, Jane <jane@example.org>" in shown
assert any(line.startswith("List-Unsubscribe: =?utf-8?q?=3Chttps=3A//") for line in shown)
assert not any(line.lower() == "quit" for line in lines)
print("seen: envelope 2.5.0 mailed <Doe> in place of jane@example.org and called it sent")
PY
PYTHONPATH=lib python3 run.py
