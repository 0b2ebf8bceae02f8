#!/usr/bin/env bash
# abook's CSV export has no header, does not double quotation marks and puts all of a person's addresses into one cell.
#
# Versions: Debian 12 abook 0.6.1-2+b1 (the address book of mutt), read with Python's csv module.
# Input: a vCard of one person who is called Jane "JD" Doe, has two e-mail addresses and a note with a line break and a comma.
#
# Most people expect: the export called csv is CSV (RFC 4180): a header, quotes doubled, a cell a value, the note's escapes decoded.
# What happens: "Jane "JD" Doe","jane@example.org,jd@example.org",... A CSV reader gets the name Jane JD" Doe" without any error and a cell
#   that holds two addresses; the first line is data; \n and \, of the vCard stand in the note as they are. The ldif export of the
#   same program has the two addresses apart.
# Why a sender of mail cares: such a file as a recipients table starts with a person as its header, greets people by a mangled name, and the
#   address cell is refused or, worse, read as one recipient. Take ldif or vcard, or look at the quotes before a mailing.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
PACKAGES="abook=0.6.1-2+b1"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
printf '%s\r\n' BEGIN:VCARD VERSION:3.0 'FN:Jane "JD" Doe' 'N:Doe;Jane;;;' EMAIL:jane@example.org EMAIL:jd@example.org \
    'NOTE:first line\nsecond line\, with a comma' END:VCARD > jane.vcf
convert() { HOME="$D" LC_ALL=C.UTF-8 root/usr/bin/abook --convert --infile jane.vcf --informat vcard --outformat "$1"; }
convert csv | tee jane.csv
convert ldif > jane.ldif
python3 - <<'PY'
import csv

rows = list(csv.reader(open("jane.csv", newline="")))
print("read:", rows)
assert len(rows) == 1 and rows[0][0] == 'Jane JD" Doe"' and rows[0][1] == "jane@example.org,jd@example.org"
assert r"first line\nsecond line\, with a comma" in rows[0]
assert [line for line in open("jane.ldif").read().splitlines() if line.startswith("mail:")] == ["mail: jane@example.org", "mail: jd@example.org"]
print("seen: abook's csv has no header, a name with stray quotation marks and two addresses in one cell")
PY
