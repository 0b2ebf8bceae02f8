#!/bin/bash
# npm html-to-text 10.0.1, turndown 7.2.5; PyPI html2text 2025.4.15, inscriptis 2.7.6, markdownify 1.2.3. Default options, Node 20, Python 3.11.
#
# Expected: the numbers of an ordered list in the text are those that a browser shows: start, value and reversed are plain HTML.
# Really: none of the five shows all three. start=5 is kept by four and is 1 in inscriptis; value=9 is kept by inscriptis alone, the
# others count 1, 2, 3 past it; reversed (3, 2, 1) is counted upwards by all. The one that keeps value loses start.
# Why a sender cares: changed terms are announced as "clauses 5 and 9 change", with just these clauses in a list. In the text
# part clause 9 is called 2 or 6, which is another clause, and the letter may be the legal notice.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/python -m pip install -qq --disable-pip-version-check html2text==2025.4.15 inscriptis==2.7.6 markdownify==1.2.3
echo '{}' > package.json; npm install --silent --no-audit --no-fund html-to-text@10.0.1 turndown@7.2.5 > /dev/null
cat > letters.json <<'L'
["<ol start=\"5\"><li>fee</li><li value=\"9\">term</li></ol>", "<ol><li>a</li><li value=\"9\">b</li><li>c</li></ol>", "<ol reversed><li>a</li><li>b</li><li>c</li></ol>"]
L
cat > see.mjs <<'J'
import { readFileSync } from 'node:fs';
import { convert } from 'html-to-text';
import Turndown from 'turndown';
const letters = JSON.parse(readFileSync('letters.json', 'utf8'));
const numbers = text => text.match(/\d+/g).join(',');
const show = (name, made) => console.log(name + ': ' + letters.map(letter => numbers(made(letter))).join(' '));
show('html-to-text', letter => convert(letter));
show('turndown', letter => new Turndown().turndown(letter));
J
cat > see.py <<'P'
import json, re, html2text, inscriptis, markdownify
letters = json.load(open("letters.json"))
for name, made in (("html2text", html2text.html2text), ("inscriptis", inscriptis.get_text), ("markdownify", markdownify.markdownify)):
    print(f"{name}: " + " ".join(",".join(re.findall(r"\d+", made(letter))) for letter in letters))
P
echo "a browser: 5,9 1,9,10 3,2,1"
{ node see.mjs; v/bin/python see.py; } | tee seen
counted='5,6 1,2,3 1,2,3'
printf '%s\n' "html-to-text: $counted" "turndown: $counted" "html2text: $counted" "inscriptis: 1,9 1,9,10 1,2,3" "markdownify: $counted" > expected
diff expected seen || { echo "CHANGED: other numbers are written now"; exit 1; }
echo "SEEN: no text has the numbers of the list; four call clause 9 number 6, the fifth calls clause 5 number 1"
