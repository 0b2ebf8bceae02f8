#!/bin/bash
# PyPI Jinja2 3.1.6, minijinja 3.1.0; npm nunjucks 3.2.4 ("inspired by Jinja2"); Python 3.11, Node 20.
#
# Expected: what nunjucks does not know of Jinja it refuses (it does so for tojson, format, map: "filter not found").
# Really: the filters that choose and add have the same names there and ignore their arguments, without an error.
# invoices|selectattr("paid", "equalto", false) keeps those whose "paid" is true: the debtors' list is the list of those
# who have paid. selectattr("amount", ">", 100) keeps everybody. sum(attribute="amount") is NaN, groupby tells capitals apart
# where Jinja does not, "3" * 2 is 6 instead of 33, an empty list is true, 2.675|round(2) is 2.68 instead of 2.67. minijinja agrees with
# Jinja in all of them.
# Why a sender cares: a template that moved from a Python tool to a Node one renders and looks well; it reminds those who
# have paid, and says "you have orders" to people without one.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check Jinja2==3.1.6 minijinja==3.1.0
echo '{}' > package.json; npm install --silent --no-audit --no-fund nunjucks@3.2.4 > /dev/null
cat > letter.j2 <<'J'
unpaid: {{ invoices|selectattr("paid", "equalto", false)|join(",", "name") }}
above 100: {{ invoices|selectattr("amount", ">", 100)|join(",", "name") }}
sum: {{ invoices|sum(attribute="amount") }}
groups: {{ invoices|groupby("city")|length }}
orders: {{ "yes" if orders else "none" }}
fee: {{ 2.675|round(2) }}
twice: {{ count * 2 }}
J
cat > see.py <<'P'
import json, sys
import jinja2, minijinja
data = {"count": "3", "orders": [], "invoices": [{"name": "Ada", "paid": True, "amount": 50, "city": "Ulm"},
        {"name": "Bob", "paid": False, "amount": 150, "city": "ULM"}, {"name": "Cai", "paid": True, "amount": 10, "city": "Bonn"}]}
json.dump(data, open("data.json", "w"))
letter = open("letter.j2").read().replace('|join(",", "name")', '|map(attribute="name")|join(",")')
texts = jinja2.Template(letter).render(data), minijinja.Environment().render_str(letter, **data)
print(texts[0])
sys.exit(texts[0] != texts[1])
P
v/bin/python see.py | tee jinja.txt
node -e 'const n=require("nunjucks"),fs=require("fs");const e=new n.Environment();console.log(e.renderString(fs.readFileSync("letter.j2","utf8"),JSON.parse(fs.readFileSync("data.json","utf8"))).trimEnd())' > nunjucks.txt
cat nunjucks.txt
diff jinja.txt - <<'F' && diff nunjucks.txt - <<'G' || { echo "CHANGED: the letters are others now"; exit 1; }
unpaid: Bob
above 100: Bob
sum: 210
groups: 2
orders: none
fee: 2.67
twice: 33
F
unpaid: Ada,Cai
above 100: Ada,Bob,Cai
sum: NaN
groups: 3
orders: yes
fee: 2.68
twice: 6
G
echo "SEEN: nunjucks takes selectattr without its test: the reminder goes to those who have paid"
