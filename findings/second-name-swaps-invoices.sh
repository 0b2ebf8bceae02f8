#!/usr/bin/env bash
# ripMIME saves Jäger's invoice as "Rechnung Müller.txt", and exits 0, where a part has its name twice: name= and filename=.
#
# Versions: Debian 12 ripmime 1.4.0.10.debian.1-3+b1. Compared with mblaze 1.1-1 (mshow -x) and Python's email package.
# Input: a valid multipart/mixed with three text files. Content-Type has a name in ASCII for old readers (name="Rechnung M_ller.txt"),
#        Content-Disposition the real one (RFC 2231: filename*=utf-8''Rechnung%20M%C3%BCller.txt); and once more without name=.
#
# Most people expect: filename wins (RFC 2183), name is left alone, or at worst the file has the ASCII name, too. An RFC 2231 name and a fallback
#   in name= are both allowed. (nodemailer 7.0.11 writes both places as well, but the same name into each, which works.)
# What happens: each part is saved under its ASCII name with the right content, and under its real name with that of the next such part:
#   "Rechnung Müller.txt" has Jäger's. Only the last real name is right. One name for each part, and all are right.
# Why a sender of mail cares: ripMIME is made for gateways and scripts that save what comes by mail; a document is filed under another customer's name, without an error
#   on either side. A name belongs into one place: filename.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
PACKAGES="ripmime=1.4.0.10.debian.1-3+b1 mblaze=1.1-1"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
export LC_ALL=C.UTF-8
part() { # TYPE-PARAMETERS DISPOSITION-PARAMETERS TEXT
    printf -- '--b\nContent-Type: text/plain; charset=utf-8%s\nContent-Disposition: attachment; %s\n\n%s\n' "$1" "$2" "$3"
}
mail() { # 1 where the parts have a second name
    local twice=$1
    printf 'From: a@example.com\nSubject: invoices\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
    printf -- '--b\nContent-Type: text/plain\n\nhi\n'
    part "${twice:+; name=\"Rechnung M_ller.txt\"}" "filename*=utf-8''Rechnung%20M%C3%BCller.txt" "for Müller"
    part "${twice:+; name=\"Rechnung J_ger.txt\"}" "filename*=utf-8''Rechnung%20J%C3%A4ger.txt" "for Jäger"
    part "" 'filename="Terms.txt"' "terms"
    printf -- '--b--\n'
}
mail 1 > twice.eml
mail "" > once.eml
see() { # FOLDER: what each real name holds
    for name in "Rechnung Müller.txt" "Rechnung Jäger.txt" Terms.txt; do printf '%s: %s; ' "${name%.txt}" "$(cat "$1/$name")"; done
}
expect() { # NAME EXPECTED SEEN
    echo "$1: $3"
    [ "$3" = "$2" ] || { echo "expected: $2"; exit 1; }
}
RIGHT="Rechnung Müller: for Müller; Rechnung Jäger: for Jäger; Terms: terms; "
for mail in once twice; do
    mkdir "ripmime-$mail" "mshow-$mail" "python-$mail"
    root/usr/bin/ripmime -i "$mail.eml" -d "ripmime-$mail"
    (cd "mshow-$mail" && ../root/usr/bin/mshow -x "$D/$mail.eml" > /dev/null)
    python3 -c "
import email, email.policy
for part in email.message_from_binary_file(open('$mail.eml', 'rb'), policy=email.policy.default).iter_attachments():
    open(f'python-$mail/{part.get_filename()}', 'w', encoding='utf-8').write(part.get_content())"
    expect "mshow, $mail" "$RIGHT" "$(see "mshow-$mail")"
    expect "Python, $mail" "$RIGHT" "$(see "python-$mail")"
done
expect "ripmime, once" "$RIGHT" "$(see ripmime-once)"
expect "ripmime, twice" "Rechnung Müller: for Jäger; Rechnung Jäger: for Jäger; Terms: terms; " "$(see ripmime-twice)"
echo "seen: with name= beside filename*, ripMIME saved Jäger's invoice under Müller's name"
