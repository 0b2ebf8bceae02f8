#!/usr/bin/env bash
# GNU mailutils' mail -r sends a message that has no From field, no Message-ID and undeclared 8-bit text, and it rewrites a group.
#
# Versions: Debian 12 mailutils 1:3.15-4 (the "mail" command of many distributions), with its own SMTP mailer.
# Input: mail -r ada@example.com -s "Grüße" ann@example.org < text; and mail -t with "Cc: Team: e@..., f@...;"
#
# Most people expect: -r sets the sender, as in BSD mail, Heirloom mailx and s-nail, where it becomes the From field.
# What happens: -r is the envelope's sender only. The message leaves without From and Message-ID (RFC 5322 3.6 requires From), the
#   subject is raw UTF-8, there are no MIME fields, and MAIL FROM has SIZE but no BODY=8BITMIME although 8BITMIME is offered.
#   With -t a group is dissolved: its name is gone from the header.
# Why a sender of mail cares: sendmail(8) behind it would add the fields; an SMTP relay does not. Large receivers refuse mail without From
#   (550 5.7.1 ... missing From) or file it as spam, and DKIM needs From to sign.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
PACKAGES="mailutils=1:3.15-4 libmailutils9=1:3.15-4 libgsasl18 libgssglue1 libntlm0 libidn12 libmariadb3 libgc1 guile-3.0-libs"
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
            say("354 go on" if verb == b"DATA" else "250-mx.example.org\r\n250-SIZE 1000000\r\n250 8BITMIME" if verb == b"EHLO" else "250 2.0.0 Ok")
            if verb == b"DATA":
                while (line := self.rfile.readline()) != b".\r\n":
                    print("D", ascii(line.decode("latin-1")), flush=True)
                say("250-mx.example.org\r\n250-SIZE 1000000\r\n250 8BITMIME" if verb == b"EHLO" else "250 2.0.0 Ok")

with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
    pathlib.Path("port").write_text(str(server.server_address[1]))
    server.serve_forever()
PY
: > wire; python3 sink.py >> wire 2> /dev/null &
until [ -s port ]; do sleep 0.1; done
PORT=$(cat port)

export LD_LIBRARY_PATH="$D/root/usr/lib/x86_64-linux-gnu" LC_ALL=C.UTF-8 USER=somebody
mail() { root/usr/bin/mail.mailutils -E "set sendmail=smtp://127.0.0.1:$PORT;noauth" "$@"; }
fields() { sed -n "/^D/{/^D '\\\\r\\\\n'/q;p}" wire; }

printf 'Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9fe\n' | mail -r ada@example.com -s 'Grüße' ann@example.org
grep MAIL wire; fields
grep -qF "MAIL FROM:<ada@example.com> SIZE=" wire && ! grep -q BODY= wire
fields | grep -qF 'Subject: Gr\xc3\xbc\xc3\x9fe' && ! fields | grep -qE "^D '(From|Message-I|MIME)"
: > wire
printf 'To: b@example.org\nCc: Team: e@example.org, f@example.org;\nSubject: x\n\nhi\n' | mail -r ada@example.com -t
fields | grep Cc:
fields | grep -qF "Cc: <e@example.org>,<f@example.org>"
echo "seen: mail -r of mailutils 3.15 sent no From, no Message-ID and no MIME fields; -t dissolved the group"
