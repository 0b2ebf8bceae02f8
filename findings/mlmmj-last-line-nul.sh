#!/usr/bin/env bash
# mlmmj turns the last line of a message that has no final line end into NUL octets, as many as the line had characters.
#
# Versions: Debian 12 mlmmj 1.3.0-4 (mlmmj-receive, mlmmj-process, mlmmj-send, run without root).
# Input: a post to a list of one subscriber, read from standard input as from an MTA's pipe, whose last line is not ended by a newline
#        (a file may end so, and RFC 5321 lets a client add the line end at DATA; printf, editors and APIs produce such files).
#
# Most people expect: the last line is ended with CRLF and sent, as sendmail, msmtp, ssmtp, Postfix and Exim do.
# What happens: the line "last" goes out as four NUL octets and CRLF. With a footer configured the text survives, but the
#   footer is glued to it ("lastFOOTER").
# Why a sender of mail cares: the last line is the signature's, a closing boundary's or an unsubscribe line, it is lost for all subscribers,
#   and NUL is no character of a message (RFC 5322 2.2: 1 to 127), so strict servers refuse it and a DKIM signature breaks.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
PACKAGES="mlmmj=1.3.0-4"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
cat > sink.py <<'PY'
import pathlib, socketserver

class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")
        say("220 mx.example.org ESMTP")
        for line in self.rfile:
            print("C", ascii(line.decode("latin-1")), flush=True)
            verb = line[:4].upper()
            say("354 go on" if verb == b"DATA" else "250 2.0.0 Ok")
            if verb == b"DATA":
                while (line := self.rfile.readline()) != b".\r\n":
                    print("D", ascii(line.decode("latin-1")), flush=True)
                say("250 2.0.0 Ok")

with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
    pathlib.Path("port").write_text(str(server.server_address[1]))
    server.serve_forever()
PY
: > wire; python3 sink.py >> wire 2> /dev/null &
until [ -s port ]; do sleep 0.1; done
PORT=$(cat port)

mkdir -p list/{control,subscribers.d,queue/discarded,archive,bounce,requeue,incoming,text,moderation,subconf,unsubconf,digesters.d,nomailsubs.d}
echo news@example.net > list/control/listaddress
echo + > list/control/delimiter
echo "$PORT" > list/control/smtpport
echo ada@example.com > list/control/owner
echo ann@example.org > list/subscribers.d/a
post() { : > wire; printf 'Return-Path: <ada@example.com>\nFrom: ada@example.com\nTo: news@example.net\nSubject: x\n\nfirst\nlast' |
    root/usr/bin/mlmmj-receive -F -L "$D/list/"
    for _ in $(seq 50); do grep -q QUIT wire && break; sleep 0.1; done
    grep "^D" wire | tail -3; }

echo "without a footer:"; post | tee plain
grep -qF "D 'first\r\n'" plain && grep -qF "D '\x00\x00\x00\x00\r\n'" plain && ! grep -q last plain
echo FOOTER > list/control/footer
echo "with a footer:"; post | tee footer
grep -qF "D 'lastFOOTER\r\n'" footer
echo "seen: mlmmj 1.3.0 sent four NUL octets in place of the unterminated last line"
