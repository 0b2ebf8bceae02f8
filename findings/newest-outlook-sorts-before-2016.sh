#!/bin/bash
# npm caniemail 2.0.2 (with the data of www.caniemail.com as of 2026-05-13); Node 20.
#
# Expected: a checker of letters judges a mail program by the last test that its data has of the program.
# Really: the keys of the tests are years (2016), months (2019-02) and versions (16.80), and the checker takes the greatest
# as a text. Outlook for Mac was rewritten and tested again as 16.80; but "16.80" sorts before "2016" and "2019-02", so the tests
# of the new program are passed over: for 75 of 268 features the checker says something else than the last test.
# A letter with filter, clip-path, hyphens, a fixed table and an animation passes for Outlook for Mac, which shows none of them.
# In Apple Mail on iPhone "6.1" of 2012 beats "12.2": max-width, supported since iOS 10, is warned of.
# Why a sender cares: this is the table and the checker that linters of mail and CI of templates are built on. A green check
# says what a program of some years ago did. Only the order of the file itself tells which test was the last.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --no-audit --no-fund caniemail@2.0.2 > /dev/null
cat > see.js <<'J'
import { caniemail, rawData } from 'caniemail';
const feature = slug => rawData.data.find(one => one.slug === slug);
const names = (issues, client) => [...issues.get(client) ?? []].map(issue => issue.title).filter(title => !title.includes('body'));
const ask = (style, client) => {
  const { issues } = caniemail({ clients: [client], html: `<p style="${style}">Hello</p>` });
  return { errors: names(issues.errors, client), warnings: names(issues.warnings, client) };
};
const none = ['filter: blur(1px)', 'clip-path: circle(9px)', 'hyphens: auto', 'table-layout: fixed', 'animation: a 1s'];
const tested = ['css-filter', 'css-clip-path', 'css-hyphens', 'css-table-layout', 'css-animation']
  .map(slug => feature(slug).stats.outlook.macos['16.80']);
const said = none.map(style => ask(style, 'outlook.macos'));
none.forEach((style, at) => console.log(style.padEnd(22), 'tested in 16.80:', tested[at].padEnd(5), 'checker finds', JSON.stringify(said[at])));
let both = 0, passed = 0;
for (const { stats } of rawData.data) {
  const tests = stats.outlook?.macos ?? {}, keys = Object.keys(tests);
  if (!('16.80' in tests) || keys.length < 2) continue;
  both += 1;
  if (tests[keys.at(-1)][0] !== tests[keys.sort().at(-1)][0]) passed += 1;
}
const phone = ask('max-width: 600px', 'apple-mail.ios');
console.log(passed, 'of', both, 'features are judged by an older Outlook; max-width on iPhone:', JSON.stringify(phone));
process.exit(tested.every(test => test[0] === 'n') && said.every(one => !one.errors.length && !one.warnings.length)
  && passed === 75 && both === 268 && phone.warnings.join() === 'max-width' ? 0 : 1);
J
node see.js || { echo "CHANGED: the newest test counts now"; exit 1; }
echo "SEEN: a letter that Outlook for Mac cannot show passes, because 16.80 is less than 2016 as a text"
