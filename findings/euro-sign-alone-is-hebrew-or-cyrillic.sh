#!/bin/bash
# PyPI chardet 7.7.0, charset-normalizer 3.5.3, faust-cchardet 3.2.0, Python 3.11.
#
# Expected: a detector is unsure about a file with few letters beyond ASCII, but the euro sign of Windows-1252 is the
# commonest of them; and more rows make the answer better.
# Really: for a list of English names and sums with a euro sign (Excel's "CSV", cp1252) two of three detectors are wrong at
# once: chardet says cp862, a Hebrew letter; cchardet says UTF-8, which cannot even decode the file; charset-normalizer says
# cp1250 for two rows, which is right by luck (the same euro sign), and with the same two rows twenty times cp1125, a Cyrillic letter: more
# data makes it worse. Names of Spain are read with the n of Poland (Muńoz) by two, Swedish ones as HP's roman8 by one.
# Why a sender cares: "guess the encoding" is a feature of many importers. No name test shows it, since the names are ASCII, and
# the invoice says 49,90 and a Hebrew letter.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check chardet==7.7.0 charset-normalizer==3.5.3 faust-cchardet==3.2.0
cat > see.py <<'P'
import sys
import cchardet, chardet, charset_normalizer
def detect(rows, times=1):
    data = ("email;name;city\r\n" + "".join(f"p{i}@example.org;{row};Town\r\n" for i, row in enumerate(rows * times))).encode("cp1252")
    best = charset_normalizer.from_bytes(data).best()
    names = chardet.detect(data)["encoding"], best.encoding, cchardet.detect(data)["encoding"]
    print(f"{rows[0]!a} x {times}:", *(f"{name} {data.decode(name, 'replace').splitlines()[1].split(';')[1]!a}" for name in names))
    return names
euro = ["Ada Lovelace 49,90 \u20ac", "Bob Stone 5,00 \u20ac"]
spain = ["Jos\u00e9 Mu\u00f1oz", "\u00cd\u00f1igo P\u00e9rez", "Bego\u00f1a N\u00fa\u00f1ez"]
sweden = ["\u00c5sa Sj\u00f6berg", "G\u00f6ran \u00c5kesson"]
found = [detect(euro), detect(euro, 20), detect(spain), detect(sweden)]
sys.exit(found != [("cp862", "cp1250", "UTF-8"), ("cp862", "cp1125", "UTF-8"), ("Windows-1250", "cp1250", "ISO-8859-1"),
                   ("Windows-1252", "hp_roman8", "ISO-8859-1")])
P
v/bin/python see.py || { echo "CHANGED: other charsets are detected now"; exit 1; }
echo "SEEN: the euro sign of a Windows list is Hebrew, Cyrillic or undecodable for three detectors, and twenty times the rows make it worse"
