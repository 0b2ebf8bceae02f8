#!/usr/bin/env bash
# postal-mime changes the octets of attachments that are not in base64: CRLF becomes LF, and a line end is added that was not there.
#
# Versions: npm postal-mime 4.0.0 (2026-09), compared with mailparser 3.14.2 and Python's email package.
# Input: the same file "a,b CRLF 1,2" (8 octets, no line end at its end) attached as 7bit, as quoted-printable and as base64,
#        with type text/csv and application/octet-stream; the line break before the boundary belongs to the boundary (RFC 2046 5.1.1).
#
# Most people expect: an attachment parser hands out the file, whatever its transfer encoding.
# What happens: base64 gives the 8 octets; quoted-printable gives 9 (LF added); 7bit gives 8 of which two are wrong (CRLF is LF, LF added),
#   also for application/octet-stream. A .ics loses its CRs even from base64. mailparser and Python give the 8 octets each time.
# Why a sender of mail cares: Cloudflare Email Workers and webmails read mail with it. A file that must arrive as it is (a signed or hashed
#   file, CSV, .ics, .eml) should go out in base64, also if it is plain ASCII; its size and hash in a test otherwise differ.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts postal-mime@4.0.0 mailparser@3.14.2 > /dev/null
cat > run.mjs <<'JS'
import assert from 'node:assert';
import PostalMime from 'postal-mime';
import { simpleParser } from 'mailparser';

const file = 'a,b\r\n1,2', base64 = (text) => Buffer.from(text).toString('base64');
const event = 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n';
const cases = [
  ['text/csv', '7bit', file, file, 'a,b\n1,2\n'],
  ['application/octet-stream', '7bit', file, file, 'a,b\n1,2\n'],
  ['text/csv', 'quoted-printable', 'a,b=0D=0A1,2', file, 'a,b\r\n1,2\n'],
  ['text/csv', 'base64', base64(file), file, file],
  ['text/calendar; method=REQUEST', 'base64', base64(event), event, event.replaceAll('\r', '')],
];
for (const [type, encoding, body, right, seen] of cases) {
  const mail = ['From: ada@example.com', 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '', '--b',
    'Content-Type: text/plain', '', 'hi', '--b', `Content-Type: ${type}`, 'Content-Disposition: attachment; filename=f',
    `Content-Transfer-Encoding: ${encoding}`, '', body, '--b--', ''].join('\r\n');
  const other = (await simpleParser(mail)).attachments[0].content.toString();
  const postal = Buffer.from((await PostalMime.parse(mail)).attachments[0].content).toString();
  console.log(type.padEnd(30), encoding.padEnd(17), 'mailparser', JSON.stringify(other), 'postal-mime', JSON.stringify(postal));
  assert.strictEqual(other, right);
  assert.strictEqual(postal, seen);
}
console.log('seen: postal-mime 4.0.0 handed out other octets than were attached in 4 of 5 cases, mailparser in none');
JS
node run.mjs
