#!/usr/bin/env bash
# A Hindi alt text, and a style of several lines, come out of a compiler of MJML in the notation of Rust.
#
# Versions: PyPI mrml 0.2.4 and mjml-python 1.4.2 (both MRML, in Rust), npm mjml 5.4.1 for the same letter; Python 3.11, Node.
# Input: a valid letter in MJML. The alt of an mj-image is Hindi, with a no-break space; the p in an mj-text has a style over three lines.
#
# Most people expect: values of attributes are passed on. MJML is XML, whose line ends in values are blanks, and its files are UTF-8.
# What happens: the texts between tags are passed on, the values are written as Rust shows a text to programmers. A vowel sign of Hindi
#   is \u{947}, a no-break space \u{a0}, a line end \n. No error, no warning. npm's mjml passes all of it on.
# Why a sender of mail cares: readers with images off, and all who listen, get codes in the place of words in Hindi, Thai, Arabic with
#   marks, and of emoji with a variant; a browser takes \n for a part of the first property, so that the first rule of such a style is
#   lost: a white text loses its colour and is black on black. Letters in English show none of it.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check mrml==0.2.4 mjml-python==1.4.2 2>/dev/null
npm install --silent --no-fund --no-audit mjml@5.4.1 >/dev/null 2>&1
cat > letter.mjml <<'M'
<mjml><mj-body><mj-section><mj-column>
<mj-image src="https://example.com/a.png" alt="नमस्ते 10&#160;€, 10 €" />
<mj-text><p style="
  color: #336699;
  margin: 0">नमस्ते</p></mj-text>
</mj-column></mj-section></mj-body></mjml>
M
python3 - <<'P'
text = open("letter.mjml", encoding="utf-8").read()
open("letter.mjml", "w", encoding="utf-8").write(text.replace("10 €\"", "10\u00a0€\""))
P
cat > see.py <<'P'
import sys
from html.parser import HTMLParser

import mjml
import mrml


class Values(HTMLParser):
    def __init__(self):
        super().__init__()
        self.alt = self.style = self.text = ""

    def handle_starttag(self, tag, attrs):
        self.alt = self.alt or dict(attrs).get("alt", "")
        if tag == "p":
            self.style = dict(attrs).get("style", "")

    def handle_data(self, data):
        self.text += data.strip() if "स" in data else ""


def values(html):
    reader = Values()
    reader.feed(html)
    return reader.alt, reader.style, reader.text


source = open("letter.mjml", encoding="utf-8").read()
node = values(open("npm.html", encoding="utf-8").read())
out = mrml.to_html(source)
both = [values(out.content), values(mjml.mjml2html(source))]
print("npm: ", node)
print("MRML:", both, "warnings:", out.warnings)
good = "\u0928\u092e\u0938\u094d\u0924\u0947"
assert node[0] == f"{good} 10\u00a0€, 10\u00a0€" and node[2] == good
assert "\\" not in node[1] and "color: #336699" in node[1]
for alt, style, text in both:
    assert text == good
    assert alt == "\u0928\u092e\u0938\\u{94d}\u0924\\u{947} 10\u00a0€, 10\\u{a0}€"
    assert style.startswith("\\n  color: #336699;\\n  margin")
assert out.warnings == []
P
node -e '(async () => { const m = require("mjml"); const made = await (m.default || m)(require("fs").readFileSync("letter.mjml", "utf8"), {validationLevel: "strict"}); require("fs").writeFileSync("npm.html", made.html); })()'
v/bin/python see.py || { echo "CHANGED: values of attributes come out otherwise now"; exit 1; }
echo "SEEN: MRML writes Hindi vowel signs, no-break spaces and line ends in values as \\u{947}, \\u{a0} and \\n"
