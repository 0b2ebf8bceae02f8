#!/bin/bash
# npm nodemailer 10.6.1 and 6.10.1, Node 20. (Not the folding of Python's email package: length plays no part here.)
#
# Expected: a header that is ASCII and fits on a line goes out as it was given. RFC 2047 words are for other characters.
# Really: any value with a quotation mark is written in encoded words, however short: X-MSYS-API: {"id":"a"}, ten
# characters, is =?UTF-8?Q?=7B=22id=22=3A=22a=22=7D?=. JSON cannot do without quotation marks, so each JSON header of a submission
# service (X-SMTPAPI, X-MSYS-API, X-Mailgun-Variables) is meant. A value without one of 71 characters is left
# alone. {prepared: true, value} leaves it alone too, but then lines of any length are not folded.
# Why a sender cares: extension headers are read as bytes by many services, whose parser finds no JSON ("JSON parsing error in
# X-MSYS-API", a 550 at the end of data) or ignores the settings: tracking on, campaign unnamed.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund new@npm:nodemailer@10.6.1 old@npm:nodemailer@6.10.1 > /dev/null
cat > see.js <<'J'
(async () => {
  const results = [];
  for (const release of ['old', 'new']) {
    const transport = require(release).createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
    const header = async value => {
      const sent = await transport.sendMail({ from: 'a@example.org', to: 'b@example.org', text: 'x', headers: { 'X-MSYS-API': value } });
      return sent.message.toString().match(/^X-MSYS-API:\s+([^]*?)\r\n(?! )/im)[1];
    };
    const json = '{"id":"a"}', plain = 'campaign-2026-11/' + 'a'.repeat(54);
    const found = [await header(json), await header(plain), await header({ prepared: true, value: json })];
    console.log(require(release + '/package.json').version, found);
    results.push(found[0] === '=?UTF-8?Q?=7B=22id=22=3A=22a=22=7D?=' && found[1] === plain && found[2] === json);
  }
  process.exit(results.every(Boolean) ? 0 : 1);
})();
J
node see.js || { echo "CHANGED: the header is written otherwise now"; exit 1; }
echo "SEEN: nodemailer encodes a header of ten ASCII characters because it holds a quotation mark"
