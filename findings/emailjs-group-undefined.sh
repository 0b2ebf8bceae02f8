#!/usr/bin/env bash
# emailjs 5 sends "RCPT TO:<undefined>" for a group in To, and writes "Team <undefined>" into the header.
#
# Versions: npm emailjs 5.0.3 (5.0 came in 2026).
# Input: to: 'b@example.org, Team: e@example.org, f@example.org;' (RFC 5322 3.4; the package has its own address parser, which
#        does return the members of a group).
#
# Most people expect: members become recipients (nodemailer, aiosmtplib, msmtp), or an error.
# What happens: the parsed group is used as if it were a mailbox. Its "address" does not exist, so the word "undefined" becomes the
#   envelope recipient and the header's address; both members are lost; a server that takes any address makes it a success.
# Why a sender of mail cares: two people get nothing, a third party named "undefined" at the local domain may get their mail, and
#   the send call reports no fault. ("undefined" without a domain is qualified with the relay's own domain by many servers.)
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts emailjs@5.0.3 > /dev/null
cat > run.mjs <<'JS'
import net from 'node:net';
import assert from 'node:assert';
import { SMTPClient } from 'emailjs';

const lines = [];
const server = net.createServer((socket) => {
  let data = false, rest = '';
  socket.write('220 mx.example.net ESMTP\r\n');
  socket.on('data', (chunk) => {
    rest += chunk;
    for (let at; (at = rest.indexOf('\r\n')) >= 0; rest = rest.slice(at + 2)) {
      const line = rest.slice(0, at);
      lines.push(line);
      if (data && line !== '.') continue;
      data = line.toUpperCase() === 'DATA';
      socket.write(data ? '354 go on\r\n' : '250 Ok\r\n');
    }
  });
  socket.on('error', () => {});
}).listen(0, '127.0.0.1', async () => {
  const client = new SMTPClient({ host: '127.0.0.1', port: server.address().port, ssl: false, tls: false });
  await client.sendAsync({ from: 'a@example.com', to: 'b@example.org, Team: e@example.org, f@example.org;', subject: 'x', text: 'hi' });
  const shown = lines.filter((line) => /^(RCPT|To:)/i.test(line));
  console.log(shown.join('\n'));
  assert.deepStrictEqual(shown.slice(0, 2), ['RCPT TO:<b@example.org>', 'RCPT TO:<undefined>']);
  assert.match(shown[2], /^To: b@example\.org, .*<undefined>$/);
  assert.strictEqual(shown.length, 3);
  console.log('seen: emailjs 5.0.3 turned a group of two into the one recipient "undefined", and the send succeeded');
  process.exit(0);
});
JS
timeout 120 node run.mjs
