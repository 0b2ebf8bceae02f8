#!/bin/bash
# npm tr46 4.1.1 and 5.0.0 (the IDNA step of whatwg-url and jsdom); PyPI idna 3.4 and 3.20; the codec "idna" of Python 3.11.
#
# Expected: which domain a name means is settled since IDNA 2008: libraries that know the sharp s agree on it.
# Really: a name with the CAPITAL sharp s (U+1E9E; what modern fonts, forms and spreadsheets write for it in capitals)
# changed its owner between releases of the same libraries. Up to Unicode 15.0 it was mapped to ss: strasse. Since 15.1 it is
# mapped to the small sharp s: xn--strae-oqa, another registrable domain. The name in small letters is xn--strae-oqa in
# all of them, so for the older ones (Debian 12 has idna 3.3) capitals and small letters are two domains; Python's own
# codec says strasse to both.
# Why a sender cares: form, link checker, unsubscribe page and mailer hold different releases. One checks the MX of one
# domain, another delivers to the other; an entry of the suppression list made by one does not match for the other.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund t4@npm:tr46@4.1.1 t5@npm:tr46@5.0.0 > /dev/null
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check idna==3.20
v/bin/pip install -qq --disable-pip-version-check --target old idna==3.4
cat > see.js <<'J'
for (const name of ['t4', 't5']) {
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
v/bin/python -c 'print("codec:", *(n.encode("idna").decode() for n in ("STRA\u1e9eE.example", "stra\u00dfe.example")))' | tee -a found
diff found - <<'F' || { echo "CHANGED: another mapping"; exit 1; }
tr46 4.1.1: strasse.example xn--strae-oqa.example
tr46 5.0.0: xn--strae-oqa.example xn--strae-oqa.example
idna 3.4: strasse.example xn--strae-oqa.example
idna 3.20: xn--strae-oqa.example xn--strae-oqa.example
codec: strasse.example strasse.example
F
echo "SEEN: the capital sharp s is strasse in older releases, xn--strae-oqa in newer ones of the same libraries"
