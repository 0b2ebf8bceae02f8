#!/usr/bin/env bash
# Haraka answers 250 and delivers a message without every header line behind the thousandth: Subject, Message-ID and Content-Type are gone.
#
# Versions: npm Haraka 3.3.4 with its own defaults and its own plugin queue/test, which writes what would be delivered to a file.
# Input: one valid message whose To field names 1,200 people, a line for each (RFC 5322 2.2.3 folds so; no line is longer than 78).
#        For comparison the same message with 800 people.
#
# Most people expect: the documented limit, headers.max_lines = 1000 ("maximum number of header lines accepted"), makes Haraka refuse
#   the message with 5yz, or it only stops parsing there and passes the octets on.
# What happens: the reply is 250 "Message Queued" (one line of warning in Haraka's log). The file has the first 1,000 lines of the
#   header, an empty line, and the body: 202 people, Subject, MIME-Version, Content-Type and Message-ID are nowhere, and the To
#   field ends in a comma. With 800 people all is there.
# Why a sender of mail cares: a letter to a group that shows its members arrives without subject and with undeclared UTF-8, a DKIM
#   signature over it fails, and no reply says so. Put long fields last in the header, or several addresses on a line.
set -euo pipefail
D=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$D"' EXIT
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$D" Haraka@3.3.4
H="$D/node_modules/Haraka"

mkdir -p "$D/h/config" "$D/h/plugins" "$D/out"
cp "$H/config/connection.ini" "$D/h/config/"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'listen=127.0.0.1:%s\nnodes=0\n' "$port" >"$D/h/config/smtp.ini"
echo mx.example >"$D/h/config/me"
printf 'anybody\nqueue/test\n' >"$D/h/config/plugins"
echo 'exports.hook_rcpt = (next) => next(OK)' >"$D/h/plugins/anybody.js"
TMPDIR="$D/out" node "$H/bin/haraka" -c "$D/h" >"$D/log" 2>&1 &
server=$!

python3 - "$port" "$D" <<'PY'
import pathlib, smtplib, sys, time

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])


def connect():
    for _ in range(300):
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=30)
        except OSError:
            time.sleep(0.1)
    sys.exit("Haraka does not start: " + (folder / "log").read_text())


found = {}
for people in (800, 1200):
    to = ",\r\n ".join(f"Person {n} <person-{n}@example.net>" for n in range(people))
    message = (
        f"From: news@example.com\r\nTo: {to}\r\nSubject: Meeting\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        f"Message-ID: <m{people}@example.com>\r\n\r\nGrüße\r\n"
    )
    session = connect()
    session.ehlo("client.example")
    session.mail("news@example.com", ["BODY=8BITMIME"])
    session.rcpt("ann@example.net")
    code, reply = session.data(message.encode())
    session.quit()
    (file,) = set((folder / "out").glob("*.eml"))
    header, _, body = file.read_text().replace("\r\n", "\n").partition("\n\n")
    file.unlink()
    fields = ("Subject", "Content-Type", "Message-ID")
    kept = [field for field in fields if f"\n{field}: " in header]
    print(f"{people} people: {code} {reply.decode().split('(')[0]}", "delivered:", header.count("<person-"), "people,")
    print("   fields behind To:", kept or "none", "/ last line of the header:", repr(header.splitlines()[-1]), "/ body:", repr(body))
    found[people] = (code, header.count("<person-"), len(kept))
warned = "maximum parsing limit of 1000 header lines" in (folder / "log").read_text()
print("Haraka's log has a warning:", warned)
sys.exit(not (found[800] == (250, 800, 3) and found[1200][0] == 250 and found[1200][1] < 1000 and found[1200][2] == 0))
PY
