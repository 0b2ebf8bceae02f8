#!/usr/bin/env bash
# Four "sendmail -t" clients, one RFC 5322 group in the Cc field: four different envelopes.
#
# Versions: Debian 12 ssmtp 2.64-11, esmtp 1.2-18+b1 (libesmtp 1.1.0), msmtp 1.8.23-1, s-nail 14.9.24-2.
# Input: Cc: Team: e@example.org, f@example.org;  (RFC 5322 3.4, valid since RFC 822)
#
# Most people expect: a program that takes its recipients from the header (-t) knows the group syntax, or refuses it.
# What happens:
#   ssmtp   RCPT TO:<Team: e@example.org>, and no RCPT at all for f@example.org; exit 0
#   esmtp   RCPT TO:<Team:e@example.org> and RCPT TO:<f@example.org;>; exit 0
#   s-nail  refuses the whole message, also for the good recipient in To; exit 4, nothing is sent
#   msmtp   RCPT TO:<e@example.org> and RCPT TO:<f@example.org>
# Why a sender of mail cares: a group keeps a list's header short. Behind such a client the last member gets nothing,
# the exit status is 0, and the header that the others read names the member as a recipient.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
PACKAGES="ssmtp=2.64-11 esmtp=1.2-18+b1 libesmtp6 msmtp=1.8.23-1 s-nail=14.9.24-2 libgsasl18 libgssglue1 libntlm0 libidn12 libsecret-1-0 libglib2.0-0"
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$D/root/usr/lib/x86_64-linux-gnu"

cat > sink.py <<'PY'
import pathlib, socketserver

class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")
        say("220 mx.example.org ESMTP")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"RCPT":
                print(line.decode().split("TO:", 1)[1].split(">")[0] + ">", flush=True)
            say("354 go on" if verb == b"DATA" else "250 2.0.0 Ok")
            if verb == b"DATA":
                while self.rfile.readline() != b".\r\n":
                    pass
                say("250 2.0.0 Ok")

with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
    pathlib.Path("port").write_text(str(server.server_address[1]))
    server.serve_forever()
PY
: > rcpt; python3 sink.py >> rcpt &
until [ -s port ]; do sleep 0.1; done
PORT=$(cat port)
printf 'From: Ada <ada@example.com>\nTo: b@example.org\nCc: Team: e@example.org, f@example.org;\nSubject: hello\n\nhi\n' > mail
printf 'mailhub=127.0.0.1:%s\nhostname=client.example\nFromLineOverride=YES\n' "$PORT" > ssmtp.conf
printf 'hostname = 127.0.0.1:%s\n' "$PORT" > esmtprc; chmod 600 esmtprc
printf 'account default\nhost 127.0.0.1\nport %s\nfrom ada@example.com\n' "$PORT" > msmtprc; chmod 600 msmtprc

try() { # NAME EXPECTED COMMAND...: the sorted envelope recipients and the exit status
    local name=$1 expected=$2 status=0; shift 2; : > rcpt
    "$@" < mail > /dev/null 2>&1 || status=$?
    local got; got="$(LC_ALL=C sort rcpt | tr '\n' ' ')exit $status"
    echo "$name: $got"
    [ "$got" = "$expected" ] || { echo "expected: $expected"; exit 1; }
}
try ssmtp '<Team: e@example.org> <b@example.org> exit 0' root/usr/sbin/ssmtp -C"$D/ssmtp.conf" -t
try esmtp '<Team:e@example.org> <b@example.org> <f@example.org;> exit 0' root/usr/bin/esmtp -C "$D/esmtprc" -t
try s-nail 'exit 4' root/usr/bin/s-nail -n -Sv15-compat -Smta=smtp://127.0.0.1:"$PORT" -Ssmtp-config=none -t
try msmtp '<b@example.org> <e@example.org> <f@example.org> exit 0' root/usr/bin/msmtp -C "$D/msmtprc" -t
echo "seen: ssmtp loses the last member of a group and exits 0, esmtp mangles both, s-nail sends nothing, msmtp is right"
