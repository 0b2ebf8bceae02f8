#!/usr/bin/env bash
# A white heading on a black ground is hidden text to SpamAssassin, because it reads style="" of eight elements, and <h1> is none of them.
#
# Versions: Debian 12 spamassassin 4.0.1-1~deb12u1 with the rules that it brings, offline (-L), no Bayes.
# Input: one letter, multipart/alternative, four times. A table cell is black, and says "The garden in November" in white:
#        in <h1 style="color:#ffffff">, in <strong style=...>, in <p style=...>, and in <h1> in a cell that is white itself.
#
# Most people expect: a heading with the highest contrast there is costs nothing, whichever element has its colour.
# What happens: <h1> and <strong> get HTML_FONT_LOW_CONTRAST, 0.7 points: the filter takes their colour from outside, black, and sees
#   black on black. Its HTML.pm reads the style of table, tr, td, th, p, div, span and a. The same words in <p>, or with the colour in the cell,
#   cost nothing.
# Why a sender of mail cares: tools that move style rules into elements write just this, for each heading. The letter gets points for hiding
#   what its largest letters say. The colour of a heading belongs (also) into the cell around it; no reader sees a difference.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
PACKAGES="spamassassin=4.0.1-1~deb12u1 libhtml-parser-perl=3.81-1+deb12u1 libhtml-tagset-perl libhttp-date-perl libtimedate-perl
  libmail-dkim-perl libnet-dns-perl libnetaddr-ip-perl liburi-perl"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
export HOME="$D" LC_ALL=C.UTF-8
printf 'use_bayes 0\nuse_auto_welcomelist 0\nclear_headers\nadd_header all Rules _TESTS_\nfold_headers 0\n' > prefs

letter() { # NAME STYLE-OF-THE-CELL HEADING
    cat > "$1.eml" <<END
From: Example Gardens <letter@example.com>
To: Ada Example <ada@example.org>
Subject: The garden in November
Date: Mon, 23 Nov 2026 09:00:00 +0000
Message-ID: <$1.20261123@example.com>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

The garden in November. The camellias are in bud.
--b
Content-Type: text/html; charset=utf-8

<!DOCTYPE html>
<html lang="en"><head><title>The garden in November</title></head><body>
<table><tr><td bgcolor="#000000" style="background-color:#000000$2">$3</td></tr>
<tr><td style="color:#222222">The camellias are in bud.</td></tr></table>
</body></html>
--b--
END
}
letter heading '' '<h1 style="color:#ffffff">The garden in November</h1>'
letter strong '' '<strong style="color:#ffffff">The garden in November</strong>'
letter paragraph '' '<p style="color:#ffffff">The garden in November</p>'
letter cell ';color:#ffffff' '<h1 style="color:#ffffff">The garden in November</h1>'

/usr/bin/perl -T -I"$D/root/usr/share/perl5" -I"$D/root/usr/lib/x86_64-linux-gnu/perl5/5.36" root/usr/bin/spamassassin -L -t --configpath="$D/root/usr/share/spamassassin" --siteconfigpath="$D/root/etc/spamassassin" --prefspath=prefs \
    heading.eml strong.eml paragraph.eml cell.eml 2> errors > judged || { cat errors; exit 1; }
sed -n 's/^X-Spam-Rules: //p' judged > rules
paste -d' ' <(printf '%s\n' heading: strong: paragraph: cell:) rules
seen=$(grep -n HTML_FONT_LOW_CONTRAST rules | cut -d: -f1 | tr '\n' ' ')
[ "$(wc -l < rules)" = 4 ] || { echo "expected four verdicts"; exit 1; }
[ "$seen" = "1 2 " ] || { echo "expected HTML_FONT_LOW_CONTRAST for the first two, seen for: $seen"; exit 1; }
echo "seen: white on black is hidden text in <h1> and <strong>, and none in <p>, or where the cell has the colour"
