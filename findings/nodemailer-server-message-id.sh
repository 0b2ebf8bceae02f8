#!/usr/bin/env bash
# nodemailer's new info.serverMessageId is set for two services only; the queue ids of all common servers leave it undefined.
#
# Versions: npm nodemailer 10.6.1 (the field came with 10.2.0, 2026-10-21).
# Input: one message to a server that ends DATA with the reply of Postfix, Exim, sendmail, OpenSMTPD, Haraka,
#        smtp-server, a Google relay, Amazon SES, Exchange Online.
#
# Most people expect: "the server's message id from the final 250 reply" is the id that the reply names, "queued as X" above all.
# What happens: it is no queue id but the Message-ID header that the service puts in place of ours. So it is undefined for
#   every self-hosted server and for Google; it is set for a reply with <...prod.outlook.com>; and it is undefined for the
#   reply of SES as well, unless the host that was dialled is named *.amazonaws.com (a relay, tunnel or CNAME loses it).
# Why a sender of mail cares: who joins delivery reports or server logs to this field gets "undefined" for nearly
#   every server, without an error; info.response still has the text.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts nodemailer@10.6.1 > /dev/null
cat > run.cjs <<'JS'
const net = require('net'), assert = require('assert'), nodemailer = require('nodemailer');
const replies = {
  postfix: '250 2.0.0 Ok: queued as 4bF8Zt2kQzz1Xp', exim: '250 OK id=1xXeTm-00000Q-29',
  sendmail: '250 2.0.0 6ATD890l000052 Message accepted for delivery', opensmtpd: '250 2.0.0 59fc2fd7 Message accepted for delivery',
  haraka: '250 Message Queued (BC439CBF-52CF-4F6B-9234-5936E794D80E.1)', infobipLike: '250 2.6.0 Message queued as <0ab1ad5b@mx.example>',
  google: '250 2.0.0 OK  1700000000 a1-20020a170906b34100b009e5c6d8a2sm1234567ejb.10 - gsmtp',
  ses: '250 Ok 0100018b5c3c0a4f-1b2c3d4e-0000-4444-8888-1234567890ab-000000',
  outlook: '250 2.0.0 OK <AM0PR01MB1234.eurprd01.prod.outlook.com> [Hostname=AM0PR01MB1234.eurprd01.prod.outlook.com]',
};
let last;
const server = net.createServer(socket => {
  let data = false, rest = '';
  socket.write('220 mx.example.net ESMTP\r\n');
  socket.on('data', chunk => {
    rest += chunk;
    for (let at; (at = rest.indexOf('\r\n')) >= 0; rest = rest.slice(at + 2)) {
      const line = rest.slice(0, at);
      if (data) { if (line === '.') { data = false; socket.write(last + '\r\n'); } continue; }
      data = line === 'DATA';
      socket.write(data ? '354 go on\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 Ok\r\n');
    }
  });
  socket.on('error', () => {});
}).listen(0, '127.0.0.1', async () => {
  const found = [];
  for (const [name, reply] of Object.entries(replies)) {
    last = reply;
    const transport = nodemailer.createTransport({ host: '127.0.0.1', port: server.address().port, ignoreTLS: true });
    const info = await transport.sendMail({ from: 'a@example.com', to: 'b@example.org', subject: 'x', text: 'hi' });
    assert.strictEqual(info.response, reply);
    console.log(name.padEnd(12), info.serverMessageId);
    if (info.serverMessageId) found.push(name);
  }
  server.close();
  assert.deepStrictEqual(found, ['outlook']);
  console.log(`seen: serverMessageId is set for ${found.length} of ${Object.keys(replies).length} replies (${found}), never for a queue id`);
});
JS
timeout 120 node run.cjs
