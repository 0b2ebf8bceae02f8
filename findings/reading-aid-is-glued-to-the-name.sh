#!/bin/bash
# PyPI python-calamine 0.9.1, pandas 3.1.1 (odf engine), pyexcel-ods3 0.6.1, tablib 3.10.0; npm xlsx 0.18.5. Python 3.11, Node 20.
#
# Expected: a Japanese name with its reading aid (furigana, Phonetic Guide) is read as the name. The same readers
# do so for .xlsx, where the aid stands in <rPh> and all of them leave it out.
# Really, for .ods, where it stands in <text:ruby>: three of five readers give the name with the aid glued to it (the name
# twice, in two scripts), one gives an empty cell, and only one gives the name. pandas and calamine agree on the wrong one.
# Why a sender cares: address books of Japanese members have these aids for sorting. The salutation becomes the name twice,
# or is empty, depending on which library reads the same file; the same table saved as .xlsx is right.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check python-calamine==0.9.1 pandas==3.1.1 odfpy==1.4.1 pyexcel-ods3==0.6.1 tablib==3.10.0
echo '{}' > package.json
npm install --silent --no-audit --no-fund xlsx@0.18.5 > /dev/null
cat > see.py <<'P'
import subprocess, sys, zipfile
import pandas, pyexcel_ods3, python_calamine, tablib
URN = "urn:oasis:names:tc:opendocument:xmlns:"
NS = " ".join(f'xmlns:{name}="{URN}{name}:1.0"' for name in ("office", "table", "text"))
NAME, AID = "\u5c71\u7530", "\u3084\u307e\u3060"
ruby = f"<text:ruby><text:ruby-base>{NAME}</text:ruby-base><text:ruby-text>{AID}</text:ruby-text></text:ruby>"
rows = "".join("<table:table-row>" + "".join(f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>' for text in line) + "</table:table-row>"
               for line in (("email", "name", "city"), ("yamada@example.org", ruby, "Kobe")))
with zipfile.ZipFile("list.ods", "w") as z:
    z.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    z.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{URN}manifest:1.0"><m:file-entry m:full-path="/" m:media-type="application/'
               'vnd.oasis.opendocument.spreadsheet"/><m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>')
    z.writestr("content.xml", f'<office:document-content {NS} office:version="1.2"><office:body><office:spreadsheet><table:table table:name="L">{rows}'
               "</table:table></office:spreadsheet></office:body></office:document-content>")
node = "const x=require('xlsx'),w=x.readFile('list.ods');console.log(x.utils.sheet_to_json(w.Sheets.L)[0].name)"
found = {
    "python-calamine": python_calamine.load_workbook("list.ods").get_sheet_by_index(0).to_python()[1][1],
    "pandas": pandas.read_excel("list.ods", engine="odf")["name"][0],
    "xlsx (npm)": subprocess.run(["node", "-e", node], capture_output=True, text=True, check=True).stdout.strip(),
    "pyexcel-ods3": pyexcel_ods3.get_data("list.ods")["L"][1][1],
    "tablib": tablib.Dataset().load(open("list.ods", "rb").read(), format="ods")["name"][0],
}
for reader, name in found.items():
    print(f"{reader:16} {name!a}")
sys.exit(list(found.values()) != [NAME + AID] * 3 + ["", NAME])
P
v/bin/python see.py || { echo "CHANGED: the name is read otherwise now"; exit 1; }
echo "SEEN: of five readers of .ods three say the name with its reading aid, one says nothing, one says the name"
