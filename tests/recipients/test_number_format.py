"""A format code shows a number, a date or a duration as a spreadsheet does.

The texts are those of the spreadsheet programs for the codes of ECMA-376 part 1, 18.8.31.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from mailbatch.recipients.number_format import BUILT_IN, read_format

DAY = date(2026, 3, 1)
LATE = datetime(2026, 11, 29, 23, 59, 59, 700_000)  # noqa: DTZ001 - a sheet knows no zone
NOON = datetime(2026, 12, 9, 12, 0)  # noqa: DTZ001 - see above


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("0", 2.5, "3"),
        ("0", -2.5, "-3"),
        ("0", -0.4, "0"),
        ("0.00", 1.005, "1.01"),
        ("0.00", 1e15, "1000000000000000.00"),
        ("#.##", 0.5, ".5"),
        ("#.##", 7, "7."),
        ("0.##", 1.2, "1.2"),
        ("0.0?", 1.2, "1.2 "),
        ("00000", 123, "00123"),
        ("0,000", 7, "0,007"),
        ("#,##0", 1234567, "1,234,567"),
        ("#,###", 0, ""),
        ('0.0,"K"', 1234, "1.2K"),
        ('#,##0.0,,"M"', 1234567890, "1,234.6M"),
        ("0%", 0.255, "26%"),
        ("0.00%", 0.12345, "12.35%"),
        ("000-00-0000", 123456789, "123-45-6789"),
        ("[<=9999999]###-####;(###) ###-####", 5551234, "555-1234"),
        ("[<=9999999]###-####;(###) ###-####", 2125551234, "(212) 555-1234"),
        ("[>=1000]#,##0;0.0", 7, "7.0"),
        ("$#,##0.00_);($#,##0.00)", -1234.5, "($1,234.50)"),
        ("$#,##0.00_);($#,##0.00)", 1234.5, "$1,234.50 "),
        ("[$€-407] #,##0.00", 1234.5, "€ 1,234.50"),
        ("[$CHF-807] #,##0.00", 99, "CHF 99.00"),
        ('_-* #,##0.00 €_-;-* #,##0.00 €_-;_-* "-"?? €_-;_-@_-', 0, " -   € "),
        ('+0;-0;"none"', 0, "none"),
        (";;;", 17, ""),
        ('0" days"', 3, "3 days"),
        ('General" kg"', 2.5, "2.5 kg"),
        (r"\+00\ 0000", 491701, "+49 1701"),
        ("yyyy-mm-dd", DAY, "2026-03-01"),
        ("dd.mm.yyyy", DAY, "01.03.2026"),
        ("d/m/yy;@", DAY, "1/3/26"),
        ("m/d/yyyy h:mm", NOON, "12/9/2026 12:00"),
        ("[$-409]dddd, mmmm d, yyyy", DAY, "Sunday, March 1, 2026"),
        ("ddd d-mmm-yy", DAY, "Sun 1-Mar-26"),
        ("mmmmm", DAY, "M"),
        ('yyyy"年"m"月"d"日"', DAY, "2026年3月1日"),
        ("dd.mm.yyyy", LATE, "29.11.2026"),
        ("dd.mm.yyyy hh:mm:ss", LATE, "30.11.2026 00:00:00"),
        ("mm:ss.0", LATE, "59:59.7"),
        (BUILT_IN[14], NOON, "2026-12-09"),
        ("[$-x-sysdate]dddd, mmmm dd, yyyy", DAY, "2026-03-01"),
        ("[$-407]dddd, d. mmmm yyyy", DAY, "Sonntag, 1. März 2026"),
        ("[$-40C]d mmmm yyyy;@", DAY, "1 mars 2026"),
        ("[$-de-AT]mmmm", DAY, "März"),
        ("[$-415]dd.mm.yyyy", DAY, "01.03.2026"),
        ("h:mm AM/PM", time(0, 30), "12:30 AM"),
        ("h:mm a/p", NOON, "12:00 P"),
        ("hh:mm", time(9, 5), "09:05"),
        ("[h]:mm", timedelta(hours=26, minutes=30), "26:30"),
        ("[mm]:ss", timedelta(hours=1, seconds=5), "60:05"),
    ],
)
def test_a_format_shows_what_a_spreadsheet_shows(
    code: str, value: float | date | time | timedelta, text: str
) -> None:
    read = read_format(code)
    assert read.known
    assert read.show(value) == text


@pytest.mark.parametrize(
    "code",
    [
        "# ?/?", "# ??/16", "0.00E+00", "##0.0E+0", "[$-407]d. mmm yyyy", "[$-415]d mmmm",
        "[$-2000401]dd/mm", "ggge", "bbbb", "[DBNum1]0", 'yyyy "open', "0.0.0", "[number 5]",
    ],
)  # fmt: skip
def test_a_code_that_is_not_known_has_no_text(code: str) -> None:
    read = read_format(code)
    assert not read.known
    assert read.show(1.5) is None


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("General", 1.5),
        ("@", 1.5),
        (BUILT_IN[22], NOON),
        ("[$-F400]h:mm:ss AM/PM", time(9, 5)),
        ("dd.mm.yyyy", time(9, 5)),
        ("yyyy", timedelta(days=3)),
        ("dd.mm.yyyy", 46355.0),
        ("0.00", DAY),
    ],
)
def test_a_value_that_a_code_does_not_show_has_no_text(code: str, value: float | date) -> None:
    assert read_format(code).show(value) is None


@pytest.mark.parametrize(
    ("code", "by_computer"),
    [
        ("General", False), ("00000", False), ("0%", False), ("dd.mm.yyyy", False),
        ("[h]:mm", False), ("0.0%", True), ("#,##0", True), ("d. mmmm", True),
        (BUILT_IN[14], True), ("[$-F800]dddd, mmmm dd, yyyy", True), ("[$-409]mmm", False),
        ("[$-407]mmmm", False),
    ],
)  # fmt: skip
def test_a_code_tells_whether_the_computer_matters(code: str, by_computer: bool) -> None:
    assert read_format(code).by_computer is by_computer
