#!/bin/bash
# npm exceljs 4.4.0, xlsx 0.18.5, read-excel-file 9.3.17; PyPI openpyxl 3.1.5 writes and reads; Node 20, Python 3.11.
#
# Expected: a date cell may hold an ISO 8601 text (t="d" of ECMA-376, what openpyxl writes with iso_dates = True
# and "Strict Open XML Spreadsheet" does too); a reader knows that form or refuses it.
# Really: exceljs takes the leading digits for a serial number. 2026-03-29 is "2026", the 2026th day of Excel's time: 18 July
# 1905. Every date of the year 2026 is that same day, with no error; 2025 is 17 July 1905. The other readers are right.
# Why a sender cares: "your appointment on 18.07.1905"; or, if a job selects those whose date is in the past: everybody.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check openpyxl==3.1.5
echo '{}' > package.json
npm install --silent --no-audit --no-fund exceljs@4.4.0 xlsx@0.18.5 read-excel-file@9.3.17 > /dev/null 2>&1
v/bin/python - <<'P'
import datetime, openpyxl
book = openpyxl.Workbook()
book.iso_dates = True
book.active.append(["email", "due"])
for month, day in ((3, 29), (12, 24)):
    book.active.append([f"p{month}@example.org", datetime.datetime(2026, month, day)])
book.save("list.xlsx")
print("openpyxl       ", [str(row[1]) for row in openpyxl.load_workbook("list.xlsx").active.values][1:])
P
cat > see.js <<'J'
const Excel = require('exceljs'), X = require('xlsx');
(async () => {
  const book = new Excel.Workbook(); await book.xlsx.readFile('list.xlsx');
  const ours = [2, 3].map(row => book.worksheets[0].getCell(row, 2).value.toISOString().slice(0, 10));
  const sheet = X.readFile('list.xlsx').Sheets.Sheet;
  const sheetjs = [sheet.B2, sheet.B3].map(cell => X.SSF.format('yyyy-mm-dd', cell.v));
  const read = require('read-excel-file/node'), sheets = await (read.default || read)('list.xlsx');
  const third = (sheets[0].data || sheets).slice(1).map(row => row[1].toISOString().slice(0, 10));
  console.log('xlsx           ', sheetjs); console.log('read-excel-file', third); console.log('exceljs        ', ours);
  process.exit(ours.join() === '1905-07-18,1905-07-18' && sheetjs.join() === '2026-03-29,2026-12-24' && third.join() === sheetjs.join() ? 0 : 1);
})();
J
TZ=UTC node see.js || { echo "CHANGED: exceljs reads these dates otherwise now"; exit 1; }
echo "SEEN: for exceljs every ISO date of 2026 is 18 July 1905"
