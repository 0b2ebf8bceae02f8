#!/bin/bash
# PyPI inscriptis 2.7.6 (HTML to text with layout), html2text 2025.4.15 and justhtml 3.16.0 beside it; Python 3.11.
#
# Expected: the text of https://example.org/?a=1&amp;copy=2 is https://example.org/?a=1&copy=2: one decoding.
# Really: inscriptis decodes twice. What is left after the first is searched for names of characters once more, without
# asking for a semicolon: &copy=2 is a copyright sign and =2, &reg, &times, &sect, &para, &curren(cy), &not(ify), &lt go the
# same way. Correctly escaped text that shows code or a company name (AT&amp;amp;T) changes as well.
# Why a sender cares: the text part is made from the HTML part, and the link that is written out there, for people who
# cannot click, leads somewhere else: currency=EUR is gone. The HTML part is right, so no proof reader sees it.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check inscriptis==2.7.6 html2text==2025.4.15 justhtml==3.16.0
cat > see.py <<'P'
import sys
import html2text, inscriptis
from justhtml import JustHTML
urls = ["https://example.org/?a=1&copy=2", "https://example.org/?id=7&currency=EUR&region=1", "https://example.org/?x=1&lang=de"]
changed = []
for url in urls:
    page = "<p>" + url.replace("&", "&amp;") + "</p>"
    found = inscriptis.get_text(page).strip()
    others = {html2text.html2text(page).strip(), JustHTML(page).to_text().strip()}
    print(f"{url}: inscriptis {found!a}, others {others}")
    changed.append(found != url and others == {url})
sys.exit(changed != [True, True, False] or "\u00a9=2" not in inscriptis.get_text("<p>https://example.org/?a=1&amp;copy=2</p>"))
P
v/bin/python see.py || { echo "CHANGED: the text is decoded otherwise now"; exit 1; }
echo "SEEN: inscriptis decodes twice: the written-out link &copy=2 has a copyright sign, &currency= a currency sign"
