"""The order of two texts that are numbers or dates, by their letters and by their meaning.

    >>> misordered("12.50", ">=", "5"), misordered("12", ">=", "10")
    (True, False)
    >>> misordered("01.12.2026", ">", "30.11.2026"), misordered("2026-12-01", ">", "2026-11-30")
    (True, False)

A text is compared by its letters: "9" is more than "100", and "29.11.2026" more than "2027-01-01".
Only a date that begins with the year has its order by the letters, and only beside a date in the
same form. This module must never change the result of a comparison.

Tests: tests/recipients/test_where.py, tests/checks/test_expression_checks.py.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BY_LETTERS: Mapping[str, Callable[[str, str], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_IS_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?").fullmatch
# A date that begins with the year: the letters have the order of the days, in one form.
_YEAR_FIRST = re.compile(r"[0-9]{4}([-/.])[0-9]{2}\1[0-9]{2}(?![0-9])").match
_DATE = re.compile(
    r"""
      (?:[a-z]+,?\s+)?                                            # a day of the week
      (?: [0-9]{1,2}([-/.])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})
        | [0-9]{1,2}[-./\s]+[^\W\d_]{3,}[-.,/\s]+(?:[0-9]{4}|[0-9]{2})
        | [^\W\d_]{3,}[.]?\s+[0-9]{1,2},?\s+[0-9]{4}
      )(?![0-9])
    """,
    re.VERBOSE | re.IGNORECASE,
).match
_OTHER = "other"
#: The remedy for dates that are compared by their letters.
DATES_REMEDY = (
    "Dates are compared as texts such as '2026-11-29' alone: let the table write them so; in "
    "a workbook, give the cells the format yyyy-mm-dd."
)


def misordered(left: str, symbol: str, right: str) -> bool:
    """Tell whether the letters order two numbers or two dates as their meaning does not.

    `symbol` is `<`, `<=`, `>` or `>=`.
    """
    return numbers_misordered(left, symbol, right) or dates_misordered(left, right)


def numbers_misordered(left: str, symbol: str, right: str) -> bool:
    """Tell whether two texts are numbers whose letters give another order than their sizes."""
    if not (_IS_NUMBER(left) and _IS_NUMBER(right)):
        return False
    by_letters = _BY_LETTERS[symbol](left, right)
    return by_letters is not _ORDERS[symbol](float(left), float(right))


def dates_misordered(left: str, right: str, *, ordered: bool = True) -> bool:
    """Tell whether two texts are dates that letters cannot order, or, else, cannot match.

    With `ordered`, dates in one form are right only if the form begins with the year.
    """
    form = _date_form(right)
    other = _date_form(left) if form is not None else None
    return other is not None and (form != other or (form == _OTHER and ordered))


def _date_form(text: str) -> str | None:
    """Return the sign between the parts of a date, `_OTHER` for forms without an order."""
    if text[:1].isalpha() and not text[-1:].isdigit():
        return None
    found = _YEAR_FIRST(text)
    if found is not None:
        return str(found[1])
    return _OTHER if _DATE(text) else None
