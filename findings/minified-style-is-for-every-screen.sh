#!/bin/bash
# PyPI minify-html 0.18.1 (with minify_css=True), cssutils 2.15.0 as an older reader of CSS; Python 3.11.
#
# Expected: a minifier writes the same in fewer characters. @media (max-width:600px) is as short as it gets.
# Really: it is rewritten in the newer language of CSS: @media (width<=600px); rgba(0,0,0,.5) becomes #00000080, four
# offsets become inset:0. Browsers read that (WebKit since 2023). A reader that knows only min-width and max-width drops the
# rule, or worse: cssutils, which premailer is built on, takes the condition for "all", and the rules for phones hold on
# every screen. Comments for Outlook are dropped too, and so is the blank between two bold words in a div (not in a
# paragraph): Total <b>19.90</b> <b>EUR</b> is read as 19.90EUR.
# Why a sender cares: the letter is right in a browser's preview; in the mail the narrow layout is lost, or is
# everybody's, depending on the program that comes next. Style sheets of mails are read by programs of many ages.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check minify-html==0.18.1 cssutils==2.15.0
cat > see.py <<'P'
import logging, sys
import cssutils, minify_html
cssutils.log.setLevel(logging.CRITICAL)
css = "@media (max-width:600px){.m{width:100%!important}}.a{background:rgba(0,0,0,.5);color:#fff}"
style = minify_html.minify(f"<style>{css}</style>", minify_css=True)[7:-8]
print(style)
def conditions(text):
    return [rule.media.mediaText for rule in cssutils.parseString(text) if rule.type == rule.MEDIA_RULE]
before, after = conditions(css), conditions(style)
print("cssutils reads the condition", before, "before,", after, "after")
div = minify_html.minify("<div>Total <b>19.90</b> <b>EUR</b></div>")
cell = minify_html.minify("<p>Total <b>19.90</b> <b>EUR</b></p>")
outlook = minify_html.minify("<div><!--[if mso]><table><tr><td><![endif]-->Hi<!--[if mso]></td></tr></table><![endif]--></div>")
print(div, "|", cell, "|", outlook)
sys.exit(not (before == ["(max-width: 600px)"] and after == ["all"] and "@media (width<=600px)" in style and "#00000080" in style
              and "</b><b>" in div and "</b> <b>" in cell and outlook == "<div>Hi</div>"))
P
v/bin/python see.py || { echo "CHANGED: the page is minified otherwise now"; exit 1; }
echo "SEEN: max-width becomes range syntax, which an older reader takes for all screens; 19.90 EUR becomes 19.90EUR"
