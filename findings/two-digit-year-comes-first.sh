#!/bin/bash
# PyPI duckdb 2.0.1 (read_csv with its defaults), Python 3.11.
#
# Expected: dates in a CSV stay text, or are read by one documented order; a surname is a text.
# Really, the type of each column is guessed from its values. 03/04/2026 is day first: 3 April. One row 12/25/2026
# further down, and the same cell is 4 March. With a year of two digits, 03/04/26 is neither: the YEAR comes first, 26 April 2003,
# for every row, and 25/12/26 is 26 December 2025. Every date of this century fits that reading, so it never fails.
# Seats 1e5 and 2e3 are 100000.0 and 2000.0; a column of surnames that are all "No" (a table for one family or one branch), or of
# the grades T and F, is true and false.
# Why a sender cares: a letter about "26.04.2003" or "Dear false". The tables that a person looks at (full years, many
# surnames) are right, the small extract that is mailed today is not.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check duckdb==2.0.1
cat > see.py <<'P'
import sys
import duckdb
def column(*cells):
    open("list.csv", "w").write("email,value\n" + "".join(f"p{i}@example.org,{cell}\n" for i, cell in enumerate(cells)))
    found = [str(row[0]) for row in duckdb.sql("select value from read_csv('list.csv')").fetchall()]
    print(cells, "->", found)
    return found
seen = [column("03/04/2026", "05/06/2026"), column("03/04/2026", "12/25/2026"), column("03/04/26", "05/06/26"), column("03/04/26", "25/12/26"),
        column("No", "No"), column("No", "Lee"), column("1e5", "2e3")]
sys.exit(seen != [["2026-04-03", "2026-06-05"], ["2026-03-04", "2026-12-25"], ["2003-04-26", "2005-06-26"], ["2003-04-26", "2025-12-26"],
                  ["False", "False"], ["No", "Lee"], ["100000.0", "2000.0"]])
P
v/bin/python see.py || { echo "CHANGED: the cells are read otherwise now"; exit 1; }
echo "SEEN: DuckDB reads 03/04/26 as 26 April 2003, and the family No as false"
