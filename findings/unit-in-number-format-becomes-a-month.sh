#!/bin/bash
# PyPI xlsx2csv 0.8.6; openpyxl 3.1.5 writes the workbook; Python 3.11.
#
# Expected: a number with a unit in its format (0 "days") is written as 5 or as "5 days".
# Really: letters inside the quotation marks of the format are taken for those of a date. 5 with the format 0 "days" is
# written as  0 "04ays" , 0 "hours" as  0 "12ours" , 0 "Monate" as  0 "01onate" , 0 "Std" as  0 "st04" , and the value 5
# is nowhere. The weekday format dddd gives 29, the day of the month. A format whose unit has none of the letters d, h, m, s, y
# is written as 5, so it depends on the language of the unit.
# Why a sender cares: the tool is the common way from a workbook to the table of a mail merge. "You have 0 "04ays" left."
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check xlsx2csv==0.8.6 openpyxl==3.1.5
cat > see.py <<'P'
import csv, datetime, io, subprocess, sys
import openpyxl
seen = [(5, '0 "days"', '0 "04ays"'), (5, '0 "hours"', '0 "12ours"'), (5, '0 "Monate"', '0 "01onate"'), (5, '0 "Std"', '0 "st04"'),
        (5, '0 "Kg"', "5"), (datetime.datetime(2026, 3, 29), "dddd", "29"), (datetime.datetime(2026, 3, 29), "dd.mm.yyyy", "29.03.2026")]
book = openpyxl.Workbook()
book.active.append(["email", "value"])
for i, (value, form, _) in enumerate(seen):
    book.active.append([f"p{i}@example.org", value])
    book.active.cell(i + 2, 2).number_format = form
book.save("list.xlsx")
text = subprocess.run(["v/bin/xlsx2csv", "list.xlsx"], capture_output=True, text=True, check=True).stdout
rows = list(csv.reader(io.StringIO(text)))[1:]
for (value, form, _), row in zip(seen, rows):
    print(f"{value!s:20} {form:12} -> {row[1]}")
sys.exit([row[1] for row in rows] != [written for _, _, written in seen])
P
v/bin/python see.py || { echo "CHANGED: xlsx2csv writes these cells otherwise now"; exit 1; }
echo "SEEN: xlsx2csv reads the unit \"days\" as part of a date: the cell 5 days becomes 0 \"04ays\""
