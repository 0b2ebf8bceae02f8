#!/usr/bin/env bash
# One letter that Helvetica lacks shifts all that follows by half a byte in PDFKit, the sum included, is a digit in jsPDF, and a box in ReportLab.
#
# Versions: npm pdfkit 0.20.2, jspdf 4.2.1, pdf-lib 1.17.1; PyPI reportlab 5.1.0, fpdf2 2.8.9; pypdfium2 5.14.0 (the reader of Chrome) reads it back.
# Input: one line each in Helvetica, which every reader of PDF has and every manual begins with: a Czech name with a sum, a Polish and two
#        Turkish names, a Russian yes, and "Šimková € 5".
#
# Most people expect: a letter that the font lacks is a question mark or a box, or an error, and its neighbours stay as they are.
# What happens:
#   pdfkit      writes the letter's code as three hexadecimal digits where two belong. What follows is read from the middle of a byte on, up to
#               the next kerned pair: of "Dvořák 49.90" only "Dvo" is left, and no figure of the sum; Łukasz has one digit in place of a name.
#   jspdf       takes the lower half of each code: Łukasz is Aukasz, Dvořák is DvoYák, the dotless i is the digit 1 (Kadıköy is Kad1köy, Işık
#               is I_1k), and a Russian yes and a 5 are "0 5".
#   reportlab   draws a black box, and fpdf2 and pdf-lib raise an error that names the letter.
#   Š and the euro sign are right in four of them, as these fonts have more than Latin-1, so that a test with them passes; fpdf2 refuses both.
# Why a sender of mail cares: the invoice in the attachment names somebody else, or another sum, for each customer from Prague, Warsaw, Istanbul or
#   Sofia; nothing fails, and nobody opens ten thousand attachments. Embed a font that has the letters, and read the text back.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib reportlab==5.1.0 fpdf2==2.8.9 pypdfium2==5.14.0 2> /dev/null
npm install --silent --no-fund --no-audit --ignore-scripts pdfkit@0.20.2 jspdf@4.2.1 pdf-lib@1.17.1 > /dev/null 2>&1
cat > lines.json <<'J'
["Dvořák 49.90", "Łukasz", "Kadıköy", "Işık", "Да 5", "Šimková € 5"]
J
cat > write.js <<'JS'
const fs = require('fs'), load = one => one.default || one, lines = require('./lines.json');
const PDFKit = load(require('pdfkit')), { jsPDF } = require('jspdf'), { PDFDocument, StandardFonts } = require('pdf-lib');
(async () => {
  const kit = new PDFKit();
  kit.pipe(fs.createWriteStream('pdfkit.pdf'));
  lines.forEach(line => kit.text(line));
  kit.end();
  const js = new jsPDF();
  lines.forEach((line, at) => js.text(line, 10, 20 + 10 * at));
  fs.writeFileSync('jspdf.pdf', Buffer.from(js.output('arraybuffer')));
  const lib = await PDFDocument.create(), font = await lib.embedFont(StandardFonts.Helvetica), refused = [];
  for (const line of lines) try { lib.addPage().drawText(line, { font }); } catch (error) { refused.push(line); }
  fs.writeFileSync('refused.json', JSON.stringify(refused));
})();
JS
node write.js
cat > see.py <<'PY'
import json

import pypdfium2
from fpdf import FPDF
from fpdf.errors import FPDFUnicodeEncodingException
from reportlab.pdfgen import canvas

lines = json.load(open("lines.json", encoding="utf-8"))
page = canvas.Canvas("reportlab.pdf")
page.setFont("Helvetica", 12)
for at, line in enumerate(lines):
    page.drawString(50, 700 - 20 * at, line)
page.save()


def read(name):
    text = pypdfium2.PdfDocument(f"{name}.pdf")[0].get_textpage().get_text_bounded()
    return ["".join(sign for sign in line if sign >= " ").strip() for line in text.splitlines()]


def refused(line):
    document = FPDF()
    document.add_page()
    document.set_font("Helvetica")
    try:
        document.cell(text=line)
    except FPDFUnicodeEncodingException:
        return True


seen = {name: read(name) for name in ("pdfkit", "jspdf", "reportlab")}
for name in seen:
    print(f"{name:9}", " | ".join(seen[name]))
print("refused by pdf-lib:", *json.load(open("refused.json")), "by fpdf2:", *filter(refused, lines), sep=" | ")
assert seen["pdfkit"] == ["Dvož²C’ã“", "V¶7", "Kad°öy", "Iñ1k", "AD0 5", "Šimková € 5"]
assert seen["jspdf"] == ["DvoYák 49.90", "Aukasz", "Kad1köy", "I_1k", "0 5", "Šimková € 5"]
assert seen["reportlab"] == ["Dvo■ák 49.90", "■ukasz", "Kad■köy", "I■■k", "■■ 5", "Šimková € 5"]
assert json.load(open("refused.json")) == lines[:5] and [*filter(refused, lines)] == lines
PY
PYTHONPATH=lib python3 see.py || { echo "CHANGED: letters that Helvetica lacks are written otherwise now"; exit 1; }
echo "SEEN: names with one letter beyond the font lose their neighbours in PDFKit, become others in jsPDF, and boxes in ReportLab"
