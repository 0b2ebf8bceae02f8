#!/usr/bin/env bash
# The number pictures of a German or French Word, 0,00 and #.##0,00, make 012 of 12.50 and 1,234.50000 of 1234.50 in docx-mailmerge2; a picture with a
#   form for negative sums prints that form behind every sum.
#
# Versions: PyPI docx-mailmerge2 1.0.3 (mail merge with Word's own fields), python-docx 1.2.0 to make and read the document; Python 3.11.
# Input: a document with MERGEFIELD sum in six number pictures: 0,00 and #.##0,00 as they stand in documents of a German, Dutch or Spanish Word,
#        # ##0,00 as in French ones, #,##0.00;(#,##0.00), and, as controls, 0.00 and #,##0.00; and name with \* FirstCap. The sums are floats.
#
# Most people expect: the pictures are there so that the letter looks as Word prints it. One that is not understood is an error, or leaves the
#   number as it is.
# What happens:
#   0,00                   12.5 is 012, 13.5 is 014, 0.99 is 001, 1234.5 is 1,234: the comma is that of thousands, two zeros are leading ones, and
#                          the cents are rounded away, half to even. Where a comma means cents, 1,234 is one euro and a bit.
#   #.##0,00               1234.5 is 1,234.50000
#   # ##0,00               12.5 is "12 ##0,00"
#   #,##0.00;(#,##0.00)    12.5 is 12.50;(#,##0.00), and -12.5 is -12.50;(#,##0.00)
#   \* FirstCap            O'Neill is O'neill, van Dyck & Söhne GmbH is Van dyck & söhne gmbh. Word raises the first letter and leaves the others.
#   0.00 and #,##0.00 are right. The same sums as texts ("12.5") are printed as they are, with a Python warning.
# Why a sender of mail cares: it is taken because the office keeps its own documents. Nothing fails, and "please pay 012 EUR" goes out for 12.50;
#   the document that was tried in Word is right, and so is one in English. Hand over finished texts, and take the pictures out.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib docx-mailmerge2==1.0.3 python-docx==1.2.0 2> /dev/null
cat > see.py <<'PY'
import docx
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from mailmerge import MailMerge

pictures = ['0,00', '"#.##0,00"', '"# ##0,00"', '"#,##0.00;(#,##0.00)"', "0.00", '"#,##0.00"']
document = docx.Document()
for instruction in [rf" MERGEFIELD sum \# {picture} " for picture in pictures] + [r" MERGEFIELD name \* FirstCap "]:
    field, run, text = (OxmlElement(name) for name in ("w:fldSimple", "w:r", "w:t"))
    field.set(qn("w:instr"), instruction)
    text.text = "..."
    run.append(text)
    field.append(run)
    document.add_paragraph()._p.append(field)
document.save("letter.docx")


def printed(amount, name="Ann"):
    letter = MailMerge("letter.docx")
    letter.merge(sum=amount, name=name)
    letter.write("made.docx")
    lines = [paragraph._p for paragraph in docx.Document("made.docx").paragraphs]
    made = ["".join(text.text or "" for text in line.iter(qn("w:t"))) for line in lines]
    print(f"{amount!r:7} {' | '.join(made)}")
    return made


print("sum    ", " | ".join(pictures), "| name")
assert printed(1234.5, "van Dyck & Söhne GmbH") == [
    "1,234", "1,234.50000", "1234 ##0,00", "1,234.50;(#,##0.00)", "1234.50", "1,234.50", "Van dyck & söhne gmbh"]
assert printed(12.5, "O'Neill") == ["012", "12.50000", "12 ##0,00", "12.50;(#,##0.00)", "12.50", "12.50", "O'neill"]
assert [printed(amount)[0] for amount in (13.5, 0.99)] == ["014", "001"]
assert printed(-12.5)[3] == "-12.50;(#,##0.00)"
assert printed("12.5")[:6] == ["12.5"] * 6
PY
PYTHONPATH=lib python3 -W ignore see.py || { echo "CHANGED: number pictures are understood otherwise now"; exit 1; }
echo "SEEN: 12.50 with the picture 0,00 is printed as 012, and #.##0,00 has five decimals"
