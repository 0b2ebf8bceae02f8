#!/usr/bin/env bash
# nodemailer's rateLimit lets maxConnections messages pass in each period, five by default, though it says one.
#
# Versions: npm nodemailer 10.6.1 with pool: true, against smtp-server 3.21.6. (9.0.5 and 6.10.1 were seen to do the same.)
# Input: rateLimit: 1, rateDelta: 4000 (one message in four seconds), ten messages at once; maxConnections 5 (the default) and 1.
#
# Most people expect: at most rateLimit messages of the whole pool in each rateDelta, as with a token bucket.
# What happens: a message counts when it has been sent, and each free connection is given one before that. So five go out in the first
#   moment, five more at the start of the next period: five times the limit. With one connection the limit is kept.
# Why a sender of mail cares: 14 a second for Amazon SES is kept, but 1 a second for a small host means bursts of five, and the server's 421
#   or 454 has no visible reason. Set maxConnections to no more than rateLimit.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts nodemailer@10.6.1 smtp-server@3.21.6 > /dev/null
cat > run.cjs <<'JS'
const assert = require('assert'), nodemailer = require('nodemailer'), { SMTPServer } = require('smtp-server');

const PERIOD = 4000;
let times = [];
const server = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], onData(stream, session, done) {
  stream.resume().on('end', () => { times.push(Date.now()); done(); });
} });
server.listen(0, '127.0.0.1', async function () {
  const counts = {};
  for (const maxConnections of [5, 1]) {
    times = [];
    const pool = nodemailer.createTransport({ host: '127.0.0.1', port: this.address().port, ignoreTLS: true, pool: true, maxConnections, rateLimit: 1, rateDelta: PERIOD });
    for (let n = 0; n < 10; n += 1) pool.sendMail({ from: 'a@example.com', to: 'b@example.org', text: 'hi' }).catch(() => {});
    while (!times.length) await new Promise((later) => setTimeout(later, 50));
    await new Promise((later) => setTimeout(later, PERIOD / 2 - (Date.now() - times[0])));
    const first = times.length; // half a period after the first message
    await new Promise((later) => setTimeout(later, PERIOD));
    counts[maxConnections] = [first, times.length - first];
    console.log('rateLimit 1, maxConnections', maxConnections, '| messages in the first period:', first, 'in the second:', times.length - first);
    pool.close();
  }
  assert.deepStrictEqual(counts, { 5: [5, 5], 1: [1, 1] });
  console.log('seen: with five connections rateLimit: 1 let five messages pass in each period, with one connection one');
  process.exit(0);
});
JS
timeout 120 node run.cjs
