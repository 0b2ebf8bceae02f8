#!/bin/bash
# PyPI Babel 2.19.0 beside 2.18.0, Python 3.11.
#
# Expected: a new release of Babel brings new locale data; at most the character between thousands changes.
# Really, in 2.19.0: Switzerland's separator became the plain apostrophe, which is also the quotation mark of number
# patterns. The writer removes pairs of them from the finished number: with two of them, both are gone. CHF 123'456.00 is
# right, one million and above is CHF 1234567.00, and a thousand million is 1234567'890. All of de, fr, it, rm and en of
# Switzerland, and Liechtenstein. 2.18.0 wrote CHF 1’234’567.00, with the typographic apostrophe, which quotes nothing.
# Why a sender cares: test letters have sums of some hundreds. The statements with large sums are those that come out
# unreadable or, with one apostrophe after seven digits, look like a forgery or another sum. Readers of the mail notice.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
for release in 2.18.0 2.19.0; do
  python3 -m venv "v$release"
  "v$release/bin/pip" install -qq --disable-pip-version-check "babel==$release"
done
cat > see.py <<'P'
import sys
from babel.numbers import format_currency, format_decimal
sums = [format_currency(value, "CHF", locale="de_CH") for value in (1234, 123456, 1234567, 1234567890)]
print(sys.argv[1], [ascii(text) for text in sums], ascii(format_decimal(1234567, locale="fr_CH")))
new = ["CHF 1'234.00", "CHF 123'456.00", "CHF 1234567.00", "CHF 1234567'890.00"]
old = ["CHF 1\u2019234.00", "CHF 123\u2019456.00", "CHF 1\u2019234\u2019567.00", "CHF 1\u2019234\u2019567\u2019890.00"]
sums = [text.replace("\xa0", " ") for text in sums]
sys.exit(sums != (new if sys.argv[1] == "2.19.0" else old))
P
v2.18.0/bin/python see.py 2.18.0 && v2.19.0/bin/python see.py 2.19.0 || { echo "CHANGED: Swiss sums are written otherwise now"; exit 1; }
echo "SEEN: Babel 2.19.0 writes 123'456 but 1234567 and 1234567'890: pairs of apostrophes are taken for quotation marks"
