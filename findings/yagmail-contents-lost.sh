#!/usr/bin/env bash
# yagmail drops all but the first of several contents from the HTML part; the text part has them all.
#
# Versions: PyPI yagmail 0.16.0 (2026-05), premailer 3.10.0, lxml 5.4.0 and 6.1.3; with lxml 4.9.4 nothing was dropped.
# Input: contents=["First paragraph", "Second paragraph", "<b>Third</b>"], the form that the package's manual leads with.
#
# Most people expect: each item becomes a block of the letter, in both parts.
# What happens: after each item the HTML so far goes through the CSS inliner, which closes the document with </html>; the next item is appended
#   behind it, and the parser of today's lxml leaves away what stands behind </html>. So the HTML part ends after the first item.
#   The text part is no plain text either: "\n" inside an item has become "<br>", and marked-up items stand in it with their tags.
# Why a sender of mail cares: nearly every reader sees the HTML part, so the greeting arrives and the letter does not; a test that looks at the
#   text part passes. A new lxml, which nobody asked for, is enough to start it.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
pip() { python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore "$@"; }
pip --target common yagmail==0.16.0 premailer==3.10.0 lxml==6.1.3
for version in 4.9.4 5.4.0; do pip --no-deps --target "lxml-$version" "lxml==$version"; done
cat > look.py <<'PY'
import email
import socketserver
import sys
import threading

import lxml.etree
import yagmail

class Sink(socketserver.StreamRequestHandler):  # a preview wants a connection, but sends nothing
    def handle(self):
        self.wfile.write(b"220 mx.example.org\r\n")
        for _ in self.rfile:
            self.wfile.write(b"250 Ok\r\n")

server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
mailer = yagmail.SMTP("ada@example.com", "unused", host="127.0.0.1", port=server.server_address[1], smtp_starttls=False, smtp_ssl=False, smtp_skip_login=True)
contents = ["First\nparagraph", "Second paragraph", "<b>Third</b>"]
_, shown = mailer.send(to="ann@example.org", subject="x", contents=contents, preview_only=True)
parts = {part.get_content_type(): part.get_payload(decode=True).decode()
         for part in email.message_from_string(str(shown)).walk() if not part.is_multipart()}
there = [word for word in ("First", "Second", "Third") if word in parts["text/html"]]
print("lxml", lxml.etree.__version__, "HTML:", there, "text:", repr(parts["text/plain"]))
assert parts["text/plain"] == "First<br>paragraph\nSecond paragraph\n<b>Third</b>"
assert there == sys.argv[1].split(), there
PY
PYTHONPATH=lxml-4.9.4:common python3 look.py "First Second Third"
PYTHONPATH=lxml-5.4.0:common python3 look.py "First"
PYTHONPATH=common python3 look.py "First"
echo "seen: yagmail 0.16.0 with lxml 5 or 6 sent an HTML part that ends after the first of three contents"
