#!/usr/bin/env bash
# mailcheck takes living providers for slips of the keyboard: wp.pl becomes wp.nl, pm.me gmx.de, and a validator built on it says "invalid".
#
# Versions: npm mailcheck 1.1.1 (0.7 million downloads a month), @zootools/email-spell-checker 1.12.0, deep-email-validator 0.1.27;
#           PyPI pymailcheck 1.1.0. All with their own default lists of domains.
# Input: right addresses at large providers and one university: wp.pl, o2.pl, onet.pl, pm.me, proton.me, mailbox.org, abv.bg, hanmail.net,
#        gmx.net, mac.com, ox.ac.uk.
#
# Most people expect: a suggestion for gmial.com, and silence for a domain that exists and has millions of mailboxes; the libraries would differ
#   in the slips they find, not in the addresses that they doubt.
# What happens: the endings are mended one by one, and pl, me, bg are not in the list of endings. So all of Poland is moved to the
#   Netherlands (wp.nl, o2.nl, onet.nl), pm.me becomes gmx.de, ox.ac.uk becomes ox.co.uk. The newer zootools leaves Poland alone, but moves
#   gmx.net, one of the largest in Germany, to cox.net, and mac.com to mail.com; the Python port moves both gmx.net and Poland,
#   and mends pm.me to another country in each run (pm.be, pm.de, pm.se), since its lists are sets. deep-email-validator makes the doubt a
#   verdict: valid false, reason "typo", and reports the checks behind it, which it never ran, as failed, too.
# Why a sender of mail cares: a sign-up form or an import that takes the suggestion mails a stranger in another country; a list that is cleaned
#   by such a validator before a mailing loses whole countries, with a reason that looks like the subscriber's own slip. Ask the reader of
#   the form, never mend a list; and test the tool on the ten largest domains of the list first.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts mailcheck@1.1.1 @zootools/email-spell-checker@1.12.0 deep-email-validator@0.1.27 > /dev/null
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pymailcheck==1.1.0 2> /dev/null
DOMAINS="wp.pl o2.pl onet.pl pm.me proton.me mailbox.org abv.bg hanmail.net gmx.net mac.com ox.ac.uk web.de gmial.com"
cat > run.mjs <<'JS'
import assert from 'node:assert';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const mailcheck = require('mailcheck'), zootools = require('@zootools/email-spell-checker').default;
const { validate } = require('deep-email-validator');

const told = (checker, domain) => checker.run({ email: `ann@${domain}` })?.domain ?? null;
const first = {}, second = {};
for (const domain of process.argv.slice(2)) {
  first[domain] = told(mailcheck, domain);
  second[domain] = told(zootools, domain);
  console.log(domain.padEnd(12), '| mailcheck:', first[domain] ?? '-', '| zootools:', second[domain] ?? '-');
}
assert.deepStrictEqual([first['wp.pl'], first['o2.pl'], first['onet.pl']], ['wp.nl', 'o2.nl', 'onet.nl']);
assert.deepStrictEqual([first['pm.me'], first['proton.me'], first['ox.ac.uk'], first['abv.bg']], ['gmx.de', 'proton.de', 'ox.co.uk', 'abv.be']);
assert.deepStrictEqual([first['mailbox.org'], first['hanmail.net'], first['gmx.net']], ['mail.org', 'hotmail.net', null]);
assert.deepStrictEqual([second['wp.pl'], second['gmx.net'], second['mac.com']], [null, 'cox.net', 'mail.com']);
assert.deepStrictEqual([first['gmial.com'], second['gmial.com'], first['web.de']], ['gmail.com', 'gmail.com', null]); // where they are right

const options = { validateRegex: true, validateTypo: true, validateMx: false, validateDisposable: false, validateSMTP: false };
const verdict = await validate({ email: 'ann@wp.pl', ...options });
console.log('deep-email-validator of ann@wp.pl:', JSON.stringify(verdict));
assert.strictEqual(verdict.valid, false);
assert.strictEqual(verdict.reason, 'typo');
assert.deepStrictEqual([verdict.validators.mx.valid, verdict.validators.smtp.valid], [false, false]); // neither was asked
assert.strictEqual((await validate({ email: 'ann@web.de', ...options })).valid, true);
JS
node run.mjs $DOMAINS
venv/bin/python - $DOMAINS <<'PY'
import sys

from pymailcheck import suggest

told = {domain: (suggest(f"ann@{domain}") or {}).get("domain") for domain in sys.argv[1:]}
print("pymailcheck:", {domain: other for domain, other in told.items() if other})
assert told["wp.pl"] == "wp.nl" and told["pm.me"].startswith("pm.") and told["gmx.net"] == "cox.net" and told["ox.ac.uk"] == "ox.co.uk" and told["web.de"] is None
PY
echo "seen: living providers are taken for slips, each library has other victims, and a validator calls them invalid"
