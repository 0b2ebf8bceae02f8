#!/bin/bash
# npm nodemailer 10.6.1 (own table), libmime 5.6.4 (own table), mime-types 3.0.2 and mime-db 1.54.0; Node 20.
#
# Expected: the type of an attachment follows from the file's name, and the tables of the same ecosystem agree.
# Really: nodemailer's table is years older than mime-db. A ticket.pkpass (Apple Wallet), note.md, photo.avif and .heic, song.m4a,
# a .pages or .numbers document are all application/octet-stream; a Python file is "text/x-script.phyton",
# spelt so. libmime, by the same author, knows some of them, not the pass. And mime-db is no cure for all: a plan.mpp, Microsoft
# Project, is application/dash-patch+xml there (a type of video streaming registered the same ending), where the older tables are right.
# Why a sender cares: iOS offers "Add to Wallet" for application/vnd.apple.pkpass only; with octet-stream the ticket is
# a file that does not open. Give contentType for attachments; do not trust the name.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund nodemailer@10.6.1 libmime@5.6.4 mime-types@3.0.2 mime-db@1.54.0 > /dev/null
cat > see.js <<'J'
const nodemailer = require('nodemailer'), libmime = require('libmime'), types = require('mime-types');
(async () => {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true }), octet = 'application/octet-stream';
  const want = {
    'ticket.pkpass': [octet, octet, 'application/vnd.apple.pkpass'], 'photo.avif': [octet, 'image/avif', 'image/avif'],
    'photo.heic': [octet, 'image/heic', 'image/heic'], 'song.m4a': [octet, 'audio/mp4', 'audio/mp4'],
    'note.md': [octet, 'text/markdown', 'text/markdown'], 'script.py': ['text/x-script.phyton', 'text/x-script.phyton', false],
    'plan.mpp': ['application/vnd.ms-project', 'application/vnd.ms-project', 'application/dash-patch+xml'],
    'letter.docx': Array(3).fill('application/vnd.openxmlformats-officedocument.wordprocessingml.document'),
  };
  let same = true;
  for (const [filename, seen] of Object.entries(want)) {
    const sent = await transport.sendMail({ from: 'a@example.org', to: 'b@example.org', text: 'x', attachments: [{ filename, content: 'x' }] });
    const found = [sent.message.toString().match(/Content-Type:\s+([^;\s]+);\s+name=/)[1], libmime.detectMimeType(filename), types.lookup(filename)];
    console.log(filename.padEnd(14), found.join(' | '));
    same = same && found.join() === seen.join();
  }
  process.exit(same ? 0 : 1);
})();
J
node see.js || { echo "CHANGED: other types now"; exit 1; }
echo "SEEN: nodemailer sends a Wallet pass as octet-stream, and mime-db takes a Microsoft Project plan for streaming video"
