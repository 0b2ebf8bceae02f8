#!/bin/bash
# PyPI mrml 0.2.4 (MRML, the MJML compiler in Rust), npm mjml 4.18.0 for the same letter; Python 3.11, Node.
#
# Expected: MJML is XML, where '"Open Sans", serif' is a good value; both compilers escape it for the HTML that they
# write, as &quot;, and what is right with one of them is right with the other.
# Really: MRML writes the value as it stands between double quotes of its own: style="font-family:"Open Sans", serif;..."
# ends behind font-family:, and the size, the colour and the line height behind it are lost with the font. npm's mjml does
# the same, in its strict mode, too. In HTML inside an mj-text, npm leaves the quotes as they are, and MRML writes them with a
# backslash, style="font-family: \"Open Sans\"", which means nothing in HTML. No error, no warning.
# Why a sender cares: font names with a blank are quoted as a habit, and such a letter is in the reader's default font, in
# black; a template that was right with npm's mjml loses its fonts with MRML.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check mrml==0.2.4
npm install --silent --no-fund --no-audit mjml@4.18.0 >/dev/null 2>&1
cat > letter.mjml <<'M'
<mjml><mj-body><mj-section><mj-column>
<mj-text font-family='"Open Sans", serif' color="#336699">Hello</mj-text>
<mj-text><i style='font-family: "Open Sans"'>Goodbye</i></mj-text>
</mj-column></mj-section></mj-body></mjml>
M
cat > see.py <<'P'
import sys
from html.parser import HTMLParser
import mrml
class Styles(HTMLParser):
    def __init__(self): super().__init__(); self.seen = {}; self.style = ""
    def handle_starttag(self, tag, attrs): self.style = dict(attrs).get("style") or ""
    def handle_data(self, data):
        if data.strip() in ("Hello", "Goodbye"): self.seen[data.strip()] = self.style
def styles(html):
    reader = Styles(); reader.feed(html); return reader.seen
out = mrml.to_html(open("letter.mjml").read())
rust, node = styles(out.content), styles(open("npm.html").read())
print("MRML:", rust, "warnings:", out.warnings)
print("npm: ", node)
sys.exit(not (rust["Hello"] == "font-family:" and rust["Goodbye"] == "font-family: \\" and out.warnings == []
              and node["Hello"] == "font-family:" and node["Goodbye"] == 'font-family: "Open Sans"'))
P
node -e 'const m = require("mjml"); require("fs").writeFileSync("npm.html", m(require("fs").readFileSync("letter.mjml", "utf8"), {validationLevel: "strict"}).html)'
v/bin/python see.py || { echo "CHANGED: quotes between quotes come out otherwise now"; exit 1; }
echo "SEEN: a double-quoted font between single quotes ends the style in MRML, and in npm's mjml; MRML breaks the HTML inside, too"
