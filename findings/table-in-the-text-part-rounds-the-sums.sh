#!/usr/bin/env bash
# Four of nine makers of text tables print other sums than the texts they were given: 1234567.89 is 1.23457e+06, or 1234567.890, and 01067 is 1067;
#   one "n/a" in the column, and tabulate prints all of it as it is.
#
# Versions: PyPI tabulate 0.10.0, pandas 3.1.1 (to_markdown, which calls tabulate), texttable 1.7.2, beautifultable 1.1.0; prettytable 3.18.0,
#           terminaltables 3.1.10, Columnar 1.4.1 and rich 15.0.0 beside them; all with their defaults, Python 3.11.
# Input: a column of texts, as csv.DictReader gives them: 12.50, 100.00, 1234567.89, the postcode 01067, the telephone number +49301234, a
#        customer number of 19 digits, the seat 1e5, the names Nan and Inf.
#
# Most people expect: a text is printed as it is, and aligned. So do prettytable, terminaltables, Columnar, rich and DataFrame.to_string().
# What happens:
#   tabulate, to_markdown   what looks like a number is read and printed with six significant digits: 12.5, 100, 1.23457e+06, seat 100000, and
#                           Nan is nan. Postcode and telephone number stay. One cell that is no number, and the whole column stays as it is.
#   texttable               cell by cell, three decimals: 12.500, 1234567.890, but 100; the postcode is 1067, the plus is gone, 1234567890123456789
#                           is 1.235e+18, the seat is 100000.
#   beautifultable          cell by cell: 12.5, 100.0, postcode 1067, the plus is gone, seat 100000.0.
# Why a sender of mail cares: order lines and statements in the text part are made with these. 12.500 is twelve and a half thousand to half of
#   Europe, and a total of 1.23457e+06 has lost its last digits; the HTML part is right. tabulate has disable_numparse=True, texttable
#   set_cols_dtype(["t"]), and both must be asked.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib tabulate==0.10.0 pandas==3.1.1 texttable==1.7.2 beautifultable==1.1.0 \
    prettytable==3.18.0 terminaltables==3.1.10 Columnar==1.4.1 rich==15.0.0 2> /dev/null
cat > see.py <<'PY'
import io

import pandas
from beautifultable import BeautifulTable
from columnar import columnar
from prettytable import PrettyTable
from rich.console import Console
from rich.table import Table
from tabulate import tabulate
from terminaltables import AsciiTable
from texttable import Texttable


def in_texttable(text):
    table = Texttable()
    table.add_row([text])
    return table.draw().split("\n")[1]


def in_beautifultable(text):
    table = BeautifulTable()
    table.rows.append([text])
    return str(table).split("\n")[1]


def in_prettytable(text):
    table = PrettyTable(["sum"])
    table.add_row([text])
    return table.get_string(border=False, header=False)


def in_rich(text):
    table = Table(show_header=False, box=None)
    table.add_row(text)
    console = Console(file=io.StringIO(), color_system=None)
    console.print(table)
    return console.file.getvalue()


makers = {
    "tabulate": lambda text: tabulate([[text]], tablefmt="plain"),
    "to_markdown": lambda text: pandas.DataFrame({"sum": [text]}).to_markdown(index=False).split("\n")[-1],
    "texttable": in_texttable, "beautifultable": in_beautifultable,
    "to_string": lambda text: pandas.DataFrame({"sum": [text]}).to_string(index=False, header=False),
    "prettytable": in_prettytable, "terminaltables": lambda text: AsciiTable([[text]]).table.split("\n")[1],
    "Columnar": lambda text: columnar([[text]], no_borders=True), "rich": in_rich,
}
texts = ["12.50", "100.00", "1234567.89", "01067", "+49301234", "1234567890123456789", "1e5", "Nan", "Inf"]
seen = {name: [make(text).strip("| \n") for text in texts] for name, make in makers.items()}
print("given         ", texts)
for name, made in seen.items():
    print(f"{name:14}", made)
six = ["12.5", "100", "1.23457e+06", "01067", "+49301234", "1234567890123456789", "100000", "nan", "inf"]
assert seen.pop("tabulate") == seen.pop("to_markdown") == six
assert seen.pop("texttable") == ["12.500", "100", "1234567.890", "1067", "49301234", "1.235e+18", "100000", "Nan", "inf"]
assert seen.pop("beautifultable")[:5] + ["100000.0"] == ["12.5", "100.0", "1234567.89", "1067", "49301234", "100000.0"]
assert all(made == texts for made in seen.values())
assert "1234567.89" in tabulate([["12.50"], ["1234567.89"], ["n/a"]])
assert "1.23457e+06" in tabulate([["12.50"], ["1234567.89"]])
PY
PYTHONPATH=lib python3 see.py || { echo "CHANGED: texts in tables are printed otherwise now"; exit 1; }
echo "SEEN: sums that are texts are printed as other numbers by four makers of tables, and postcodes lose their zero in two"
