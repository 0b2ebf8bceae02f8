#!/usr/bin/env bash
# Sisimai gives both people of a Postfix bounce the reason of the one who comes last; BounceParser loses the second one where lines end as in SMTP.
#
# Versions: Debian 12 libsisimai-perl 4.25.15-1, libmail-deliverystatus-bounceparser-perl 1.543+repacked-1 (with libmime-tools-perl 5.510).
# Input: one bounce in Postfix's form about two people: one who does not exist (550 5.1.1), one whose mailbox is full (552 5.2.2), in both orders,
#        each as a file with LF (a Maildir) and with CRLF (as SMTP and IMAP hand it over). RFC 3464 gives each person a block of her own.
#
# Most people expect: what belongs to a block stays in it, and line ends change nothing.
# What happens: Sisimai knows both people and says of both what holds for the last one. If the full mailbox comes last, the dead address is a
#   soft bounce, "mailboxfull", 5.2.2; if it comes first, the full mailbox is a hard bounce, "userunknown", 5.1.1. BounceParser tells
#   them apart, but with CRLF it reports the first person only and says nothing of the second.
# Why a sender of mail cares: servers put all who were refused in one transaction into one bounce. By the order of two lines a customer who was on
#   holiday is struck off the list for ever, or a dead address is mailed again; and a parser that was tried with files fails behind IMAP.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
apt-get -qq download libsisimai-perl=4.25.15-1 libmail-deliverystatus-bounceparser-perl=1.543+repacked-1 libclass-accessor-lite-perl libjson-perl \
  libmailtools-perl libmime-tools-perl libtimedate-perl 2> /dev/null
for package in *.deb; do dpkg -x "$package" root; done
cat > make.py <<'PY'
PEOPLE = {"gone": ("550", "5.1.1", "user unknown"), "full": ("552", "5.2.2", "mailbox full")}
for order in ("gone full", "full gone"):
    words, blocks = "", ""
    for name in order.split():
        code, status, said = PEOPLE[name]
        words += f"<{name}@example.org>: host mail.example.org[192.0.2.1] said: {code} {status} {said}\n    (in reply to RCPT TO command)\n\n"
        blocks += f"\nFinal-Recipient: rfc822; {name}@example.org\nOriginal-Recipient: rfc822;{name}@example.org\nAction: failed\nStatus: {status}\n"
        blocks += f"Remote-MTA: dns; mail.example.org\nDiagnostic-Code: smtp; {code} {status} {said}\n"
    report = f"""Return-Path: <>
Date: Sun, 29 Nov 2026 10:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounces@example.com
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="b1"
Message-Id: <1@mx.example.net>

This is a MIME-encapsulated message.

--b1
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.net.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

{words}
--b1
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Sun, 29 Nov 2026 09:59:58 +0000 (UTC)
{blocks}
--b1
Content-Description: Undelivered Message
Content-Type: message/rfc822

From: ada@example.com
To: undisclosed-recipients:;
Subject: News
Message-ID: <news-1@example.com>
Date: Sun, 29 Nov 2026 09:59:00 +0000

Text.
--b1--
"""
    for ends, octets in (("LF", b"\n"), ("CRLF", b"\r\n")):
        open(f"{order}, {ends}", "wb").write(report.encode().replace(b"\n", octets))
PY
python3 make.py
cat > read.pl <<'PL'
use strict; use warnings;
use Mail::DeliveryStatus::BounceParser;
use Sisimai;
for my $file ('gone full, LF', 'gone full, CRLF', 'full gone, LF', 'full gone, CRLF') {
    my $found = Sisimai->make($file) // [];
    my @lines = map { join ' ', $_->recipient->user, $_->deliverystatus, $_->reason, $_->softbounce ? 'soft' : 'hard' } @$found;
    print "Sisimai       $file: ", join('; ', @lines), "\n";
    open my $handle, '<:raw', $file or die;
    my $bounce = Mail::DeliveryStatus::BounceParser->new(do { local $/; <$handle> });
    print "BounceParser  $file: ", join('; ', map { $_->get('email') . ' ' . $_->get('std_reason') } $bounce->reports), "\n";
}
PL
PERL5LIB=root/usr/share/perl5 perl read.pl 2> /dev/null | tee seen
diff - seen <<'SEEN'
Sisimai       gone full, LF: gone 5.2.2 mailboxfull soft; full 5.2.2 mailboxfull soft
BounceParser  gone full, LF: gone@example.org user_unknown; full@example.org over_quota
Sisimai       gone full, CRLF: gone 5.2.2 mailboxfull soft; full 5.2.2 mailboxfull soft
BounceParser  gone full, CRLF: gone@example.org user_unknown
Sisimai       full gone, LF: full 5.1.1 userunknown hard; gone 5.1.1 userunknown hard
BounceParser  full gone, LF: full@example.org over_quota; gone@example.org user_unknown
Sisimai       full gone, CRLF: full 5.1.1 userunknown hard; gone 5.1.1 userunknown hard
BounceParser  full gone, CRLF: full@example.org over_quota
SEEN
echo "seen: one reason for two people in Sisimai 4.25.15, and one person instead of two in BounceParser with CRLF"
