#!/bin/bash
# npm xlsx 0.18.5 (the newest on npm); PyPI XlsxWriter 3.3.1 and openpyxl 3.1.5 write the workbooks; Node 20, Python 3.11.
#
# Expected: sheet_to_json with raw: false gives "the formatted text", what people see: 29.03.2026.
# Really, two surprises about dates in one reader: (1) a format with bare dots, dd.mm.yyyy as the manuals of both writers
# allow and Excel shows it, gives the serial number 46110; with backslashes before the dots, as Excel itself saves it, or
# with slashes, the text is right. (2) In a workbook of the 1904 date system (old Macs) the formatted text is right,
# but with cellDates the Date is four years and a day too early.
# Why a sender cares: files made by another program print 46110 in the letter, files saved once by Excel do not, so it shows
# only in production; and reading "as dates" instead shifts the people with a Mac by four years.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check openpyxl==3.1.5 XlsxWriter==3.3.1
echo '{}' > package.json
npm install --silent --no-audit --no-fund xlsx@0.18.5 > /dev/null
v/bin/python - <<'P'
import datetime, openpyxl, xlsxwriter
due = datetime.datetime(2026, 3, 29)
book = xlsxwriter.Workbook("written.xlsx")
sheet = book.add_worksheet("L")
for row, form in enumerate(("dd.mm.yyyy", "dd\\.mm\\.yyyy", "dd/mm/yyyy")):
    sheet.write_datetime(row, 0, due, book.add_format({"num_format": form}))
book.close()
book = openpyxl.Workbook()
book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
book.active.append([due])
book.active["A1"].number_format = "dd/mm/yyyy"
book.save("mac.xlsx")
print("openpyxl on the Mac's:", openpyxl.load_workbook("mac.xlsx").active["A1"].value)
P
cat > see.js <<'J'
const X = require('xlsx');
const rows = (file, options, how) => X.utils.sheet_to_json(Object.values(X.readFile(file, options).Sheets)[0], { header: 1, ...how });
const text = rows('written.xlsx', {}, { raw: false }).flat(), mac = rows('mac.xlsx', {}, { raw: false })[0][0];
const date = rows('mac.xlsx', { cellDates: true }, {})[0][0].toISOString().slice(0, 10);
console.log('dots, escaped dots, slashes:', text, '| 1904: text', mac, 'Date', date);
process.exit(text.join() === '46110,29.03.2026,29/03/2026' && mac === '29/03/2026' && date === '2022-03-28' ? 0 : 1);
J
TZ=UTC node see.js || { echo "CHANGED: these dates are read otherwise now"; exit 1; }
echo "SEEN: dd.mm.yyyy is the number 46110, and a Mac's 29.03.2026 is a Date in 2022"
