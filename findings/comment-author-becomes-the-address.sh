#!/bin/bash
# PyPI tablib 3.10.0 (with odfpy 1.4.1), pandas 3.1.1 (odf engine), pyexcel-ods3 0.6.1, Python 3.11.
#
# Expected: a reader of .ods gives the text that stands in a cell; comments, formatting and empty cells change nothing.
# Really, tablib (Django's import-export uses it): where somebody put a comment on the cell of an address, the address IS
# the name of the comment's author. A name of which one half is bold is cut behind its first half. Empty cells in the middle
# of a row, which LibreOffice writes as one repeated cell, are counted once: what stands behind them moves to the left
# into other columns. Rows in a group (outline) are missing, and of two equal rows that LibreOffice stores once, the
# second is. pandas and pyexcel-ods3 read all five right.
# Why a sender cares: "Dear Ada," goes to nobody's address; the amount of column D is read as column B; grouped members are
# not mailed. Each file is what LibreOffice writes for an ordinary table, and there is no error.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check tablib==3.10.0 odfpy==1.4.1 pandas==3.1.1 pyexcel-ods3==0.6.1
cat > see.py <<'P'
import sys, zipfile
import pandas, pyexcel_ods3, tablib
URN = "urn:oasis:names:tc:opendocument:xmlns:"
NS = f'xmlns:o="{URN}office:1.0" xmlns:t="{URN}table:1.0" xmlns:x="{URN}text:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
def ods(rows):
    with zipfile.ZipFile("list.ods", "w") as z:
        z.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        z.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{URN}manifest:1.0"><m:file-entry m:full-path="/" m:media-type="application/'
                   'vnd.oasis.opendocument.spreadsheet"/><m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>')
        z.writestr("content.xml", f'<o:document-content {NS} o:version="1.2"><o:body><o:spreadsheet><t:table t:name="L">{rows}'
                   "</t:table></o:spreadsheet></o:body></o:document-content>")
def cell(text, before=""):
    return f'<t:table-cell o:value-type="string">{before}<x:p>{text}</x:p></t:table-cell>'
def row(*cells, repeated=""):
    return f"<t:table-row{repeated}>" + "".join(cells) + "</t:table-row>"
head, ada = row(cell("email"), cell("name")), cell("ada@example.org")
note = "<o:annotation><dc:creator>Bob Stone</dc:creator><dc:date>2026-01-02T00:00:00</dc:date><x:p>moved in May</x:p></o:annotation>"
cases = {
    "a comment on the cell": (head + row(cell("ada@example.org", note), cell("Ada")), [["Bob Stone", "Ada"]]),
    "half of a name in bold": (head + row(ada, cell("Ada <x:span>Lovelace</x:span>")), [["ada@example.org", "Ada "]]),
    "two empty cells inside": (row(*map(cell, ("email", "b", "c", "sum"))) + row(ada, '<t:table-cell t:number-columns-repeated="2"/>', cell("49,90")),
                               [["ada@example.org", "49,90", "", ""]]),
    "a group of rows": (head + f"<t:table-row-group>{row(ada, cell('Ada'))}</t:table-row-group>" + row(cell("bob@example.org"), cell("Bob")),
                        [["bob@example.org", "Bob"]]),
    "two equal rows": (head + row(ada, cell("ticket"), repeated=' t:number-rows-repeated="2"'), [["ada@example.org", "ticket"]]),
}
same = True
for name, (rows, seen) in cases.items():
    ods(rows)
    read = tablib.Dataset().load(open("list.ods", "rb").read(), format="ods")
    found = [list(line) for line in read]
    other = pandas.read_excel("list.ods", engine="odf", keep_default_na=False).values.tolist()
    third = list(pyexcel_ods3.get_data("list.ods").values())[0][1:]
    print(f"{name}: tablib {found}, pandas {other}")
    same &= found == seen and other == third and other != found
sys.exit(not same)
P
v/bin/python see.py || { echo "CHANGED: the tables are read otherwise now"; exit 1; }
echo "SEEN: tablib mails the comment's author, cuts names, moves sums and leaves out grouped and repeated rows"
