#!/usr/bin/env bash
# parsedmarc reads a reader's spam complaint as a DMARC failure report, and writes "auth_failure: dmarc" into it, which nobody reported.
#
# Versions: PyPI parsedmarc 11.1.0 (parse_report_email with offline=True).
# Input: a feedback report of RFC 5965 with Feedback-Type: abuse, as providers send it when somebody presses "this is spam"; the same with not-spam
#        ("it is none after all"); and, for comparison, one of RFC 6591 with auth-failure, which is what DMARC sends.
#
# Most people expect: complaints and authentication failures share a form and differ in Feedback-Type; a reader of DMARC reports refuses what
#   is none (it refuses bounces: InvalidDMARCReport), or names its kind.
# What happens: all three are "failure". Where the report does not say what failed, the list auth_failure is filled with "dmarc" and delivery_result
#   with "other", so a complaint about a letter that passed everything looks like one that failed. Only feedback_type
#   tells them apart.
# Why a sender of mail cares: complaints and DMARC reports often share a mailbox (postmaster, dmarc@). The complaints vanish in the wrong chart, nobody
#   is taken off the list, and somebody looks for a fault in DKIM or SPF that is not there.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib parsedmarc==11.1.0 2> /dev/null
cat > run.py <<'PY'
import logging

import parsedmarc

logging.disable(logging.CRITICAL)
REPORT = """From: feedback@isp.example.net
To: dmarc@example.com
Subject: FW: News
Date: Sun, 29 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: text/plain

A report about a message from 192.0.2.1.

--b
Content-Type: message/feedback-report

Feedback-Type: KIND
User-Agent: Feedback/1.0
Version: 1
Original-Mail-From: <bounces@example.com>
Original-Rcpt-To: <ann@example.org>
Arrival-Date: Sun, 29 Nov 2026 09:59:00 +0000
Source-IP: 192.0.2.1
Reported-Domain: example.com
MORE
--b
Content-Type: message/rfc822

From: ada@example.com
To: ann@example.org
Subject: News
Date: Sun, 29 Nov 2026 09:59:00 +0000
Message-ID: <news-1@example.com>

Text.
--b--
"""
seen = {}
for kind, more in (("abuse", ""), ("not-spam", ""), ("auth-failure", "Auth-Failure: dkim\nDelivery-Result: reject\nIdentity-Alignment: spf\n")):
    text = REPORT.replace("KIND", kind).replace("MORE\n", more)
    found = parsedmarc.parse_report_email(text.encode(), offline=True)
    report = found["report"]
    seen[kind] = found["report_type"], report["feedback_type"], report["auth_failure"], report["delivery_result"]
    print(kind.ljust(13), *seen[kind])
assert seen == {"abuse": ("failure", "abuse", ["dmarc"], "other"), "not-spam": ("failure", "not-spam", ["dmarc"], "other"),
                "auth-failure": ("failure", "auth-failure", ["dkim"], "reject")}, seen
try:
    parsedmarc.parse_report_email(b"From: a@example.net\nTo: dmarc@example.com\nSubject: x\nDate: Sun, 29 Nov 2026 10:00:00 +0000\n\nx\n", offline=True)
    raise SystemExit("an ordinary message was taken")
except parsedmarc.InvalidDMARCReport as error:
    print("ordinary message:", type(error).__name__)
PY
PYTHONPATH=lib python3 -W ignore run.py
echo "seen: a spam complaint and its withdrawal are DMARC failure reports in parsedmarc 11.1.0, with a failure that was made up"
