#!/usr/bin/env bash
# The whole number 100 is "one euro" in English, German and 35 more languages of num2words and "one hundred" in eight; 100.0 is a hundred in all.
#
# Versions: PyPI num2words 0.5.14, Python 3.11, called as its manual shows: num2words(sum, to="currency", lang=..., currency=...).
# Input: the sum one hundred as 100, 100.0, Decimal("100") and "100"; twelve and five hundredths, twelve and a half, and a credit of two and a half,
#        as floats; 0.29. Each language with its own currency or, where it has one, the euro.
#
# Most people expect: a sum is a sum. 100 == 100.0 == Decimal(100), and which language spells it out changes the words only.
# What happens:
#   a whole number (int)  counts cents: un euro, ein Euro, one euro; but Arabic, Bengali, Indonesian, Japanese, Korean, Persian, Thai and Turkish
#                         read it as a hundred. Yen and won have no cents, which explains two of the eight.
#   Bengali               says the same for 12.05 and 12.50 ("fifty paisa"), and for a debt and a credit of 2.5.
#   Turkish               says "bedelsiz", free of charge, for every sum below one lira.
#   Italian               raises AttributeError for a credit, where others say minus; sv, da and some more for every call with a currency.
# Why a sender of mail cares: a column of a table has ints until one row has cents; read_excel() and JSON give 100 for one list and 100.0 for the
#   next, and the letter to this list says "one euro" in words beside "100.00 EUR" in digits, where the words count in law. In Bengali 45 paisa are
#   given away. Make a Decimal of each sum, and read the words aloud in every language that is mailed.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib num2words==0.5.14 2> /dev/null
cat > see.py <<'PY'
from decimal import Decimal

from num2words import CONVERTER_CLASSES, num2words


def said(language, amount):
    forms = getattr(CONVERTER_CLASSES[language], "CURRENCY_FORMS", {})
    currency = {"currency": next(one for one in ("EUR", *forms) if one in forms)} if forms else {}
    try:
        return num2words(amount, lang=language, to="currency", **currency)
    except (ArithmeticError, AttributeError, IndexError, NotImplementedError, TypeError, ValueError) as error:
        return type(error)


cents, whole, silent = [], [], []
for language in sorted(CONVERTER_CLASSES):
    hundred, one = said(language, Decimal(100)), said(language, Decimal(1))
    if isinstance(hundred, type):
        silent.append(language)
        continue
    assert said(language, 100.0) in (hundred, "seratus koma nol rupiah")
    {one: cents, hundred: whole}[said(language, 100)].append(language)
print(f"100 is one: {len(cents)} {' '.join(cents)}")
print(f"100 is a hundred: {len(whole)} {' '.join(whole)}")
print(f"no answer: {' '.join(silent)}")
print({(language, amount): said(language, amount) for language in ("en", "bn", "tr") for amount in (12.05, 12.5, -2.5, 0.29)})
assert whole == ["ar", "bn", "fa", "id", "ja", "ko", "th", "tr"]
assert len(cents) == 37 and {"en", "de", "fr", "es", "it", "pl", "no"} <= {*cents}
assert said("en", 100) == "one euro, zero cents" and said("en", "100") == "one hundred euro, zero cents"
assert said("bn", 12.05) == said("bn", 12.5) != said("bn", 12.06) and said("bn", -2.5) == said("bn", 2.5)
assert {said("tr", amount) for amount in (0.01, 0.29, 0.99)} == {"bedelsiz"} != {said("tr", 1.29)}
assert said("it", -2.5) is AttributeError and said("sv", 12.5) is TypeError
PY
PYTHONPATH=lib python3 see.py || { echo "CHANGED: sums are spelt out otherwise now"; exit 1; }
echo "SEEN: 100 is one euro or a hundred by the language, five paisa are fifty, and 29 kurus are free"
