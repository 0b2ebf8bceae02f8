#!/bin/bash
# PyPI ssf 0.2.2 (the Python port of SheetJS's number formats) with Babel 2.13.1 and 2.17.0; Python 3.11.
#
# Expected: dd.mm.yyyy shows 29 November 2026, 10:05 as 29.11.2026; the package works with the Babel that pip takes for it.
# Really: the dot is taken for that of seconds, so mm becomes the minutes: 29.05.2026, a good date of another month, and for a
# date without a time 29.00.2026. With slashes (dd/mm/yyyy) the month is right. The package asks for any Babel, but with 2.17
# its class cannot even be made: KeyError 'decimal'.
# Why a sender cares: a list whose cells are shown as people see them is what a mail merge wants. "Your appointment on
# 29.05.2026" is no error that anybody notices, and it is half a year early.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check ssf==0.2.2 Babel==2.13.1 setuptools==80.9.0
cat > see.py <<'P'
import sys, warnings
warnings.simplefilter("ignore")
from ssf import SSF
show = SSF(locale="en-US").format
noon, day = 46355 + 605 / 1440, 46355  # 29 November 2026, 10:05, and the day alone
seen = [show("dd.mm.yyyy", noon), show("dd.mm.yyyy", day), show("dd/mm/yyyy", noon)]
print(seen)
sys.exit(seen != ["29.05.2026", "29.00.2026", "29/11/2026"])
P
v/bin/python see.py || { echo "CHANGED: ssf shows these dates otherwise now"; exit 1; }
v/bin/pip install -qq --disable-pip-version-check Babel==2.17.0
if v/bin/python see.py > said 2>&1; then echo "CHANGED: ssf works with Babel 2.17"; exit 1; fi
grep -q "KeyError: 'decimal'" said || { echo "CHANGED: ssf fails otherwise with Babel 2.17"; exit 1; }
echo "SEEN: ssf shows 29 November 2026, 10:05 as 29.05.2026 by dd.mm.yyyy, and does not start with Babel 2.17"
