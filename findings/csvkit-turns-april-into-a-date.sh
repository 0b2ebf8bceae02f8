#!/bin/bash
# PyPI csvkit 2.2.0 with agate 1.14.2, Python 3.11; the commands csvsort and csvjson with their default options.
#
# Expected: a command that sorts a CSV, or writes it as JSON, gives back the cells that went in.
# Really: each column is guessed to have a type and is written back from it. If all first names of a small group are names
# of months (April, May, June; Jan, Mar), they become dates of the year 1. A seat "12 d" is a time span. The sums 12,50
# and 1,5 become 1250 and 15: the decimal comma is taken out as if it grouped thousands, although no thousand is there.
# A share of 15% loses its sign. One more row whose name is no month and the column is text again,
# so a test with the whole list does not show what happens to the ten people of a branch.
# Why a sender cares: csvsort or csvjson is the step before the mail merge. "Dear 0001-04-01, please pay 1250".
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check csvkit==2.2.0 agate==1.14.2
cat > list.csv <<'C'
email,first,seat,sum,share
bob@example.org,May,5 m,"1,5",15%
ada@example.org,April,12 d,"12,50",20%
cai@example.org,June,3 h,"3,75",5%
C
v/bin/csvsort -c email list.csv | tee sorted.csv
v/bin/csvjson list.csv | tee list.json; echo
echo 'dan@example.org,Dan,1 d,"2,50",5%' >> list.csv
echo "With one more row:"; v/bin/csvsort -c email list.csv | tee more.csv
grep -qx 'ada@example.org,0001-04-01,"12 days, 0:00:00",1250,20' sorted.csv \
  && grep -q '"first": "0001-05-01", "seat": "0:05:00", "sum": 15.0' list.json && grep -q '^ada@example.org,April,' more.csv \
  || { echo "CHANGED: the cells are written otherwise now"; exit 1; }
echo "SEEN: April is a date of the year 1, seat 12 d is 12 days, and 12,50 is 1250"
