#!/bin/bash
# npm validator 13.15.35 (normalizeEmail with its default options), Node 20.
#
# Expected: a function that "canonicalises" an address makes two spellings of one inbox equal: letters in lower case,
# Gmail's dots and +tags taken away. What comes out still belongs to the same person.
# Really: for Yahoo's domains (yahoo.com, yahoo.de, yahoo.fr, ymail.com, rocketmail.com ...) everything behind the last hyphen is taken
# for a sub-address. Yahoo lets people have a hyphen in the account's own name, so jean-luc becomes jean: another
# person. In anna-maria.schmidt the whole surname goes with it. Nothing tells that it happened; the result is valid.
# Why a sender cares: lists are cleaned with this call before they are stored. The letter, its name and its invoice go to
# a stranger who exists, and two people (anna-maria, anna-lena) become one "duplicate".
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund validator@13.15.35 > /dev/null
cat > see.js <<'J'
const { normalizeEmail } = require('validator');
const want = {
  'jean-luc@yahoo.com': 'jean@yahoo.com',
  'anna-maria.schmidt@yahoo.de': 'anna@yahoo.de',
  'anna-lena.schmidt@yahoo.de': 'anna@yahoo.de',
  'mary-ann@rocketmail.com': 'mary@rocketmail.com',
  'jean-luc@example.org': 'jean-luc@example.org',
};
let same = true;
for (const [address, seen] of Object.entries(want)) {
  const now = normalizeEmail(address);
  console.log(`${address.padEnd(28)} -> ${now}`);
  same = same && now === seen;
}
process.exit(same ? 0 : 1);
J
node see.js || { echo "CHANGED: normalizeEmail no longer does this"; exit 1; }
echo "SEEN: normalizeEmail cuts Yahoo names at the hyphen: four people become three strangers"
