#!/bin/bash
# PyPI frictionless 5.21.0 (extract and describe with their defaults), Python 3.11.
#
# Expected: a table with semicolons and German sums (12,50) is read as text, or the sums as numbers.
# Really: the delimiter is found, and then the column of sums is a "geopoint": 12,50 is 12 degrees east, 50 degrees north.
# A row has a list of two numbers where the sum was, and 49,90 and 1.234,50 are places too. What decides is whether all
# sums could be degrees: at most 180 before the comma and 90 behind it. One sum of 249,00 and the whole column is text
# again, so a price list behaves one way in a cheap month and another way in a dear one.
# Why a sender cares: a template prints [12.0, 50.0] as the sum, or formats the first half: 12 instead of 12,50. No error is
# reported, since every cell of the column is a valid geopoint.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check frictionless==5.21.0
cat > see.py <<'P'
import sys
import frictionless
def read(*sums):
    with open("list.csv", "w") as table:
        table.write("email;sum\n" + "".join(f"p{i}@example.org;{s}\n" for i, s in enumerate(sums)))
    kind = frictionless.describe("list.csv").schema.fields[1].type
    cells = [row["sum"] for row in frictionless.extract("list.csv")["list"]]
    print(sums, "->", kind, [str(cell) for cell in cells])
    return kind, cells
small, thousand, dear = read("12,50", "3,75", "49,90"), read("1.234,50", "12,00"), read("12,50", "249,00")
sys.exit(not (small[0] == thousand[0] == "geopoint" and [float(x) for x in small[1][0]] == [12.0, 50.0]
              and dear == ("string", ["12,50", "249,00"])))
P
v/bin/python see.py || { echo "CHANGED: sums are read otherwise now"; exit 1; }
echo "SEEN: a column of sums with a decimal comma is read as places on Earth, until one of them is above 180"
