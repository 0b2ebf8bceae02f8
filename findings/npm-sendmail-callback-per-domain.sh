#!/usr/bin/env bash
# npm sendmail calls its callback once per recipient domain, with the reply to QUIT, and splits "Doe, Jane" at the comma.
#
# Versions: npm sendmail 1.6.1 (2019, some 800,000 downloads a month), with its own devHost/devPort in place of MX look-ups.
# Input: to '"Doe, Jane" <jane@example.org>, eve@example.net', a text whose second line begins with a dot.
#
# Most people expect: one callback for one call, after everybody was served, with the servers' answers, as for any Node.js function.
# What happens: three callbacks. The quoted comma makes a recipient <"Doe>, who is a domain of his own; each domain gets a connection and
#   a callback, whose reply is "221 ..." to QUIT: the 250 with the queue id is thrown away. The text goes out with bare LF and an
#   undoubled dot, under MAIL FROM without any parameter.
# Why a sender of mail cares: util.promisify, or a wrapper in a Promise, settles with the first domain that answers; a later refusal is never
#   seen, so the call is "sent" although a recipient was refused. Below: example.net is refused after example.org was accepted.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts sendmail@1.6.1 > /dev/null 2>&1
cat > run.cjs <<'JS'
const assert = require('assert'), net = require('net'), { promisify } = require('util'), sendmail = require('sendmail');

const said = [];
let wire = '';
const server = net.createServer((socket) => {
  let data = false, rest = '';
  const say = (text) => socket.write(text + '\r\n');
  say('220 mx.example.net ESMTP');
  socket.on('data', (chunk) => {
    wire += chunk;
    rest += chunk;
    for (let at; (at = rest.indexOf('\r\n')) >= 0; rest = rest.slice(at + 2)) {
      const line = rest.slice(0, at);
      if (data && line !== '.') continue;
      if (/^RCPT/.test(line)) said.push(line);
      if (line.includes('<eve@')) setTimeout(say, 1500, '550 5.1.1 User unknown'); // later than the others
      else say(line === 'DATA' ? '354 go on' : line === 'QUIT' ? '221 2.0.0 bye' : line === '.' ? '250 2.0.0 Ok: queued as 4ABCDEF' : '250 Ok');
      data = line === 'DATA';
    }
  });
  socket.on('error', () => {});
}).listen(0, '127.0.0.1', async () => {
  const send = sendmail({ silent: true, devHost: '127.0.0.1', devPort: server.address().port });
  const mail = { from: 'ada@example.com', to: '"Doe, Jane" <jane@example.org>, eve@example.net', subject: 'x', text: 'one\n.two\nthree' };
  const called = [];
  const first = await promisify((options, done) => send(options, (error, reply) => {
    called.push(error ? 'error ' + error.message : reply.trim());
    done(error, reply);
  }))(mail).catch((error) => 'rejected: ' + error.message);
  await new Promise((later) => setTimeout(later, 3000));
  console.log('RCPT:', said.sort().join(' '));
  console.log('promise:', JSON.stringify(first), 'callbacks:', called);
  assert.deepStrictEqual(said, ['RCPT TO:<"Doe>', 'RCPT TO:<eve@example.net>', 'RCPT TO:<jane@example.org>']);
  assert.strictEqual(first.trim(), '221 2.0.0 bye');
  assert(called.length === 3 && called.slice(0, 2).every((reply) => reply === '221 2.0.0 bye') && /^error .*550/.test(called[2]), called);
  assert(wire.includes('one\n.two\nthree'));
  console.log('seen: three callbacks for one message, the promise fulfilled with the reply to QUIT, eve was refused after it');
  process.exit(0);
});
JS
timeout 120 node run.cjs
