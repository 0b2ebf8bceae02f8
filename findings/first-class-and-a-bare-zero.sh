#!/usr/bin/env bash
# Two compilers of MJML: of two classes the last counts in one, the first in the other; and 0 is another length than 0px.
#
# Versions: PyPI mrml 0.2.4 (MRML, in Rust) and mjml 0.12.0 (in Python), npm mjml 5.4.1; Python 3.11, Node.
# Input: a valid letter. Its texts have mj-class="a b" and mj-class="b a", both classes with a colour; three pictures have no width, and
#   padding="0px 25px", padding="0 25px" and padding="10px 0 10px 50px".
#
# Most people expect: what is right with mjml is right with another compiler of the same language, and 0 is 0px.
# What happens: with npm's mjml and the one in Python, "a b" has the colour of b, and all three pictures are 550 pixels wide. With MRML, "a b"
#   has the colour of a, and the pictures with a bare 0 among their paddings are 600 pixels wide in a box of 550; the padding
#   around them is written as it should be. No error, no warning.
# Why a sender of mail cares: a template moved to MRML, which is chosen because it is 50 times as fast, has other colours and sizes, and
#   Outlook, which obeys the width of a picture, draws it over the edge. Write 0px, and one class for each attribute.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
for one in mrml==0.2.4 mjml==0.12.0; do
  python3 -m venv "${one%%=*}"
  "${one%%=*}"/bin/pip install -qq --disable-pip-version-check "$one" 2>/dev/null
done
npm install --silent --no-fund --no-audit mjml@5.4.1 >/dev/null 2>&1
cat > letter.mjml <<'M'
<mjml><mj-head><mj-attributes>
<mj-class name="a" color="#aa0000" font-size="20px" /><mj-class name="b" color="#0000bb" />
</mj-attributes></mj-head><mj-body><mj-section><mj-column>
<mj-text mj-class="a b">One</mj-text>
<mj-text mj-class="b a">Two</mj-text>
<mj-image src="https://example.com/1.png" alt="" padding="0px 25px" />
<mj-image src="https://example.com/2.png" alt="" padding="0 25px" />
<mj-image src="https://example.com/3.png" alt="" padding="10px 0 10px 50px" />
</mj-column></mj-section></mj-body></mjml>
M
mrml/bin/python -c 'import mrml; print(mrml.to_html(open("letter.mjml").read()).content)' > mrml.html
mjml/bin/python -c 'from mjml import mjml_to_html; print(mjml_to_html(open("letter.mjml", "rb")).html)' > python.html
node -e '(async () => { const m = require("mjml"); const made = await (m.default || m)(require("fs").readFileSync("letter.mjml", "utf8"), {validationLevel: "strict"}); console.log(made.html); })()' > npm.html
cat > see.py <<'P'
import re
from html.parser import HTMLParser


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.colours, self.widths, self.style = {}, [], ""

    def handle_starttag(self, tag, attrs):
        self.style = dict(attrs).get("style") or ""
        if tag == "img":
            self.widths.append(dict(attrs)["width"])

    def handle_data(self, data):
        if data.strip() in ("One", "Two"):
            self.colours[data.strip()] = re.search(r"color:\s*(#\w+)", self.style)[1]


def seen(name):
    reader = Seen()
    reader.feed(open(f"{name}.html", encoding="utf-8").read())
    print(name, reader.colours, reader.widths)
    return reader.colours, reader.widths


last = ({"One": "#0000bb", "Two": "#aa0000"}, ["550", "550", "550"])
assert seen("npm") == last
assert seen("python") == last
assert seen("mrml") == ({"One": "#aa0000", "Two": "#0000bb"}, ["550", "600", "600"])
P
python3 see.py || { echo "CHANGED: classes or paddings are taken otherwise now"; exit 1; }
echo "SEEN: in MRML the first of two classes counts, and a bare 0 among paddings makes a picture too wide; not in npm's mjml"
