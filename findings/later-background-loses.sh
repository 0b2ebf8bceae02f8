#!/bin/bash
# PyPI css-inline 0.24.0, premailer 3.10.0, pynliner 0.8.0; npm juice 11.1.1; Python 3.11, Node 20.
#
# Expected: an inliner writes the rules into style="" so that what won in the style sheet wins there too.
# Really: (1) p{background:blue} p{background-color:red} p{background:green}: the last rule wins, the ground is green.
# css-inline and premailer put the new value of "background" at the place of the first one, in front of background-color: the
# letter is red, and premailer adds bgcolor="red". (2) A pair for old and new programs, background:#fff and then
# background:linear-gradient(...): three of the four keep the last only; Outlook, which knows no gradients, has no ground at all
# (white text on white). juice keeps both pairs right.
# Why a sender cares: brand sheet, then campaign sheet, then the exception for this letter is the usual order. The template
# is right in every browser, and wrong in the mail alone.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check css-inline==0.24.0 premailer==3.10.0 pynliner==0.8.0
echo '{}' > package.json; npm install --silent --no-audit --no-fund juice@11.1.1 > /dev/null
cat > see.py <<'P'
import logging, re, subprocess, sys, warnings
import css_inline, premailer, pynliner
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
def juice(page):
    return subprocess.run(["node", "-e", "console.log(require('juice')(process.argv[1]))", page], capture_output=True, text=True, check=True).stdout
inliners = {"css-inline": css_inline.inline, "premailer": premailer.transform, "pynliner": pynliner.fromString, "juice": juice}
def style(inliner, css):
    page = f"<!DOCTYPE html><html><head><style>{css}</style></head><body><p>x</p></body></html>"
    return re.search(r"<p style=\"([^\"]*)\"( bgcolor=\"\w+\")?", inliner(page)).expand(r"\1\2")
winner, pair = {}, {}
for name, inliner in inliners.items():
    order = style(inliner, "p{background:blue} p{background-color:red} p{background:green}")
    both = style(inliner, "p{background:#fff;background:linear-gradient(red,blue)}")
    winner[name] = "red" if order.rindex("red") > order.rindex("green") else "green"
    pair[name] = "#fff" in both and "gradient" in both
    print(f"{name:10} {order!r}: {winner[name]}; fallback kept: {pair[name]}")
sys.exit(winner != {"css-inline": "red", "premailer": "red", "pynliner": "green", "juice": "green"} or [n for n in pair if pair[n]] != ["juice"])
P
v/bin/python see.py || { echo "CHANGED: the rules are inlined otherwise now"; exit 1; }
echo "SEEN: two inliners make the green ground red, and three drop the plain colour that stood before a gradient"
