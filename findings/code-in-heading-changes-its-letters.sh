#!/bin/bash
# npm html-to-text 10.0.1 (default options), Node 20.
#
# Expected: the text part says what the HTML part says; at most the layout is plainer.
# Really: everything in h1 to h6 is put in capitals, also what is no language: the code aB3x-k9 is AB3X-K9, the written-out
# link https://example.org/AbC is HTTPS://EXAMPLE.ORG/ABC (paths tell capitals apart), 5 mg is 5 MG, and 10 mW of power is
# 10 MW. Capitals of other languages are made without asking for the language: straße is STRASSE, a Turkish i has no dot.
# The href of a link in brackets is left alone, which hides it from a quick test.
# Why a sender cares: a one-time code, a coupon or a login name in large type is exactly what stands in a heading of a mail.
# People who read the text part type what they see, and are refused.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json; npm install --silent --no-audit --no-fund html-to-text@10.0.1 > /dev/null
cat > see.js <<'J'
const { convert } = require('html-to-text');
const seen = {
  '<h2>aB3x-k9</h2>': 'AB3X-K9', '<p>aB3x-k9</p>': 'aB3x-k9',
  '<h2>https://example.org/AbC</h2>': 'HTTPS://EXAMPLE.ORG/ABC',
  '<h2><a href="https://example.org/AbC">Open it</a></h2>': 'OPEN IT [https://example.org/AbC]',
  '<h3>Dose: 5 mg, power: 10 mW</h3>': 'DOSE: 5 MG, POWER: 10 MW',
  '<h1>Izmir, \u0130zmir, stra\u00dfe, istanbul</h1>': 'IZMIR, \u0130ZMIR, STRASSE, ISTANBUL',
};
let same = true;
for (const [html, text] of Object.entries(seen)) {
  console.log(`${html} -> ${convert(html)}`);
  same = same && convert(html) === text;
}
process.exit(same ? 0 : 1);
J
node see.js || { echo "CHANGED: headings are written otherwise now"; exit 1; }
echo "SEEN: codes, links and units in a heading get capital letters in the text part: aB3x-k9 is AB3X-K9"
