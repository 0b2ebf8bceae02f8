#!/usr/bin/env bash
# sendEmail sends a line that begins with a dot as it is: the receiver takes the dot away, and labels UTF-8 as 7bit iso-8859-1.
#
# Versions: Debian 12 sendemail 1.56-5.1.
# Input: a body of three lines, one of which is ".50 EUR off" with a euro sign, from standard input.
#
# Most people expect: every SMTP client doubles a leading dot (RFC 5321 4.5.2), so the reader sees ".50".
# What happens: on the wire stands ".50 ..." once; a server that follows 4.5.2 delivers "50 ...". The octets of the euro sign go out under
#   "charset=iso-8859-1" and "Content-Transfer-Encoding: 7bit", the parts' container is multipart/related, and its boundary is
#   "----MIME delimiter for sendEmail-..." with blanks.
# Why a sender of mail cares: scripts use this program for notices and small mailings. A price of .50 becomes 50, a file name
#   .htaccess becomes htaccess, no reply and no log shows it, and the text is read in the wrong character set.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
PACKAGES="sendemail=1.56-5.1 libio-socket-inet6-perl libsocket6-perl"
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

export PERL5LIB="$D/root/usr/share/perl5:$(echo "$D"/root/usr/lib/*/perl5/5.*)"
printf 'Only today:\n.50 \xe2\x82\xac off\nBye\n' |
    root/usr/bin/sendemail -q -f ada@example.com -t ann@example.org -u Offer -s 127.0.0.1:"$PORT" -o tls=no
grep -E '^D.*(50|charset|Transfer|multipart)' wire
grep -qF "D '.50 \xe2\x82\xac off\r\n'" wire
grep -q "charset=\"iso-8859-1\"" wire && grep -q 'Content-Transfer-Encoding: 7bit' wire && grep -q 'multipart/related' wire
echo "seen: sendEmail 1.56 sent the leading dot once, so that a conforming server delivers '50 ...'"
