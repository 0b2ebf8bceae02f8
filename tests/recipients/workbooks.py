"""The smallest .xlsx packages (ECMA-376), made by hand: what a test needs and nothing else."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
#: The formats of numbers that cells here use: general, date, date and time, time, hours.
STYLES = {"general": 0, "date": 14, "moment": 22, "time": 21, "hours": 46}


@dataclass(frozen=True)
class Styled:
    """A number that is shown as something else."""

    value: float
    style: str


@dataclass(frozen=True)
class Failed:
    """A formula that gave an error."""

    error: str = "#N/A"


@dataclass
class Sheet:
    """A sheet: rows by their number, each with cells by their column."""

    rows: Mapping[int, Mapping[str, object]]
    state: str = "visible"
    merged: Sequence[str] = field(default_factory=list)


def table(*rows: Sequence[object], first: int = 1) -> Sheet:
    """Put rows of cells one below the other, from column A."""
    return Sheet(
        {
            number: {"ABCDEFGH"[index]: cell for index, cell in enumerate(row) if cell is not None}
            for number, row in enumerate(rows, first)
        }
    )


def _cell(name: str, value: object) -> str:
    if isinstance(value, Failed):
        return f'<c r="{name}" t="e"><f>NA()</f><v>{value.error}</v></c>'
    if isinstance(value, Styled):
        style = list(STYLES).index(value.style)
        return f'<c r="{name}" s="{style}"><v>{value.value!r}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{name}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{name}"><v>{value!r}</v></c>'
    text = f'<t xml:space="preserve">{escape(str(value))}</t>'
    return f'<c r="{name}" t="inlineStr"><is>{text}</is></c>'


def _sheet(sheet: Sheet) -> str:
    rows = "".join(
        f'<row r="{number}">'
        + "".join(_cell(f"{column}{number}", value) for column, value in cells.items())
        + "</row>"
        for number, cells in sheet.rows.items()
    )
    merged = "".join(f'<mergeCell ref="{cells}"/>' for cells in sheet.merged)
    cells = f"<mergeCells>{merged}</mergeCells>" if merged else ""
    return f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{cells}</worksheet>'


def write_workbook(path: Path, sheets: Mapping[str, Sheet], *, target: str = "worksheets/") -> None:
    """Write a workbook with these sheets in their order."""
    names = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" state="{sheet.state}" r:id="rId{n}"/>'
        for n, (name, sheet) in enumerate(sheets.items(), 1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_LINK}/worksheet" Target="{target}sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    types = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    formats = "".join(f'<xf numFmtId="{code}" applyNumberFormat="1"/>' for code in STYLES.values())
    book = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{book}"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_LINK}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINK}">'
        f"<sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{links}'
        f'<Relationship Id="rId99" Type="{_LINK}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs>{formats}</cellXfs></styleSheet>',
        **{f"xl/worksheets/sheet{n}.xml": _sheet(s) for n, s in enumerate(sheets.values(), 1)},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content if content.startswith("<?") else _HEAD + content)
