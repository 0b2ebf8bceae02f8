#!/bin/bash
# npm tr46 4.1.1, 5.0.0, 5.1.1 and 6.0.0 (the IDNA step of whatwg-url and jsdom); PyPI idna 3.10 and 3.20, email-validator 2.4.0;
# the codec "idna" of Python 3.11; Node 20.
#
# Expected: which domain a name means is settled since IDNA 2008: libraries that know the sharp s agree on it.
# Really: a name in capitals with the capital sharp s (STRA\u1e9eE, what "upper case" makes of stra\u00dfe in new spreadsheets and
# printed forms) changed owners between releases of one library. Up to Unicode 15 it was mapped to ss: strasse. Since Unicode
# 15.1/16 it is mapped to the sharp s: xn--strae-oqa, another registrable domain. The same address in small letters gives
# xn--strae-oqa in all of them (but Python's own codec), so upper and lower case are two domains in the older ones.
# Why a sender cares: form, link checker, unsubscribe page and mailer hold different releases. One of them checks the
# MX of one domain, another delivers to the other; a suppression entry made by the old one does not match.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund t4@npm:tr46@4.1.1 t50@npm:tr46@5.0.0 t51@npm:tr46@5.1.1 t6@npm:tr46@6.0.0 > /dev/null
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check idna==3.20 email-validator==2.4.0
v/bin/pip install -qq --disable-pip-version-check --target old idna==3.10
cat > see.js <<'J'
for (const name of ['t4', 't50', 't51', 't6']) {
  const options = { transitionalProcessing: false, checkBidi: true, checkHyphens: false, checkJoiners: true, useSTD3ASCIIRules: false, verifyDNSLength: false };
  const both = ['STRA\u1e9eE.example', 'stra\u00dfe.example'].map(host => require(name).toASCII(host, options));
  console.log(`tr46 ${require(name + '/package.json').version}: ${both.join(' ')}`);
}
J
node see.js | tee found
cat > see.py <<'P'
import idna
print(f"idna {idna.__version__}:", *(idna.encode(host, uts46=True).decode() for host in ("STRA\u1e9eE.example", "stra\u00dfe.example")))
P
PYTHONPATH=old v/bin/python see.py | tee -a found; v/bin/python see.py | tee -a found
v/bin/python - <<'P' | tee -a found
from email_validator import validate_email
names = ("STRA\u1e9eE.example", "stra\u00dfe.example")
print("email-validator:", *(validate_email(f"a@{n}", check_deliverability=False, test_environment=True).ascii_domain for n in names))
print("Python's codec:", *(name.encode("idna").decode() for name in names))
P
grep -qx 'tr46 4.1.1: strasse.example xn--strae-oqa.example' found && grep -qx 'tr46 6.0.0: xn--strae-oqa.example xn--strae-oqa.example' found \
  && grep -qx 'idna 3.20: xn--strae-oqa.example xn--strae-oqa.example' found || { echo "CHANGED: another mapping"; exit 1; }
echo "SEEN: the capital sharp s is strasse in older releases, xn--strae-oqa in newer ones of the same libraries"
