#!/usr/bin/env bash
# fakesmtpd stores the doubled dots of SMTP as text and writes an mbox that its readers cut at every line that begins with "From ".
#
# Versions: PyPI fakesmtpd 2026.7.0 (2026-07), "SMTP server for testing mail functionality"; read with Python's mailbox module;
#           compared with dsmtpd 1.2.1 (2026-05).
# Input: one message by smtplib with the lines ".50 off", "From Monday on we are closed." (behind an empty line) and a last line.
#
# Most people expect: a test server gives back what was sent: dots undoubled (RFC 5321 4.5.2), and in an mbox ">From" or a length.
# What happens: the file has "..50 off", and "From Monday on ..." stands unquoted, so the reader finds two messages, the second
#   without header. EHLO offers no extension at all, but MAIL FROM:<...> BODY=8BITMIME is answered with 250. dsmtpd is right.
# Why a sender of mail cares: a test against it finds a fault in a sender that has none (doubled dots), counts more messages than
#   were sent, and passes for a sender that doubles no dots. Try a test server with these two lines before it judges a sender.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib fakesmtpd==2026.7.0 dsmtpd==1.2.1
export PYTHONPATH="$D/lib"
free() { python3 -c "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])"; }
FAKE=$(free) PLAIN=$(free)
python3 lib/bin/fakesmtpd -b 127.0.0.1 -p "$FAKE" -o mbox > fake.log 2>&1 &
python3 lib/bin/dsmtpd -i 127.0.0.1 -p "$PLAIN" -d maildir > plain.log 2>&1 &
cat > run.py <<'PY'
import mailbox
import pathlib
import smtplib
import sys
import time

LINES = "Only today:\n.50 off\n\nFrom Monday on we are closed.\nBye"
for port in map(int, sys.argv[1:]):
    for _ in range(100):
        try:
            client = smtplib.SMTP("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    client.ehlo("client.example")
    print("EHLO offers:", dict(client.esmtp_features))
    if port == int(sys.argv[1]):
        assert not client.esmtp_features and client.docmd("MAIL FROM:<ada@example.com> BODY=8BITMIME")[0] == 250
        client.rset()
    client.sendmail("ada@example.com", ["ann@example.org"], "Subject: x\n\n" + LINES + "\n")
    client.quit()
while "Bye" not in pathlib.Path("mbox").read_text() or not len(mailbox.Maildir("maildir")):
    time.sleep(0.1)
fake = [message.get_payload() for message in mailbox.mbox("mbox")]
plain = [message.get_payload() for message in mailbox.Maildir("maildir")]
print("fakesmtpd:", fake)
print("dsmtpd:   ", plain)
assert len(fake) == 2 and "\n..50 off\n" in fake[0] and "closed" not in "".join(fake)
assert [text.rstrip("\n") for text in plain] == [LINES]
print("seen: fakesmtpd kept the doubled dot and made two messages of one, losing the line that begins with From")
PY
timeout 60 python3 run.py "$FAKE" "$PLAIN"
