#!/usr/bin/env bash
# Four parsers, one bounce, four texts: in two of them the returned newsletter is part of what the "sender" wrote.
#
# Versions: PyPI mail-parser 4.8.0 and eml-parser 4.4.0 (2026-10), npm mailparser 3.14.2 and postal-mime 4.0.0.
# Input: a multipart/report of RFC 3464: notification, delivery-status, and the returned letter as message/rfc822, which says
#        "To unsubscribe, reply with the word unsubscribe."
#
# Most people expect: the text of a message is its own text; the returned letter and the status are parts of their own.
# What happens:
#   mail-parser   text_plain has two entries, the notification and the returned letter; attachments is empty, the status part is nowhere
#   eml_parser    body has the notification, two empty entries and the returned letter
#   mailparser    text is the notification with the whole status part behind it; the letter is an attachment
#   postal-mime   text is the notification; status and letter are attachments
# Why a sender of mail cares: a reply handler that looks for "unsubscribe" or STOP in the text takes every bounce for a wish, with two of
#   these; one that wants Status finds it in attachments, in the text, or not at all. Separate reports from replies before reading text.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts postal-mime@4.0.0 mailparser@3.14.2 > /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib mail-parser==4.8.0 eml-parser==4.4.0
cat > make.py <<'PY'
letter = """From: news@example.com\nTo: ann@example.org\nSubject: August\nMIME-Version: 1.0
Content-Type: text/plain\n\nTo unsubscribe, reply with the word unsubscribe."""
status = """Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; ann@example.org\nAction: failed\nStatus: 5.1.1"""
report = f"""From: MAILER-DAEMON@mx.example.org\nTo: bounces@example.com\nSubject: Undelivered\nMIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b\n
--b\nContent-Type: text/plain\n\nNot delivered.\n--b\nContent-Type: message/delivery-status\n\n{status}\n
--b\nContent-Type: message/rfc822\n\n{letter}\n--b--\n"""
open("bounce.eml", "wb").write(report.replace("\n", "\r\n").encode())
PY
python3 make.py
cat > look.py <<'PY'
import eml_parser
import mailparser

raw = open("bounce.eml", "rb").read()
mail = mailparser.parse_from_bytes(raw)
print("mail-parser", mail.text_plain, "attachments:", mail.attachments)
assert mail.text_plain == ["Not delivered.", "To unsubscribe, reply with the word unsubscribe."] and mail.attachments == []
body = [part["content"] for part in eml_parser.EmlParser(include_raw_body=True).decode_email_bytes(raw)["body"]]
print("eml_parser ", body)
assert body == ["Not delivered.", "", "", "To unsubscribe, reply with the word unsubscribe."]
PY
PYTHONPATH=lib python3 look.py
cat > look.mjs <<'JS'
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { simpleParser } from 'mailparser';
import PostalMime from 'postal-mime';

const raw = readFileSync('bounce.eml');
const mail = await simpleParser(raw), postal = await PostalMime.parse(raw);
console.log('mailparser ', JSON.stringify(mail.text), mail.attachments.map((part) => part.contentType));
console.log('postal-mime', JSON.stringify(postal.text), postal.attachments.map((part) => part.mimeType));
assert(mail.text.startsWith('Not delivered.') && mail.text.includes('Status: 5.1.1') && !mail.text.includes('unsubscribe'));
assert.deepStrictEqual(mail.attachments.map((part) => part.contentType), ['message/rfc822']);
assert.strictEqual(postal.text.trim(), 'Not delivered.');
assert.deepStrictEqual(postal.attachments.map((part) => part.mimeType), ['message/delivery-status', 'message/rfc822']);
JS
node look.mjs
echo "seen: mail-parser and eml_parser count the returned letter as text, mailparser the status part, postal-mime neither"
