#!/usr/bin/env bash
# A unit behind the number in a format costs the unit, adds a decimal for each of its letters, and makes "5th" of "0 points": numeral, and its heirs
#   numbro and numerable in other ways.
#
# Versions: npm numeral 2.0.6 (seven million downloads a month), numbro 2.5.0 and numerable 0.3.15, which took over its formats; Node 20.
# Input: formats with a unit or a currency, as people write them for a sheet: "0,0.00 €", "0,0.00 EUR", "0.00 kr", "€0,0.00", "0 points",
#        "0 books", "0 hours", "0 days"; "$0,0.00" and "0,0" are the manuals' own. All run with the defaults, in English.
#
# Most people expect: what is no 0, comma or point of the format is printed as it stands, as in a sheet; or it is an error.
# What happens:
#                  numeral         numbro     numerable
#   0,0.00 €       1,234.5000      1,234.50   1,234.50 €     The sign is gone, and " €" counts as two more decimals in numeral; in
#   0,0.00 EUR     1,234.500000    1,234.50   1,234.50 EUR   EUR it is four. 1234.5678 is then 1,234.5678 and 1,234.567800.
#   0 points       5th             5 th       5 pthints      o is the ordinal, b the bytes, a is thousands or millions, wherever they stand:
#   0 books        5 B             5 B        5 bthoks       numerable puts what they stand for into the middle of the word.
#   0 hours        5th             5 th       5 hthurs
#   0 days         5               5 B        5 dys
#   "$0,0.00" is right in the two elder ones, and "€0,0.00" has no sign there; numerable keeps the euro, and drops the dollar.
# Why a sender of mail cares: these formats stand in templates ({{number price "0,0.00 €"}} and the like), and 19.9 becomes 19.9000 without a currency,
#   or "you have 5th", with no error; a template tried in dollars is right. Give the library digits only, and write the unit behind it.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts numeral@2.0.6 numbro@2.5.0 numerable@0.3.15 > /dev/null
cat > see.js <<'JS'
const assert = require('assert'), numeral = require('numeral'), numbro = require('numbro'), numerable = require('numerable');
const expected = [
  [1234.5, '$0,0.00', '$1,234.50', '$1,234.50', '1,234.50'],
  [1234.5, '0,0.00 €', '1,234.5000', '1,234.50', '1,234.50 €'],
  [1234.5, '0,0.00 EUR', '1,234.500000', '1,234.50', '1,234.50 EUR'],
  [1234.5678, '0,0.00 EUR', '1,234.567800', '1,234.57', '1,234.57 EUR'],
  [12.5, '0.00 kr', '12.50000', '12.50', '12.50 kr'],
  [1234.5, '€0,0.00', '1,234.50', '1,234.50', '€1,234.50'],
  [5, '0 points', '5th', '5 th', '5 pthints'],
  [5, '0 books', '5 B', '5 B', '5 bthoks'],
  [5, '0 hours', '5th', '5 th', '5 hthurs'],
  [5, '0 days', '5', '5 B', '5 dys'],
];
const seen = expected.map(([value, format]) => [
  value, format, numeral(value).format(format), numbro(value).format(format), numerable.format(value, format),
]);
for (const [value, format, ...made] of seen) console.log(`${format.padEnd(12)} ${String(value).padEnd(10)}${made.map(one => one.padEnd(16)).join('')}`);
assert.deepEqual(seen, expected);
JS
node see.js || { echo "CHANGED: words in the format of a number are treated otherwise now"; exit 1; }
echo "SEEN: a currency behind the number becomes decimals, and five points are the fifth"
