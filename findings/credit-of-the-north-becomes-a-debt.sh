#!/usr/bin/env bash
# A credit as Intl writes it in Swedish, Norwegian, Finnish, Croatian and more is a debt to each of six readers of money; "5,- €" is minus five to two.
#
# Versions: Node 20 (Intl.NumberFormat); npm currency.js 2.0.4, numeral 2.0.6, accounting 0.4.1, accounting-js 2.0.3, parse-price 1.1.8;
#           PyPI price-parser 0.5.1, Python 3.11.
# Input: -12.50 EUR as Intl writes it in English, German, Swedish, Norwegian, Finnish, Estonian, Lithuanian, Slovenian and Croatian; the same in
#        brackets and with the minus behind it, as accounting programs write it; and the price of five as shops write it: "5,- €", "CHF 5.-".
#        Each reader is told which sign parts the decimals, where it can be told.
#
# Most people expect: what one library wrote in a locale, a library for that purpose reads; what is no sum is an error or NaN.
# What happens:
#   the minus of seven of these languages is U+2212. All six readers drop it, and read a debt of 12.50. English and German have the hyphen-minus.
#   parse-price and price-parser drop any minus, also that of English, and the brackets.
#   "12.50-" is -12.5 to numeral and accounting-js, 12.5 to accounting, and NaN to currency.js.
#   "5,- €" and "CHF 5.-": numeral and accounting-js take the dash of the round price for a minus, and read -5. currency.js says NaN, the others 5.
# Why a sender of mail cares: lists come with sums as text, as people see them. In the letter a credit note is a demand for the same sum, or who
#   owes five francs is told that he has a credit. Totals in EUR from English test data are right. Replace U+2212 in front of any reader.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib price-parser==0.5.1 2> /dev/null
npm install --silent --no-fund --no-audit --ignore-scripts currency.js@2.0.4 numeral@2.0.6 accounting@0.4.1 accounting-js@2.0.3 parse-price@1.1.8 > /dev/null
cat > read.js <<'JS'
const load = one => one.default || one;
const currency = load(require('currency.js')), numeral = require('numeral'), accounting = require('accounting');
const younger = load(require('accounting-js')), parsePrice = load(require('parse-price'));
numeral.register('locale', 'comma', { delimiters: { thousands: '.', decimal: ',' }, abbreviations: {}, ordinal: () => '', currency: { symbol: '€' } });
const credit = Object.fromEntries(['en', 'de', 'sv', 'nb', 'fi', 'et', 'lt', 'sl', 'hr'].map(
  language => [language, new Intl.NumberFormat(language, { style: 'currency', currency: 'EUR' }).format(-12.5)]));
const texts = { ...credit, brackets: '(12.50)', behind: '12.50-', shop: '5,- €', swiss: 'CHF 5.-' }, read = {};
for (const [name, text] of Object.entries(texts)) {
  const decimal = text.includes(',') ? ',' : '.', separator = decimal === ',' ? '.' : ',';
  numeral.locale(decimal === ',' ? 'comma' : 'en');
  const sums = {
    'currency.js': currency(text, { decimal, separator }).value, numeral: numeral(text).value(), accounting: accounting.unformat(text, decimal),
    'accounting-js': younger.unformat(text, decimal), 'parse-price': parsePrice(text),
  };
  read[name] = { text, sums };
}
console.log(JSON.stringify(read));
JS
node read.js > read.json
cat > see.py <<'PY'
import json

from price_parser import Price

read = json.load(open("read.json", encoding="utf-8"))
for name, one in read.items():
    amount = Price.fromstring(one["text"]).amount
    one["sums"]["price-parser"] = None if amount is None else float(amount)
    print(f"{name:9} {one['text']!a:24} {one['sums']}")
sums = {name: [*one["sums"].values()] for name, one in read.items()}
for language in ("en", "de"):
    assert "-" in read[language]["text"] and sums[language] == [-12.5, -12.5, -12.5, -12.5, 12.5, 12.5]
for language in ("sv", "nb", "fi", "et", "lt", "sl", "hr"):
    assert "\u2212" in read[language]["text"] and sums[language] == [12.5] * 6
assert sums["brackets"] == [-12.5, -12.5, -12.5, -12.5, 12.5, 12.5]
assert sums["behind"] == [None, -12.5, 12.5, -12.5, 12.5, 12.5]
assert sums["shop"] == sums["swiss"] == [None, -5, 5, -5, 5, 5]
PY
PYTHONPATH=lib python3 see.py || { echo "CHANGED: signs of sums are written or read otherwise now"; exit 1; }
echo "SEEN: the minus of seven languages is lost in all six readers of money, and a round price is negative in two"
