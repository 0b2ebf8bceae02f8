#!/bin/bash
# PyPI python-liquid 2.3.6; npm liquidjs 10.30.1; Python 3.11, Node 20 with TZ=America/New_York.
#
# Expected: a letter in Liquid, the language of Shopify and Braze, says the same in its two best known open engines.
# Really: liquidjs reads 2026-03-29 as midnight UTC and prints it in the machine's zone: 28.03.2026 on a server west of Greenwich; a
# time with its own offset (+02:00) is moved too. 1250 cents | divided_by: 100 are 12 in Python (whole numbers, as in
# Shopify) and 12.5 in liquidjs. 4.5 | round is 4 (to even) and 5. 29.03.2026 is understood by Python and printed as it
# is by liquidjs. Where they agree it is no better: the year "2026" as a date is 1969 or 1970 for both (a number of seconds).
# Why a sender cares: the preview is made in one (a web page), the letter in the other (a batch job): another day of an
# appointment, another sum. Neither says a word.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check python-liquid==2.3.6
echo '{}' > package.json; npm install --silent --no-audit --no-fund liquidjs@10.30.1 > /dev/null
cat > data.json <<'D'
{"day": "2026-03-29", "start": "2026-03-29T23:30:00+02:00", "german": "29.03.2026", "year": "2026", "cents": 1250, "half": 4.5, "price": 19.99}
D
cat > letter.liquid <<'L'
day {{ day | date: "%d.%m.%Y" }}
start {{ start | date: "%d.%m. %H:%M" }}
german {{ german | date: "%Y-%m-%d" }}
year {{ year | date: "%Y" }}
cents {{ cents | divided_by: 100 }}
half {{ half | round }}
hundred {{ price | times: 100 }}
L
export TZ=America/New_York
v/bin/python -c 'import json, liquid; print(liquid.Environment().from_string(open("letter.liquid").read()).render(**json.load(open("data.json"))), end="")' > python.txt
node -e 'const {Liquid}=require("liquidjs"),fs=require("fs");process.stdout.write(new Liquid().parseAndRenderSync(fs.readFileSync("letter.liquid","utf8"),JSON.parse(fs.readFileSync("data.json","utf8"))))' > node.txt
paste -d '|' python.txt node.txt | tee found
diff found - <<'F' || { echo "CHANGED: the letter is another one now"; exit 1; }
day 29.03.2026|day 28.03.2026
start 29.03. 23:30|start 29.03. 17:30
german 2026-03-29|german 29.03.2026
year 1969|year 1969
cents 12|cents 12.5
half 4|half 5
hundred 1999.0|hundred 1998.9999999999998
F
echo "SEEN: the same Liquid letter names another day and another sum in python-liquid and in liquidjs"
