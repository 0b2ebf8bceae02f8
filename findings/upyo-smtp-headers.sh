#!/usr/bin/env bash
# Upyo's SMTP transport writes "Doe, Jane <...>" without quotation marks, two Date and two Message-ID fields, and a letter of one line.
#
# Versions: npm @upyo/core 0.4.0 and @upyo/smtp 0.4.0 (2025-2026, "cross-runtime" mail for Node.js, Deno, Bun, edge functions).
# Input: to '"Doe, Jane" <jane@example.org>' (parsed by the package's own strict parser), a text of three lines, and the
#        headers Date and Message-ID given by the caller, as a sender does that wants retries with the same id.
#
# Most people expect: a display name with a comma is quoted; a field that the caller gives replaces the default; a text keeps its lines.
# What happens: To: Doe, Jane <jane@example.org>, which every reader takes for two addressees, one of them without a domain; both the
#   caller's and the package's Date and Message-ID are written (RFC 5322 3.6: at most one); the line ends of the text become
#   =0A, so quoted-printable decodes to bare LF and one line; the zone of Date is the obsolete "GMT". The messageId that send()
#   returns is a third one, which stands nowhere in the message and is not the server's.
# Why a sender of mail cares: reply-to-all fails for everybody called "Last, First"; receivers may refuse a doubled Message-ID or Date
#   nothing that is logged can be joined to a delivery report.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts @upyo/core@0.4.0 @upyo/smtp@0.4.0 > /dev/null
cat > run.mjs <<'JS'
import assert from 'node:assert';
import net from 'node:net';
import { createMessage } from '@upyo/core';
import { SmtpTransport } from '@upyo/smtp';

const lines = [];
const server = net.createServer((socket) => {
  let data = false, rest = "";
  socket.write("220 mx.example.net ESMTP\r\n");
  socket.on("data", (chunk) => {
    rest += chunk;
    for (let at; (at = rest.indexOf("\r\n")) >= 0; rest = rest.slice(at + 2)) {
      const line = rest.slice(0, at);
      lines.push(line);
      if (data && line !== ".") continue;
      data = line.toUpperCase() === "DATA";
      socket.write(data ? "354 go on\r\n" : line === "QUIT" ? "221 bye\r\n" : "250 Ok\r\n");
    }
  });
  socket.on("error", () => {});
});
server.listen(0, '127.0.0.1', async () => {
  const transport = new SmtpTransport({ host: '127.0.0.1', port: server.address().port, secure: false, pool: false });
  const receipt = await transport.send(createMessage({
    from: 'ada@example.com', to: '"Doe, Jane" <jane@example.org>', subject: 'x', content: { text: 'one\ntwo\nthree' },
    headers: { 'Message-ID': '<own@example.com>', Date: 'Tue, 01 Sep 2026 10:00:00 +0200' },
  }));
  await transport.closeAllConnections();
  const shown = lines.filter((line) => /^(to|date|message-id):/i.test(line) || line.includes('=0A'));
  console.log(shown.join('\n'));
  console.log('receipt:', receipt.messageId);
  assert(shown.includes('To: Doe, Jane <jane@example.org>'));
  assert(shown.includes('one=0Atwo=0Athree'));
  for (const name of ['date', 'message-id']) {
    assert.strictEqual(shown.filter((line) => line.toLowerCase().startsWith(name + ':')).length, 2);
  }
  assert.match(shown.find((line) => line.startsWith('Date:')), / GMT$/);
  assert(receipt.successful && !lines.some((line) => line.includes(receipt.messageId)));
  console.log('seen: one addressee written as two, two Message-IDs, three lines written as one, and a receipt with a third id');
  process.exit(0);
});
JS
timeout 120 node run.mjs
