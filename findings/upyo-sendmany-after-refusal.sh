#!/usr/bin/env bash
# Upyo's sendMany() mails nobody behind the first refused recipient: one dead address ends the batch, one send() a time does not.
#
# Versions: npm @upyo/core 0.4.0 and @upyo/smtp 0.4.0 with its connection pool, against smtp-server 3.21.6; nodemailer 10.6.1 beside it.
# Input: five messages to one person each; the second is refused with 550 (or greylisted with 451) at RCPT.
#
# Most people expect: a batch call yields one receipt a message, and a refusal concerns the message that it was given for. The server keeps the
#   session open, and RSET is enough to go on.
# What happens: the receipts are success, "RCPT TO failed", and then "Connection is no longer valid" for all that follow; the server sees
#   no further connection. The same five messages by send() one after the other, or by nodemailer's pool: four are delivered.
# Why a sender of mail cares: real lists have dead addresses. Of a list of 1,000 whose tenth is dead, nine people get the mail, and the
#   receipts blame the connection, so that a retry of the failed ones begins with the dead address again and mails nobody.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts @upyo/core@0.4.0 @upyo/smtp@0.4.0 smtp-server@3.21.6 nodemailer@10.6.1 > /dev/null
cat > run.mjs <<'JS'
import assert from 'node:assert';
import nodemailer from 'nodemailer';
import { createMessage } from '@upyo/core';
import { SmtpTransport } from '@upyo/smtp';
import { SMTPServer } from 'smtp-server';

let delivered = [], code = 550;
const server = new SMTPServer({
  authOptional: true, disabledCommands: ['STARTTLS'],
  onRcptTo: ({ address }, session, done) => done(address.startsWith('two@') ? Object.assign(new Error('refused'), { responseCode: code }) : null),
  onData(stream, { envelope }, done) {
    stream.resume().on('end', () => { delivered.push(envelope.rcptTo[0].address.split('@')[0]); done(); });
  },
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const { port } = server.server.address(), host = '127.0.0.1';
const people = ['one', 'two', 'three', 'four', 'five'];
const messages = people.map((person) => createMessage({ from: 'ada@example.com', to: `${person}@example.org`, subject: 'x', content: { text: 'hi' } }));
const report = (name, receipts) => {
  const seen = [delivered.join(' '), receipts.map((receipt) => receipt.successful || receipt.errorMessages[0])];
  console.log(name.padEnd(22), 'delivered:', seen[0], seen[1]);
  delivered = [];
  return seen;
};

for (code of [550, 451]) {
  const batch = new SmtpTransport({ host, port, secure: false }), receipts = [];
  for await (const receipt of batch.sendMany(messages)) receipts.push(receipt);
  const [reached, said] = report(`sendMany, ${code}`, receipts);
  assert.strictEqual(reached, 'one');
  assert(said[0] === true && said[1].startsWith('RCPT TO failed') && said.slice(2).every((text) => text === 'Connection is no longer valid'));
}
const single = new SmtpTransport({ host, port, secure: false }), receipts = [];
for (const message of messages) receipts.push(await single.send(message));
assert.strictEqual(report('send, one by one', receipts)[0], 'one three four five');
const pool = nodemailer.createTransport({ host, port, ignoreTLS: true, pool: true, maxConnections: 1 });
for (const person of people) await pool.sendMail({ from: 'ada@example.com', to: `${person}@example.org`, text: 'hi' }).catch(() => {});
assert.strictEqual(report('nodemailer, pool', [])[0], 'one three four five');
console.log('seen: sendMany of Upyo 0.4.0 mailed one of five, though only one was refused');
process.exit(0);
JS
timeout 120 node run.mjs
