#!/bin/bash
# npm caniemail 2.0.2, its file dist/data/caniemail.json alone (www.caniemail.com as of 2026-05-13); Node 20, Python 3.
#
# Expected: a JSON file gives the same table in every language; where tests stand in the order of time, the last one is the newest.
# Really: an object of JSON keeps the order of its members in Python, Ruby and PHP. JavaScript puts members
# that look like whole numbers first ("16" before "12.4", ECMA-262 OrdinaryOwnPropertyKeys): of {"12.4": "n", "16": "y"} the last is
# "12.4". Program versions are such keys, as soon as one of them has no dot. In this file the order of 21 programs
# changes on the way through JSON.parse, and 12 last tests say the opposite: :focus in Apple Mail on Mac, logical margins and paddings
# on iPhone, the thickness of an underline in Samsung Email.
# Why a sender cares: whoever reads the newest test as the last one (the site writes them so) tells authors that Apple Mail lacks what it
# has had for years, in JavaScript only; a copy that went through JSON.stringify is wrong for everybody.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund caniemail@2.0.2 > /dev/null
cp node_modules/caniemail/dist/data/caniemail.json data.json
cat > last.js <<'J'
const data = JSON.parse(require('fs').readFileSync('data.json', 'utf8')).data, found = {};
for (const { slug, stats } of data) for (const [family, programs] of Object.entries(stats))
  for (const [program, tests] of Object.entries(programs))
    found[`${slug} ${family} ${program}`] = [Object.keys(tests).join(' '), tests[Object.keys(tests).at(-1)]];
console.log(JSON.stringify(found));
J
node last.js > javascript.json
cat > see.py <<'P'
import json, sys
javascript = json.load(open("javascript.json"))
moved, other = 0, []
for one in json.load(open("data.json"))["data"]:
    for family, programs in one["stats"].items():
        for program, tests in programs.items():
            name = f"{one['slug']} {family} {program}"
            order, last = javascript[name]
            moved += order != " ".join(tests)
            newest = list(tests.values())[-1]
            if last[0] != newest[0]:
                other.append(name)
                print(f"{name}: {json.dumps(tests)}: Python {newest}, JavaScript {last}")
print(moved, "orders changed,", len(other), "last tests say something else")
sys.exit(not (moved == 21 and len(other) == 12 and "css-pseudo-class-focus apple-mail macos" in other))
P
python3 see.py || { echo "CHANGED: the orders are the same now"; exit 1; }
echo "SEEN: in JavaScript the last test of Apple Mail is one of years ago, in Python it is the newest"
