#!/bin/bash
# PyPI html2text 2025.4.15 (default options), Python 3.11; markdownify 1.2.3 keeps all of them whole.
#
# Expected: long lines are wrapped at blanks; a URL is one word and stays whole, also if it is longer than the line.
# Really: a URL longer than 78 characters is broken behind a hyphen that has two letters before and after it, in a link
# and in plain text: hyphens of words count as places to break. A UUID token has four hyphens, and about one UUID in
# fifteen has such letters (...a4ab-cd66...): those people get a broken link, all others a whole one. A slug such as
# spring-sale breaks for everybody. Where a line begins with a year (1998.) or a dash, a backslash is put in front of it for
# Markdown's sake, which readers of plain text see.
# Why a sender cares: confirmation and unsubscribe links carry UUIDs. A click opens the first half, the page says that the token is
# unknown, and the complaint cannot be repeated with any other person's letter.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check html2text==2025.4.15 markdownify==1.2.3
cat > see.py <<'P'
import sys
import html2text, markdownify
most = "https://lists.example.org/members/confirm/autumn/123e4567-e89b-12d3-a456-426614174000"
some = "https://lists.example.org/members/confirm/autumn/123e4567-e89b-12d3-a4ab-cd6614174000"
whole = []
for url in (some, most):
    for page in (f"<p>{url}</p>", f'<p>Please <a href="{url}">confirm your address</a> today.</p>'):
        text = html2text.html2text(page)
        print(text.strip().replace("\n", "\n    "))
        whole.append((url in text, url in markdownify.markdownify(page)))
year = html2text.html2text("<p>1998. We began.</p><p>- 5 EUR off</p>")
print(year)
sys.exit(whole != [(False, True), (False, True), (True, True), (True, True)] or not year.startswith("1998\\. We began.\n\n\\- 5 EUR"))
P
v/bin/python see.py || { echo "CHANGED: links are wrapped otherwise now"; exit 1; }
echo "SEEN: html2text breaks the link of the one whose UUID has letters around a hyphen, and nobody else's"
