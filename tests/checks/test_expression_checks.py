"""The doubts about expressions that the cells settle: the words for a table, and silence."""

import pytest

from .mailing import Mailing

DATES = (
    "Dates are compared as texts such as '2026-11-29' alone: let the table write them so; in "
    "a workbook, give the cells the format yyyy-mm-dd."
)
BOTH = "Make numbers of both: "
ROWS_OF_QTY = "rows | map(attribute='qty') | map('float')"
LETTERS = "Texts are ordered by their letters: write "

#: A template and the cells of columns -> the detail and the remedy of MB217.
NUMBERS = [
    ('{% if amount >= "5" %}x{% endif %}', {"amount": ("5", "12.50")},
     "amount >= '5' compares '12.50' with '5' on line 3", BOTH + "amount | float >= 5."),
    ("{{ 'x' if '10' is gt amount }}", {"amount": ("11", "9")},
     "'10' > amount compares '10' with '9' on line 3", BOTH + "10 > amount | float."),
    ("{% if old < new %}x{% endif %}", {"old": ("1", "9"), "new": ("2", "10")},
     "old < new compares '9' with '10' on line 3", BOTH + "old | float < new | float."),
    ("{{ [amount, qty] | max }}", {"amount": ("12.50",), "qty": ("2",)},
     "[amount, qty] | max compares '12.50' with '2' on line 2",
     "Write [amount | float, qty | float] | max."),
    ('{% if date > "30.11.2026" %}x{% endif %}', {"date": ("", "01.12.2026")},
     "date > '30.11.2026' compares '01.12.2026' with '30.11.2026' on line 3", DATES),
    ("{% if now.strftime('%Y-%m-%d') >= date %}x{% endif %}", {"date": ("01.12.2026",)},
     "now.strftime('%Y-%m-%d') >= date compares '2026-11-29' with '01.12.2026' on line 2", DATES),
    ("{% for row in rows | sort(attribute='qty') %}x{% endfor %}", {"qty": ("9", "10")},
     "rows | sort by qty",
     LETTERS + "{% for n in " + ROWS_OF_QTY + " | unique | sort %}"
     "{% for row in rows if row['qty'] | float == n %} ... {% endfor %}{% endfor %}."),
    ("{{ rows | map(attribute='qty') | max }}", {"qty": ("9", "10")},
     "max by qty", LETTERS + ROWS_OF_QTY + " | max."),
    ("{% for row in rows | sort(attribute='date') %}x{% endfor %}",
     {"date": ("29.11.2026", "01.12.2026")}, "rows | sort by date, a date on line 3", DATES),
    ("{{ a + b }}", {"a": ("5", "12"), "b": ("7", "3.5")},
     "a + b", BOTH + "a | float + b | float."),
]  # fmt: skip

#: A template and the cells of columns, where nothing is wrong.
RIGHT = [
    ('{% if amount >= "5" %}x{% endif %}', {"amount": ("5", "7", "", "none")}),
    ("{% if from_year < to_year %}x{% endif %}", {"from_year": ("1999",), "to_year": ("2004",)}),
    ("{% if date > '2026-11-30' %}x{% endif %}", {"date": ("2026-12-01", "")}),
    ("{% if date > '2026-11-30' %}x{% endif %}", {"date": ("soon", "12")}),
    ("{% if name < 'M' %}x{% endif %}", {"name": ("Ada", "9")}),
    ("{% for r in rows | sort(attribute='year') %}x{% endfor %}", {"year": ("1999", "2004")}),
    ("{{ rows | map(attribute='day') | max }}", {"day": ("2026-11-30", "2027-01-01")}),
    ("{{ area + phone }}", {"area": ("041", "040"), "phone": ("7654321", "123456")}),
    ("{{ area + phone }}", {"area": ("41", "40"), "phone": ("7654321", "1234567")}),
    ("{{ code + zip }}", {"code": ("4", "12"), "zip": ("80331", "10115")}),
    ("{{ nick | default('') }}", {"nick": ("", "Bo")}),
    ("{% if nick is defined %}{{ nick }}{% endif %}", {"nick": ("", "Bo")}),
]  # fmt: skip


def findings(folder, capsys, template, columns):
    """Return the findings about a template, for a table with these cells by column."""
    rows = tuple(
        {"email": f"p{number}@example.com"} | dict(zip(columns, cells, strict=True))
        for number, cells in enumerate(zip(*columns.values(), strict=True))
    )
    mailing = Mailing(folder, rows=rows, files={"letter.txt.j2": template})
    _, report = mailing.check(capsys)
    return [
        (one["code"], one["details"][0], one["hint"])
        for one in report["findings"]
        if one["code"] in {"MB105", "MB216", "MB217", "MB218"}
    ]


@pytest.mark.parametrize(("template", "columns", "detail", "hint"), NUMBERS)
def test_numbers_and_dates_that_are_taken_as_texts(
    tmp_path, capsys, template, columns, detail, hint
):
    assert findings(tmp_path, capsys, template, columns) == [("MB217", detail, hint)]


@pytest.mark.parametrize(("template", "columns"), RIGHT)
def test_cells_that_make_an_expression_right(tmp_path, capsys, template, columns):
    assert findings(tmp_path, capsys, template, columns) == []
