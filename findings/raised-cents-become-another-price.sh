#!/bin/bash
# npm html-to-text 10.0.1, turndown 7.2.5; PyPI html2text 2025.4.15, inscriptis 2.7.6, markdownify 1.2.3. Default options, Node 20, Python 3.11.
#
# Expected: text made of HTML is plainer than it, and its numbers are the same: a raised digit is marked, or at least set apart.
# Really: all five drop <sup> and <sub> without a trace between digits: 19<sup>99</sup> EUR is 1999 EUR, 5<sup>1</sup>/<sub>2</sub> kg
# is 51/2 kg, 10<sup>6</sup> is 106. Three of them drop <s> as well: 49.90 struck out and the new 39.90 are one number,
# 49.9039.90; html2text and markdownify keep it with ~~, and do not keep the raised cents.
# Why a sender cares: raised cents and struck prices are how offers look in newsletters. The text part (what filters, watches and screen
# readers take) offers it at a hundred times the price, and nobody who proof-reads the HTML sees it.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/python -m pip install -qq --disable-pip-version-check html2text==2025.4.15 inscriptis==2.7.6 markdownify==1.2.3
echo '{}' > package.json; npm install --silent --no-audit --no-fund html-to-text@10.0.1 turndown@7.2.5 > /dev/null
cat > letters.json <<'L'
["<p>19<sup>99</sup> EUR</p>", "<p>5<sup>1</sup>/<sub>2</sub> kg</p>", "<p>10<sup>6</sup></p>", "<p><s>49.90</s>39.90</p>"]
L
cat > see.mjs <<'J'
import { readFileSync } from 'node:fs';
import { convert } from 'html-to-text';
import Turndown from 'turndown';
const letters = JSON.parse(readFileSync('letters.json', 'utf8'));
const show = (name, made) => console.log(name + ': ' + letters.map(letter => made(letter).trim()).join(' | '));
show('html-to-text', letter => convert(letter));
show('turndown', letter => new Turndown().turndown(letter));
J
cat > see.py <<'P'
import json, html2text, inscriptis, markdownify
letters = json.load(open("letters.json"))
for name, made in (("html2text", html2text.html2text), ("inscriptis", inscriptis.get_text), ("markdownify", markdownify.markdownify)):
    print(f"{name}: " + " | ".join(made(letter).strip() for letter in letters))
P
{ node see.mjs; v/bin/python see.py; } | tee seen
lost='1999 EUR | 51/2 kg | 106 | 49.9039.90'; kept='1999 EUR | 51/2 kg | 106 | ~~49.90~~'
printf '%s\n' "html-to-text: $lost" "turndown: $lost" "html2text: $kept 39.90" "inscriptis: $lost" "markdownify: ${kept}39.90" > expected
diff expected seen || { echo "CHANGED: other texts are made now"; exit 1; }
echo "SEEN: five of five make 1999 EUR of 19 EUR 99, three of five make one number of the old and the new price"
