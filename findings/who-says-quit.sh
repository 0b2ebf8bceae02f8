#!/usr/bin/env bash
# Half of the common mail libraries never say QUIT, nodemailer in all versions among them.
#
# Versions: npm nodemailer 6.10.1 and 10.6.1 (single transport and pool), emailjs 5.0.3, @upyo/smtp 0.4.0;
#           PyPI emails 1.1.3, Envelopes 0.4, redmail 0.6.0, aiosmtplib 5.1.3.
# Input: one ordinary message to a server that answers everything with 250, then the documented close.
#
# Most people expect: a client ends its session with QUIT; RFC 5321 4.1.1.10 forbids it to close the connection on purpose before that.
# What happens: nodemailer closes the socket right after the reply to the final dot, with and without a pool, and so do emailjs, emails and
#   Envelopes. Upyo, redmail and aiosmtplib say QUIT. (nodemailer does say it in verify().)
# Why a sender of mail cares: servers log every such session as a lost connection, tools that read these logs count it against the
#   sender's address, and a test server that waits for QUIT to finish a session never sees one.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts nodemailer@10.6.1 nodemailer6@npm:nodemailer@6.10.1 emailjs@5.0.3 @upyo/core@0.4.0 @upyo/smtp@0.4.0 > /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib emails==1.1.3 Envelopes==0.4 redmail==0.6.0 aiosmtplib==5.1.3
cat > sink.py <<'PY'
import pathlib, socketserver, sys

class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        say, said = lambda text: self.wfile.write(text + b"\r\n"), b""
        try:
            say(b"220 mx.example.org ESMTP")
            for line in self.rfile:
                said += line
                say(b"354 go on" if line[:4].upper() == b"DATA" else b"221 bye" if line[:4].upper() == b"QUIT" else b"250 Ok")
                while line[:4].upper() == b"DATA" and self.rfile.readline() != b".\r\n":
                    pass
                if line[:4].upper() == b"DATA":
                    say(b"250 2.0.0 Ok")
        except OSError:  # the client closed without reading on
            pass
        if b"data" in said.lower():
            print("QUIT" if b"quit" in said.lower() else "no QUIT", flush=True)

with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
    pathlib.Path("port").write_text(str(server.server_address[1]))
    server.serve_forever()
PY
: > ends; python3 sink.py >> ends &
until [ -s port ]; do sleep 0.1; done
export PORT="$(cat port)" PYTHONPATH="$D/lib"
MAIL="from: 'a@example.com', to: 'b@example.org', subject: 'x', text: 'hi'"
js() { timeout 60 node --input-type=module -e "const port = +process.env.PORT, host = '127.0.0.1'; $1"; }
py() { timeout 60 python3 -c "import os; port = int(os.environ['PORT']); $1"; }
try() { # NAME EXPECTED COMMAND CODE
    : > ends; "$3" "$4" > /dev/null
    for _ in $(seq 50); do [ -s ends ] && break; sleep 0.1; done
    echo "$1: $(cat ends)"; [ "$(cat ends)" = "$2" ]
}
for name in nodemailer nodemailer6; do for pool in false true; do
    try "$name, pool: $pool" "no QUIT" js "const t = (await import('$name')).default.createTransport({ host, port, ignoreTLS: true, pool: $pool }); await t.sendMail({ $MAIL }); t.close();"
done; done
try emailjs "no QUIT" js "const { SMTPClient } = await import('emailjs'); const c = new SMTPClient({ host, port }); await c.sendAsync({ $MAIL }); c.smtp.close();"
try upyo "QUIT" js "const { createMessage } = await import('@upyo/core'), { SmtpTransport } = await import('@upyo/smtp'); const t = new SmtpTransport({ host, port, secure: false, pool: false }); await t.send(createMessage({ from: 'a@example.com', to: 'b@example.org', subject: 'x', content: { text: 'hi' } })); await t.closeAllConnections();"
try emails "no QUIT" py "import emails; emails.html(text='hi', subject='x', mail_from='a@example.com').send(to='b@example.org', smtp={'host': '127.0.0.1', 'port': port})"
try envelopes "no QUIT" py "import envelopes; envelopes.Envelope(from_addr='a@example.com', to_addr='b@example.org', subject='x', text_body='hi').send('127.0.0.1', port=port)"
try redmail "QUIT" py "import redmail; redmail.EmailSender(host='127.0.0.1', port=port, use_starttls=False).send(subject='x', sender='a@example.com', receivers=['b@example.org'], text='hi')"
try aiosmtplib "QUIT" py "import aiosmtplib, asyncio; from email.message import EmailMessage as M; m = M(); m['From'] = 'a@example.com'; m['To'] = 'b@example.org'; asyncio.run(aiosmtplib.send(m, hostname='127.0.0.1', port=port, start_tls=False))"
echo "seen: nodemailer 6 and 10, emailjs, emails and Envelopes hang up without QUIT; Upyo, redmail and aiosmtplib say it"
