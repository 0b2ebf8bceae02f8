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
    """A number that is shown as something else: by a name of `STYLES`, or by a format code."""

    value: float
    style: str


@dataclass(frozen=True)
class Formula:
    """A formula with the value as a program wrote it: None for none at all."""

    value: str | None
    type: str = ""


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
    hidden: Sequence[int] = ()


def table(*rows: Sequence[object], first: int = 1) -> Sheet:
    """Put rows of cells one below the other, from column A."""
    return Sheet(
        {
            number: {"ABCDEFGH"[index]: cell for index, cell in enumerate(row) if cell is not None}
            for number, row in enumerate(rows, first)
        }
    )


def _cell(name: str, value: object, styles: Sequence[str]) -> str:
    if isinstance(value, Formula):
        kind = f' t="{value.type}"' if value.type else ""
        text = "" if value.value is None else f"<v>{value.value}</v>"
        return f'<c r="{name}"{kind}><f>A1</f>{text}</c>'
    if isinstance(value, Failed):
        return f'<c r="{name}" t="e"><f>NA()</f><v>{value.error}</v></c>'
    if isinstance(value, Styled):
        style = styles.index(value.style)
        return f'<c r="{name}" s="{style}"><v>{value.value!r}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{name}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{name}"><v>{value!r}</v></c>'
    text = f'<t xml:space="preserve">{escape(str(value))}</t>'
    return f'<c r="{name}" t="inlineStr"><is>{text}</is></c>'


def _sheet(sheet: Sheet, styles: Sequence[str]) -> str:
    hidden = dict.fromkeys(sheet.hidden, ' hidden="1"')
    rows = "".join(
        f'<row r="{number}"{hidden.get(number, "")}>'
        + "".join(_cell(f"{column}{number}", value, styles) for column, value in cells.items())
        + "</row>"
        for number, cells in sheet.rows.items()
    )
    merged = "".join(f'<mergeCell ref="{cells}"/>' for cells in sheet.merged)
    cells = f"<mergeCells>{merged}</mergeCells>" if merged else ""
    return f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{cells}</worksheet>'


def _styles(sheets: Mapping[str, Sheet]) -> list[str]:
    """Return the names and codes of all styles; codes stand behind the names."""
    rows = [row for sheet in sheets.values() for row in sheet.rows.values()]
    cells = [cell for row in rows for cell in row.values()]
    codes = dict.fromkeys(cell.style for cell in cells if isinstance(cell, Styled))
    return [*STYLES, *(code for code in codes if code not in STYLES)]


def write_workbook(
    path: Path,
    sheets: Mapping[str, Sheet],
    *,
    target: str = "worksheets/",
    calculates: bool = False,
    charts: Sequence[str] = (),
) -> None:
    """Write a workbook with these sheets in their order.

    `calculates` asks programs to calculate the formulas; `charts` are the sheets that are charts.
    """
    styles = _styles(sheets)
    kind = {name: "chartsheet" if name in charts else "worksheet" for name in sheets}
    names = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" state="{sheet.state}" r:id="rId{n}"/>'
        for n, (name, sheet) in enumerate(sheets.items(), 1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_LINK}/{kind[name]}" Target="{target}sheet{n}.xml"/>'
        for n, name in enumerate(sheets, 1)
    )
    types = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    numbers = [STYLES.get(style, 164 + n) for n, style in enumerate(styles)]
    formats = "".join(f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for number in numbers)
    codes = "".join(
        f'<numFmt numFmtId="{number}" formatCode={quoteattr(style)}/>'
        for number, style in zip(numbers, styles, strict=True)
        if style not in STYLES
    )
    calc = '<calcPr calcId="1" fullCalcOnLoad="1"/>' if calculates else ""
    book = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{book}"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_LINK}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINK}">'
        f"<sheets>{names}</sheets>{calc}</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{links}'
        f'<Relationship Id="rId99" Type="{_LINK}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts>{codes}</numFmts>'
        f"<cellXfs>{formats}</cellXfs></styleSheet>",
        **{
            f"xl/worksheets/sheet{n}.xml": _sheet(sheet, styles)
            for n, sheet in enumerate(sheets.values(), 1)
        },
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content if content.startswith("<?") else _HEAD + content)
