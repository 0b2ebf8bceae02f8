#!/bin/bash
# PyPI Babel 2.18.0 and 2.19.0, Python 3.11.
#
# Expected: how many decimals a sum has is settled by its currency (ISO 4217: two for HUF, COP and IDR), not by the
# release of a library.
# Really: with the locale data of 2.19.0 forint, Colombian peso and rupiah have none, and the dinar (RSD) has two where it had
# none. The same call rounds what it printed exactly before, and to even: items of 2.50 and 3.50 HUF, sum 6.00, are now "2 Ft",
# "4 Ft", "6 Ft", and 1234.50 is "1234 Ft". currency_digits=False with a format of one's own keeps the decimals.
# Why a sender cares: an invoice by mail states other sums than the PDF made before the update, and lines that do not add up. A test
# in euro or dollar does not notice. (ISO 4217 itself is unchanged: it still says two.)
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
for release in 2.18.0 2.19.0; do
  python3 -m venv "v$release"
  "v$release/bin/pip" install -qq --disable-pip-version-check "babel==$release"
done
cat > see.py <<'P'
import sys
from decimal import Decimal
from babel.numbers import format_currency
release = sys.argv[1]
def written(sum_, currency, locale, **options):
    return format_currency(Decimal(sum_), currency, locale=locale, **options).replace("\xa0", " ")
found = [written(s, "HUF", "hu") for s in ("2.50", "3.50", "6.00", "1234.50")]
found += [written("1234.50", "COP", "es_CO"), written("1234.50", "IDR", "id"), written("1234.50", "RSD", "sr_Latn"), written("1234.50", "EUR", "de")]
print(release, [ascii(text) for text in found])
old = ["2,50 Ft", "3,50 Ft", "6,00 Ft", "1 234,50 Ft", "$1.234,50", "Rp1.234,50", "1.234 RSD", "1.234,50 \u20ac"]
new = ["2 Ft", "4 Ft", "6 Ft", "1 234 Ft", "$1.234", "Rp1.234", "1.234,50 RSD", "1.234,50 \u20ac"]
own = written("1234.50", "HUF", "hu", format="#,##0.00 \u00a4", currency_digits=False)
sys.exit(found != (old if release == "2.18.0" else new) or own != "1 234,50 Ft")
P
v2.18.0/bin/python see.py 2.18.0 && v2.19.0/bin/python see.py 2.19.0 || { echo "CHANGED: these currencies have other decimals now"; exit 1; }
echo "SEEN: 1 234,50 Ft of Babel 2.18.0 is 1 234 Ft in 2.19.0, and 2,50 and 3,50 become 2 and 4"
