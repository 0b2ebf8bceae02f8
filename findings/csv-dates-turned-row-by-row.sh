#!/bin/bash
# npm exceljs 4.4.0 (workbook.csv.read with its default map), Node 20.
#
# Expected: a reader of CSV gives text, or it decides about a column: all its dates are day first, or all month first.
# Really: each cell is decided for itself, and NN-NN-NNNN is month first where that is a date. 03-04-2026 (3 April) is 4 March
# as a date object, 29-03-2026 in the next row stays the text it was. The same with slashes stays text in both rows.
# Telephone numbers lose the plus (+49301 is 49301), postcodes their zero (01067 is 1067), the code 1e5 is 100000, 0x1F is
# 31; "false" becomes false while "TRUE" stays text.
# Why a sender cares: people with a day of 13 and above get the right date, the others one that is up to eleven months
# off. Proof-readers look at the first row, and each of these values looks fine.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund exceljs@4.4.0 > /dev/null 2>&1
cat > see.js <<'J'
const Excel = require('exceljs'), { Readable } = require('stream');
const table = `email,term,slashes,phone,postcode,code,agreed
ada@example.org,03-04-2026,03/04/2026,+49301,01067,1e5,TRUE
bob@example.org,29-03-2026,29/03/2026,+49302,SW1A 1AA,0x1F,false
`;
(async () => {
  const sheet = await new Excel.Workbook().csv.read(Readable.from([table]));
  const rows = []; sheet.eachRow(row => rows.push(JSON.stringify(row.values.slice(1))));
  rows.forEach(row => console.log(row));
  process.exit(rows[1] === '["ada@example.org","2026-03-04T00:00:00.000Z","03/04/2026",49301,1067,100000,"TRUE"]'
    && rows[2] === '["bob@example.org","29-03-2026","29/03/2026",49302,"SW1A 1AA",31,false]' ? 0 : 1);
})();
J
TZ=UTC node see.js || { echo "CHANGED: exceljs reads these cells otherwise now"; exit 1; }
echo "SEEN: in one column of a CSV 03-04-2026 is 4 March, and 29-03-2026 is a text"
