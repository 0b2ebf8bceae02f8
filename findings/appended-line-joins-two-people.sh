#!/bin/bash
# npm papaparse 5.7.1, csv-parse 7.0.3, fast-csv 5.0.8, csv-parser 3.2.1, d3-dsv 3.0.2; Node 20.
#
# Expected: a reader of CSV takes CRLF and LF as line ends, also where a file has both. (RFC 4180 files get a line
# appended by `echo bob@... >> list.csv` or by a log-like script every day.)
# Really: the two best known readers look at the first line end and then know only that one. Of a list from Excel (CRLF) to
# which two people were appended with LF, the last three people become ONE cell with line breaks in it: no error, no
# warning. The other way round (LF first, then CRLF) each address keeps a CR at its end. Three other readers are right.
# Why a sender cares: people at the end of the list are not mailed and appear nowhere; an address with a CR or LF inside is
# exactly what a header or an SMTP command must never hold.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund papaparse@5.7.1 csv-parse@7.0.3 fast-csv@5.0.8 csv-parser@3.2.1 d3-dsv@3.0.2 > /dev/null
cat > see.js <<'J'
const Papa = require('papaparse'), { parse } = require('csv-parse/sync'), fast = require('fast-csv');
const csvParser = require('csv-parser'), { Readable } = require('stream');
const collect = stream => new Promise((done, fail) => {
  const rows = []; stream.on('data', row => rows.push(row.email)).on('end', () => done(rows)).on('error', fail);
});
(async () => {
  const d3 = await import('d3-dsv');
  const read = async text => {
    const papa = Papa.parse(text, { header: true, skipEmptyLines: true });
    return {
      papaparse: papa.data.map(row => row.email), 'papaparse errors': papa.errors.filter(e => e.type !== 'Delimiter').length,
      'csv-parse': parse(text, { columns: true, skip_empty_lines: true }).map(row => row.email),
      'fast-csv': await collect(fast.parseString(text, { headers: true })),
      'csv-parser': await collect(Readable.from([Buffer.from(text)]).pipe(csvParser())),
      'd3-dsv': d3.csvParse(text).map(row => row.email),
    };
  };
  const appended = await read('email\r\nada@example.org\r\nbob@example.org\r\ncai@example.org\ndan@example.org\n');
  const other = await read('email\nada@example.org\nbob@example.org\r\ncai@example.org\r\n');
  for (const [name, found] of Object.entries(appended)) console.log(name.padEnd(17), JSON.stringify(found), '|', JSON.stringify(other[name]));
  const joined = r => r.length === 3 && r[2].startsWith('cai@example.org\ndan@example.org');
  const right = r => r.join() === 'ada@example.org,bob@example.org,cai@example.org,dan@example.org';
  process.exit(joined(appended.papaparse) && joined(appended['csv-parse']) && appended['papaparse errors'] === 0
    && other.papaparse[1] === 'bob@example.org\r' && other['csv-parse'][1] === 'bob@example.org\r'
    && ['fast-csv', 'csv-parser', 'd3-dsv'].every(name => right(appended[name])) ? 0 : 1);
})();
J
node see.js || { echo "CHANGED: mixed line ends are read otherwise now"; exit 1; }
echo "SEEN: papaparse and csv-parse read two appended people as one address with a line break in it, without a word"
