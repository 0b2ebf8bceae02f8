#!/usr/bin/env bash
# <style media="print"> and <style media="(prefers-color-scheme: dark)"> are written into the elements by three of four inliners: the print rules hide
#   the button on every screen, and the white text of the dark is white on white for everybody.
#
# Versions: PyPI css-inline 0.24.0, pynliner 0.8.0, premailer 3.10.0; npm juice 11.1.1. All options at their defaults; Python 3.11, Node 20.
# Input: a valid letter with three style elements: one for all, one with media="(prefers-color-scheme: dark)" (text white), one with media="print"
#        (the button is not shown on paper). Then the same rules in one style element, as @media blocks.
#
# Most people expect: media="..." on a style element and @media around its rules are two spellings of one thing (HTML 4.2.6), and every inliner
#   knows that what holds on paper or in the dark alone must stay in a style element.
# What happens: with @media all four leave the text black and the button visible. With the attribute, css-inline, juice and pynliner do not look
#   at it: each paragraph has style="color: white", the button has "display: none", and the style element with its condition is thrown
#   away. premailer alone keeps it. No error, no warning; keep_style_tags=True of css-inline keeps the element, and inlines its rules as well.
#   (css-inline throws @media blocks away, too, unless it is told to keep them; that costs the dark its colours, and nobody the text.)
# Why a sender of mail cares: a separate element for the dark is what design systems and examples give, since old programs skip it. The template
#   is right in each browser and preview; the letter that went through the inliner is empty paper without a button. Use @media in front of an inliner.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib css-inline==0.24.0 pynliner==0.8.0 premailer==3.10.0 2> /dev/null
npm install --silent --no-fund --no-audit --ignore-scripts juice@11.1.1 > /dev/null
python3 - <<'PY'
page = """<!DOCTYPE html>
<html><head><title>News</title>%s</head>
<body><p>Good news.</p><a href="https://example.com/">Read on</a></body></html>"""
every, dark, paper = "p{color:black}", "p{color:white}", "a{display:none}"
open("attribute.html", "w").write(page % (
    f'<style>{every}</style><style media="(prefers-color-scheme: dark)">{dark}</style><style media="print">{paper}</style>'
))
open("block.html", "w").write(page % (
    f"<style>{every} @media (prefers-color-scheme: dark){{{dark}}} @media print{{{paper}}}</style>"
))
PY
cat > see.js <<'JS'
const juice = require('juice'), fs = require('fs');
for (const name of ['attribute', 'block']) fs.writeFileSync(`${name}.juice`, juice(fs.readFileSync(`${name}.html`, 'utf8')));
JS
node see.js
cat > see.py <<'PY'
import logging
import re

import css_inline
import premailer
import pynliner

logging.disable(logging.CRITICAL)
inliners = {
    "css-inline": css_inline.inline,
    "css-inline, tags kept": css_inline.CSSInliner(keep_style_tags=True).inline,
    "pynliner": pynliner.fromString,
    "premailer": premailer.transform,
    "juice": None,
}
for form in ("attribute", "block"):
    for name, inline in inliners.items():
        made = inline(open(f"{form}.html").read()) if inline else open(f"{form}.juice").read()
        text, button = (re.search(rf'<{tag}\b[^>]*style="([^"]*)"', made) for tag in ("p", "a"))
        seen = [re.sub(r"[\s;]", "", found[1]) if found else "" for found in (text, button)]
        kept = "prefers-color-scheme" in made
        print(f"{form:9} {name:21} text: {seen[0]:11} button: {seen[1] or 'shown':12} condition kept: {kept}")
        if form == "attribute" and name != "premailer":
            assert seen == ["color:white", "display:none"] and kept == (name == "css-inline, tags kept")
        else:
            assert seen == ["color:black", ""]
PY
PYTHONPATH=lib python3 see.py || { echo "CHANGED: style elements for some media are treated otherwise now"; exit 1; }
echo "SEEN: three of four inliners write the rules for the dark and for paper into the elements, for everybody"
