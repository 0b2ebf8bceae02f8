#!/usr/bin/env bash
# GNU parallel's --resume goes by place in the list: one new line at its top, and the list's last is mailed again and the new one never.
#
# Versions: Debian 12 parallel 20221122+ds-2, perl 5.36.0-7+deb12u2.
# Input: a list of three, one program call for each ("parallel --joblog log --resume ./send.sh :::: list"), and the same command again behind
#        one address that was added at the top; then the same with --resume-failed, where the call for ben had failed the first time.
#
# Most people expect: the job log holds each whole command line, so what is in the log is not run again and what is not is run; at the least
#   a log whose commands differ from the list is refused.
# What happens: line numbers alone are compared, without a word. --resume: zoe, who is new, is taken for done, and cat is mailed twice; the log
#   then has cat's command twice. --resume-failed: "number 2 failed" runs the second line of the list as it is now, which is ann, who has the
#   mail; ben, whose mail failed, and zoe get nothing. --retry-failed, which takes the commands from the log and no list, is right.
# Why a sender of mail cares: a list is exported anew, sorted or mended between the run that broke and the run that goes on, and a resume by
#   place mails some twice and others never; done must be known by the address.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
PACKAGES="parallel=20221122+ds-2"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
cat > send.sh <<'SH'
#!/bin/sh
[ "$1" = ben ] && [ -e down ] && exit 75
echo "$1" >> mailed
SH
chmod +x send.sh
parallel() { HOME=$D perl root/usr/bin/parallel --will-cite -j1 --joblog log "$@"; }
names() { tr '\n' ' ' < mailed; }

printf 'ann\nben\ncat\n' > list; : > mailed
parallel --resume ./send.sh :::: list
sed -i '1i zoe' list
parallel --resume ./send.sh :::: list
echo "--resume, zoe added at the top:        mailed in all: $(names)"
[ "$(names)" = "ann ben cat cat " ]
[ "$(grep -c 'send.sh cat$' log)" = 2 ] && ! grep -q zoe log

rm log; printf 'ann\nben\ncat\n' > list; : > mailed; touch down
parallel --resume-failed ./send.sh :::: list || true
rm down; cp log log.failed
sed -i '1i zoe' list
parallel --resume-failed ./send.sh :::: list
echo "--resume-failed, the same:             mailed in all: $(names)"
[ "$(names)" = "ann cat ann cat " ]

mv log.failed log; printf 'ann\ncat\n' > mailed
parallel --retry-failed
echo "--retry-failed, without the list:      mailed in all: $(names)"
[ "$(names)" = "ann cat ben " ]
