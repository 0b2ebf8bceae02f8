#!/bin/bash
# PyPI Jinja2 3.1.6, minijinja 3.1.0; npm nunjucks 3.2.4 ("inspired by Jinja2"); Python 3.11, Node 20.
#
# Expected: of a letter that extends a layout the blocks are taken, each once, in its place. Other text goes nowhere, and does
# so in all three engines, without an error.
# Really: in Jinja2 an include behind the blocks, a {% call %}, and a block inside of {% with %} or {% for %} are written before the
# layout, above <!doctype html>; such a block stands in its place as well, so the sum of an invoice is there twice. {% if %} around a
# block does nothing of the kind. In minijinja and nunjucks the include goes nowhere, and the block stands in its place alone.
# Why a sender cares: the footer with the unsubscribe link stands at the top of the letter with one engine, and is lost with the
# others, and no engine says a word. Let every include, {% with %} and {% for %} stand inside of a block.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check Jinja2==3.1.6 minijinja==3.1.0
echo '{}' > package.json; npm install --silent --no-audit --no-fund nunjucks@3.2.4 > /dev/null
cat > files.json <<'J'
{"layout": "<!doctype html><p>{% block sum %}{% endblock %}</p>", "footer": "Unsubscribe",
 "text": "{% extends 'layout' %}{% block sum %}5 EUR{% endblock %} P.S.",
 "include": "{% extends 'layout' %}{% block sum %}5 EUR{% endblock %}{% include 'footer' %}",
 "for": "{% extends 'layout' %}{% for n in [1, 2] %}{% block sum %}5 EUR{% endblock %}{% endfor %}",
 "if": "{% extends 'layout' %}{% if 1 %}{% block sum %}5 EUR{% endblock %}{% endif %}"}
J
cat > see.py <<'P'
import json, sys
import jinja2, minijinja
files = json.load(open("files.json"))
jinja = jinja2.Environment(loader=jinja2.DictLoader(files))
mini = minijinja.Environment(templates=files)
for name in ("text", "include", "for", "if"):
    print(name, jinja.get_template(name).render() if sys.argv[1] == "jinja" else mini.render_template(name))
P
cat > see.js <<'J'
const nunjucks = require("nunjucks"), files = JSON.parse(require("fs").readFileSync("files.json", "utf8"));
const environment = new nunjucks.Environment({getSource: name => ({src: files[name], path: name, noCache: true})});
for (const name of ["text", "include", "for", "if"]) console.log(name, environment.render(name));
J
v/bin/python see.py jinja | tee jinja.txt
v/bin/python see.py mini > mini.txt
node see.js | tee nunjucks.txt
diff jinja.txt - <<'F' && diff mini.txt - <<'G' && diff nunjucks.txt mini.txt || { echo "CHANGED: the letters are others now"; exit 1; }
text <!doctype html><p>5 EUR</p>
include Unsubscribe<!doctype html><p>5 EUR</p>
for 5 EUR5 EUR<!doctype html><p>5 EUR</p>
if <!doctype html><p>5 EUR</p>
F
text <!doctype html><p>5 EUR</p>
include <!doctype html><p>5 EUR</p>
for <!doctype html><p>5 EUR</p>
if <!doctype html><p>5 EUR</p>
G
echo "seen: Jinja2 writes an include and a block in a loop above the layout; minijinja and nunjucks do not"
