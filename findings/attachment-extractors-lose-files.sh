#!/usr/bin/env bash
# Three of five command-line extractors lose attachments of one valid message, each a different one, and exit 0.
#
# Versions: Debian 12 mpack 1.6-18+b1 (munpack), uudeview 0.5.20-14, mblaze 1.1-1 (mshow -x), ripmime 1.4.0.10, Python's email package.
# Input: four text/csv attachments: a name in two RFC 2231 pieces (filename*0, filename*1), a name with RFC 2231 charset, and two parts
#        that are both called same.csv (two reports of one day, say), with "1" and "2" in them.
#
# Most people expect: four files, the second same.csv under another name; RFC 2231 is of 1997.
# What happens: munpack writes same.csv and same.csv.1 only, a text part whose name it cannot read is thrown away; uudeview writes one file;
#   mshow -x writes three: it finds same.csv there and leaves the second out. ripmime and Python find all four.
# Why a sender of mail cares: mail that scripts pick up (invoices, reports) should have attachments with different, short, plain ASCII names
#   and without continuations, or a file is lost on the other side without an error on either.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
PACKAGES="mpack=1.6-18+b1 uudeview=0.5.20-14 libuu0=0.5.20-14 mblaze=1.1-1 ripmime=1.4.0.10.debian.1-3+b1"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$D/root/usr/lib/x86_64-linux-gnu:$D/root/usr/lib" LC_ALL=C.UTF-8
part() { printf -- '--b\nContent-Type: text/csv; charset=utf-8\nContent-Disposition: attachment; %s\n\n%s\n' "$1" "$2"; }
{
    printf 'From: ada@example.com\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
    printf -- '--b\nContent-Type: text/plain\n\nhi\n'
    part 'filename*0="list-of-"; filename*1="people.csv"' pieces
    part "filename*=UTF-8''R%C3%A9sum%C3%A9.csv" charset
    part 'filename="same.csv"' 1
    part 'filename="same.csv"' 2
    printf -- '--b--\n'
} > mail.eml

try() { # NAME EXPECTED COMMAND...: which of the four contents are on disk afterwards
    local name=$1 expected=$2; shift 2
    mkdir "out-$name"; local status=0; (cd "out-$name" && "$@" > /dev/null 2>&1) || status=$?
    local found; found=$(for file in "out-$name"/*; do cat "$file"; echo; done | tr -d '\r' | grep -xE 'pieces|charset|1|2' | LC_ALL=C sort | tr '\n' ' ')
    echo "$name: exit $status: $found($(ls "out-$name" | tr '\n' ' '))"
    [ "$found" = "$expected" ] || { echo "expected: $expected"; exit 1; }
}
BIN="$D/root/usr/bin"
try munpack '1 2 ' "$BIN/munpack" -q "$D/mail.eml"
try uudeview '2 ' "$BIN/uudeview" -i -q "$D/mail.eml"
try mshow '1 charset pieces ' "$BIN/mshow" -x "$D/mail.eml"
try ripmime '1 2 charset pieces ' "$BIN/ripmime" -i "$D/mail.eml" -d .
try python '1 2 charset pieces ' python3 -c "
import email, email.policy
for number, part in enumerate(email.message_from_file(open('$D/mail.eml'), policy=email.policy.default).iter_attachments()):
    open(f'{number}-{part.get_filename()}', 'wb').write(part.get_payload(decode=True))"
echo "seen: of four attachments munpack wrote two, uudeview one, mshow three; ripmime and Python all four"
