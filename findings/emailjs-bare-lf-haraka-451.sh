#!/usr/bin/env bash
# emailjs sends the line ends of a text as bare LF; Haraka answers with a temporary 451, other servers take it.
#
# Versions: npm emailjs 5.0.3, Haraka 3.3.4, smtp-server 3.21.6.
# Input: text: 'one\n.two\nthree', the usual form of a text in JavaScript.
#
# Most people expect: an SMTP client turns \n into CRLF (nodemailer, smtplib, aiosmtplib do), and a server that refuses bare LF says 5yz.
# What happens: LF goes out bare, so the dot behind it is not doubled either. smtp-server delivers the text with its bare LFs and
#   no reply says a word. Haraka 3.3 ends the transaction with "451 Bare line-feed", a temporary failure: the same octets
#   are as wrong at every retry, so a queueing sender tries until the message is too old.
# Why a sender of mail cares: since the smuggling fixes of 2023/24 bare LF is refused by Haraka, by Postfix with smtpd_forbid_bare_newline=reject and by
#   Exchange Online; a 4yz reply is no promise that a later try can succeed. A sender must write CRLF itself before it counts on a retry.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts emailjs@5.0.3 Haraka@3.3.4 smtp-server@3.21.6 > /dev/null 2>&1
node node_modules/.bin/haraka -i "$D/haraka" > /dev/null
PORT=$(node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close(); })")
printf 'listen=127.0.0.1:%s\nnodes=0\n' "$PORT" > haraka/config/smtp.ini
printf 'rcpt_to.in_host_list\ntake\n' > haraka/config/plugins
echo example.org > haraka/config/host_list
mkdir -p haraka/plugins
echo 'exports.hook_queue = function (next) { next(OK, "taken"); };' > haraka/plugins/take.js
timeout 240 node node_modules/.bin/haraka -c "$D/haraka" > haraka.log 2>&1 &
cat > run.mjs <<'JS'
import assert from 'node:assert';
import net from 'node:net';
import { SMTPClient } from 'emailjs';
import { SMTPServer } from 'smtp-server';

let stored = '';
const lenient = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], onData(stream, session, done) {
  stream.on('data', (chunk) => { stored += chunk; }).on('end', () => done());
} });
await new Promise((ready) => lenient.listen(0, '127.0.0.1', ready));
const haraka = Number(process.argv[2]);
const open = () => new Promise((ready) => net.connect(haraka, '127.0.0.1').on('connect', function () { this.destroy(); ready(true); }).on('error', () => ready(false)));
for (let tries = 0; tries < 600 && !(await open()); tries += 1) await new Promise((later) => setTimeout(later, 100));

const send = async (port, text) => {
  const client = new SMTPClient({ host: '127.0.0.1', port, ssl: false, tls: false });
  try {
    await client.sendAsync({ from: 'a@example.com', to: 'b@example.org', subject: 'x', text });
    return 'accepted';
  } catch (error) { return (error.smtp ?? error.message).trim(); }
};
const bare = 'one\n.two\nthree';
const [taken, refused, cured] = [await send(lenient.server.address().port, bare), await send(haraka, bare), await send(haraka, bare.replaceAll('\n', '\r\n'))];
console.log('smtp-server:', taken, JSON.stringify(stored.slice(stored.indexOf('\r\n\r\n') + 4)));
console.log('Haraka, LF:', refused);
console.log('Haraka, CRLF:', cured);
assert(taken === 'accepted' && stored.includes('one\n.two\nthree'));
assert(/bare line-feed/i.test(refused) && /451/.test(refused));
assert.strictEqual(cured, 'accepted');
console.log('seen: emailjs 5.0.3 sends bare LF; smtp-server delivers it so, Haraka 3.3.4 says 451 however often it is tried');
process.exit(0);
JS
timeout 150 node run.mjs "$PORT"
