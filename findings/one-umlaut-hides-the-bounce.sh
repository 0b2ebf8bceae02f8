#!/usr/bin/env bash
# One letter beyond ASCII hides a bounce from the detectors of Mailman: in From they raise, in the address they find nobody.
#
# Versions: PyPI flufl.bounce 6.0.0 (2026-10; what Mailman 3 uses), Python's email package of 3.11 with its default (compat32) and its newer policy.
# Input: a bounce in qmail's old form, plain and with the sender "Système de messagerie" in UTF-8 (RFC 6532); a bounce of RFC 6533 about two
#        people, which is what Postfix, Exim and chasquid write where an SMTPUTF8 address is concerned, and the same in RFC 3464 for comparison.
#
# Most people expect: a name that nobody looks at changes nothing; a detector that cannot read a message says so by finding nobody, as there
#   are thirty more; and a report about two people has two people.
# What happens: with message_from_bytes() as the manual shows it, one of the detectors takes the field for a string: all_failures() raises AttributeError,
#   and so does scan_message(), before the detector that knows qmail is asked. With the newer policy the person is found. For
#   message/global-delivery-status there is no detector: nobody, no error. Python's parser itself splits message/delivery-status into its
#   blocks, but not its international twin: one part with one header, the recipients are left in the text behind it.
# Why a sender of mail cares: a loop over a mailbox of bounces ends at the first French or German mail server, or skips exactly the addresses
#   that are new and not tested. Wrap the call, parse with policy.default, and read the international kind yourself.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib flufl.bounce==6.0.0 2> /dev/null
cat > run.py <<'PY'
import email
import email.policy
import logging

from flufl.bounce import all_failures, scan_message

logging.disable(logging.CRITICAL)
QMAIL = """From: SENDER <MAILER-DAEMON@mx.example.net>
To: bounces@example.com
Subject: failure notice
Date: Sun, 29 Nov 2026 10:00:00 +0000

Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<gone@example.org>:
Remote host said: 550 5.1.1 user unknown
"""
REPORT = """From: MAILER-DAEMON@mx.example.net
To: bounces@example.com
Subject: Undelivered
Date: Sun, 29 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=KINDdelivery-status; boundary=b

--b
Content-Type: text/plain

Not delivered.
--b
Content-Type: message/KINDdelivery-status
Content-Transfer-Encoding: 8bit

Reporting-MTA: dns; mx.example.net

Final-Recipient: TYPE; ONE@example.org
Action: failed
Status: 5.1.1

Final-Recipient: TYPE; two@example.org
Action: failed
Status: 5.1.1

--b--
"""


def look(name, text, policy=email.policy.compat32):
    message = email.message_from_bytes(text.encode(), policy=policy)
    found = []
    for call in (scan_message, lambda message: all_failures(message)[1]):
        try:
            found.append(sorted(address.decode() for address in call(message)))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    print(f"{name:38}", found[0])
    assert found[0] == found[1]
    return found[0]


raised = "AttributeError: 'Header' object has no attribute 'lower'"
assert look("qmail, Mail System", QMAIL.replace("SENDER", "Mail System")) == ["gone@example.org"]
assert look("qmail, Système", QMAIL.replace("SENDER", "Système de messagerie")) == raised
assert look("qmail, Système, policy.default", QMAIL.replace("SENDER", "Système de messagerie"), email.policy.default) == ["gone@example.org"]
plain = REPORT.replace("KIND", "").replace("TYPE", "rfc822").replace("ONE", "one")
world = REPORT.replace("KIND", "global-").replace("TYPE", "utf-8").replace("ONE", "eïn")
assert look("RFC 3464, two people", plain) == ["one@example.org", "two@example.org"]
for policy in (email.policy.compat32, email.policy.default):
    assert look("RFC 6533, two people", world, policy) == []
    blocks = [[block.keys() for block in email.message_from_bytes(text.encode(), policy=policy).get_payload(1).get_payload()] for text in (plain, world)]
    print("blocks of the status part in Python's email:", blocks)
    assert [len(block) for block in blocks] == [3, 1] and blocks[1] == [["Reporting-MTA"]]
PY
PYTHONPATH=lib python3 run.py
echo "seen: flufl.bounce 6.0.0 raises at a UTF-8 sender, finds nobody in RFC 6533, and Python's email does not split that part"
