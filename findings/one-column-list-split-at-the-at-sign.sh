#!/bin/bash
# PyPI clevercsv 0.8.5 (dialect detection made for messy files), Python 3.11.
#
# Expected: a file with one column has no delimiter. A detector says so, or it names a delimiter that does not occur.
# Really: for a plain list of addresses, one a line, the sign @ is found to be the delimiter. Every address is cut into two
# cells, and the header "email" keeps one: the column "email" holds local parts only, the domains have no title. It is
# the same for 2, 30 or 500 rows, with and without a header, so more data does not help. csv.Sniffer of the standard
# library raises "Could not determine delimiter" for the same file. With a second column the answer is right.
# Why a sender cares: the list of addresses that somebody pasted into a file is the simplest input there is, and a program
# that reads it with read_table or DictReader sees "ada", not "ada@example.org". A suppression list of this form
# suppresses nobody.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check clevercsv==0.8.5
cat > see.py <<'P'
import csv, sys
import clevercsv
ok = True
for rows in (2, 30, 500):
    lines = ["email"] + [f"person{i}@example{i % 7}.org" for i in range(rows)]
    open("list.csv", "w").write("\n".join(lines) + "\n")
    found = clevercsv.read_table("list.csv")
    print(f"{rows} rows:", found[:2])
    ok &= found[0] == ["email"] and found[1] == ["person0", "example0.org"]
open("list.csv", "w").write("email\nada.l@example.org\nbob@mail.example.com\ncai-d@example.net\n")
try:
    print("csv.Sniffer:", csv.Sniffer().sniff(open("list.csv").read()).delimiter)
    ok = False
except csv.Error as error:
    print("csv.Sniffer:", error)
open("list.csv", "w").write("email;name\nada@example.org;Ada Lovelace\nbob@example.org;Bob Stone\n")
two = clevercsv.read_table("list.csv")
print("two columns:", two[1])
sys.exit(not (ok and two[1] == ["ada@example.org", "Ada Lovelace"]))
P
v/bin/python see.py || { echo "CHANGED: the list is no longer split at @"; exit 1; }
echo "SEEN: clevercsv takes @ for the delimiter of a list of addresses, whatever its length"
