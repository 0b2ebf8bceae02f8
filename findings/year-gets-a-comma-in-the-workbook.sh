#!/bin/bash
# PyPI polars 2.1.0 with XlsxWriter 3.3.1, pandas 3.1.1; openpyxl 3.1.5 reads the formats; Python 3.11.
#
# Expected: write_excel and to_excel write a whole number so that the sheet shows the digits that the table has.
# Really: polars gives every whole number the format #,##0 and every other one #,##0.000. The sheet shows the year 2026 as
# 2,026, the order 491701234567 as 491,701,234,567 and the price 1234.5 as 1,234.500. pandas gives a duration the format 0: an
# hour, which is 1/24 of a day, is shown as 0, and 36 hours as 2. Other numbers of pandas have no format.
# Why a sender cares: people check the list in the sheet, and a mail merge that follows the formats, as word processors do,
# writes "your membership of 2,026" and "your course takes 0".
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check polars==2.1.0 XlsxWriter==3.3.1 pandas==3.1.1 openpyxl==3.1.5
cat > see.py <<'P'
import sys
import openpyxl, pandas, polars
polars.DataFrame({"year": [2026], "order": [491701234567], "price": [1234.5]}).write_excel("polars.xlsx")
pandas.DataFrame({"year": [2026], "order": [491701234567], "takes": [pandas.Timedelta("1h")]}).to_excel("pandas.xlsx", index=False)
seen = {}
for name in ("polars", "pandas"):
    title, row = openpyxl.load_workbook(f"{name}.xlsx").active.iter_rows()
    seen[name] = [(cell.value, cell.number_format.split(";")[0]) for cell in row]
    print(name, dict(zip([cell.value for cell in title], seen[name])))
(*plain, (hour, form)) = seen["pandas"]
sys.exit(seen["polars"] != [(2026, "#,##0"), (491701234567, "#,##0"), (1234.5, "#,##0.000")]
         or plain != [(2026, "General"), (491701234567, "General")] or form != "0" or not 0.04 < hour < 0.05)
P
v/bin/python see.py || { echo "CHANGED: polars or pandas writes these numbers with other formats now"; exit 1; }
echo "SEEN: the workbook of polars shows the year 2026 as 2,026; that of pandas shows an hour as 0"
