#!/bin/bash
# PyPI chevron 0.14.0, pystache 0.6.8, pybars3 0.9.7; npm mustache 4.2.0, handlebars 4.7.10; Python 3.11, Node 20.
#
# Expected: {{#n}}You have {{n}} open invoices.{{/n}} and lists mean the same in every engine of one small language with a spec.
# Really: with n = 0 handlebars says "You have  open invoices." (the block is shown and n inside it looks into the number),
# the four others say nothing. In a list [0, 1, 2] printed with {{#list}}<{{.}}>{{/list}} chevron leaves out the zero, and
# empty texts too: <1><2>. A null prints as None in pystache, also for a name inside a block: "Dear None". An empty object
# is true for the two of JavaScript, false for the three of Python.
# Why a sender cares: the same template file is used by the preview and by the sender. A balance of 0, a missing name, an
# empty cell are what tables of recipients are full of.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check chevron==0.14.0 pystache==0.6.8 pybars3==0.9.7
echo '{}' > package.json; npm install --silent --no-audit --no-fund mustache@4.2.0 handlebars@4.7.10 > /dev/null
cat > see.py <<'P'
import json, subprocess, sys
import chevron, pystache
from pybars import Compiler
data = {"n": 0, "list": [0, 1, 2], "words": ["x", "", "y"], "who": {"name": None}, "object": {}}
letters = ["{{#n}}You have {{n}} open.{{/n}}{{^n}}none{{/n}}", "{{#list}}<{{.}}>{{/list}}", "{{#words}}<{{.}}>{{/words}}",
           "{{#who}}Dear {{name}}{{/who}}", "{{#object}}yes{{/object}}{{^object}}no{{/object}}"]
script = ("const m=require('mustache'),h=require('handlebars'),[l,d]=JSON.parse(process.argv[1]);"
          "console.log(JSON.stringify(l.map(t=>[m.render(t,d),h.compile(t)(d)])))")
js = json.loads(subprocess.run(["node", "-e", script, json.dumps([letters, data])], capture_output=True, text=True, check=True).stdout)
found = []
for letter, (mustache, handlebars) in zip(letters, js):
    found.append([chevron.render(letter, data), pystache.render(letter, data), mustache, handlebars, str(Compiler().compile(letter)(data))])
    print(letter, dict(zip(("chevron", "pystache", "mustache", "handlebars", "pybars"), found[-1])))
sys.exit(found != [["none", "none", "none", "You have  open.", "none"], ["<1><2>"] + ["<0><1><2>"] * 4, ["<x><y>"] + ["<x><><y>"] * 4,
                   ["Dear ", "Dear None", "Dear ", "Dear ", "Dear "], ["no", "no", "yes", "yes", "no"]])
P
v/bin/python see.py 2> /dev/null || { echo "CHANGED: the engines say something else now"; exit 1; }
echo "SEEN: zero, null, an empty text and an empty object each mean another thing in one of five engines"
