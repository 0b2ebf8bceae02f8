#!/usr/bin/env bash
# mailauth 4.13.3, which npm chooses on Node.js 20, makes an invalid DKIM signature when a second begins while it signs.
#
# Versions: npm mailauth 4.13.3 (needs Node.js 16), 7.1.0 (needs 22.19; its changelog says that the time is read once now); both are run here.
# Input: one ordinary message, an RSA key of 2048 bits, relaxed canonicalization, no signTime given. The clock is a Date that goes
#        on by one second each time it is asked, or that stands still.
#
# Most people expect: a signer's output verifies; a failure would be seen at the first message. And npm install NAME gives the newest version.
# What happens: the field is written twice, once to be signed and once for the output, and t= is taken from the clock both times. If the second
#   changed in between, the signed and the sent field differ. In a plain loop of 1,500 messages in 10 seconds 5 signatures were invalid
#   (one in 300). It is rounded, too, so t= is up to half a second in the future. npm prefers a version whose
#   engines fit, so older Node.js gets 4.13.3 without a word.
# Why a sender of mail cares: 0.3 % of a mailing fails DKIM, and DMARC with it where SPF is not aligned, on no pattern that a test shows.
#   Give signTime yourself, or verify what was signed.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts mailauth4@npm:mailauth@4.13.3 mailauth7@npm:mailauth@7.1.0 > /dev/null 2>&1
cat > run.cjs <<'JS'
const assert = require('assert'), { generateKeyPairSync } = require('crypto');

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
const record = 'v=DKIM1; k=rsa; p=' + pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const mail = Buffer.from('From: ada@example.com\r\nTo: ann@example.org\r\nSubject: x\r\nMessage-ID: <1@example.com>\r\n\r\nhi\r\n');
const RealDate = Date;
let asked = 0, step = 0;
class Clock extends RealDate {
  static now() { return 1788250000000 + 1000 * step * asked++; }
  constructor(...given) { given.length ? super(...given) : super(Clock.now()); }
}

const sign = async (version, ticking, signTime) => {
  const { dkimSign } = require(`mailauth${version}/lib/dkim/sign`), { dkimVerify } = require('mailauth7/lib/dkim/verify');
  step = ticking ? 1 : 0;
  globalThis.Date = Clock;
  const signed = await dkimSign(mail, {
    canonicalization: 'relaxed/relaxed', signTime, signatureData: [{ signingDomain: 'example.com', selector: 's', privateKey }],
  });
  globalThis.Date = RealDate;
  const { results } = await dkimVerify(Buffer.concat([Buffer.from(signed.signatures), mail]), { resolver: async () => [[record]] });
  return results[0].status.result;
};

(async () => {
  const seen = [await sign(4, false), await sign(4, true), await sign(4, true, new RealDate()), await sign(7, true)];
  console.log('4.13.3, clock stands:', seen[0], '| ticks:', seen[1], '| ticks, signTime given:', seen[2], '| 7.1.0, ticks:', seen[3]);
  assert.deepStrictEqual(seen, ['pass', 'fail', 'pass', 'pass']);
  console.log('seen: mailauth 4.13.3 signs invalidly when the second changes while it signs; 7.1.0 does not');
})();
JS
node run.cjs
