"""The names of the columns of a recipient table, in the job and in templates.

White space within a name counts as one space, also the line ends of a spreadsheet. A column that
the job names is found in capitals or not. A column whose name is no identifier has a second name in
templates (`First_Name` for `First Name`), unless that could mean another column. Knows names only,
never a cell.

Tests: tests/recipients/test_plan.py, tests/render/test_second_names.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: The names of every template, which no column may take.
TEMPLATE_NAMES = ("recipient", "rows", "job", "edition", "now", "variables", "delivery")
# Other names of templates: Jinja2's functions, and names that Jinja2 defines in places.
_KNOWN = """
range dict lipsum cycler joiner namespace self super loop caller varargs kwargs
and or not in is if else true false none True False None
"""
_TAKEN = frozenset((*TEMPLATE_NAMES, *_KNOWN.split()))
_MOST_MEANT = 2
_APART = re.compile(r"\W+")
_MARKS = re.compile(r"[\W_]+")
_MARKUP = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")


def column_name(text: str) -> str:
    """Return the name of a column from the cell of the header.

    Example:
        >>> column_name("  First   Name ")
        'First Name'
    """
    return " ".join(text.split())


def find_column(wanted: str, columns: Sequence[str]) -> str | None:
    """Return the column that a name means: its own, or the only one that differs in case alone.

    None where there is none, and where there are several.
    """
    if wanted in columns:
        return wanted
    folded = column_name(wanted).casefold()
    found = [name for name in columns if column_name(name).casefold() == folded]
    return found[0] if len(found) == 1 else None


def named_columns(wanted: Iterable[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that names of the job mean, in that order; a name without one stays.

    >>> named_columns(("email", "plan"), ("Email", "Plan", "PLAN"))
    ('Email', 'plan')
    """
    return tuple(find_column(name, columns) or name for name in wanted)


def second_names(columns: Sequence[str]) -> dict[str, str]:
    """Return the second names of columns that are no identifiers, with the column of each.

    Everything but letters, digits and underscores becomes an underscore: `E-Mail` is `E_Mail`. A
    second name that several columns would have, or that means something already, is not there.
    """
    found: dict[str, list[str]] = {}
    for column in columns:
        name = _APART.sub("_", column).strip("_")
        if not column.isidentifier() and name.isidentifier():
            found.setdefault(name, []).append(column)
    return {
        name: owners[0]
        for name, owners in found.items()
        if len(owners) == 1 and name not in columns and name not in _TAKEN
    }


def ways_to_write(column: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the ways to write a column in a template, the shortest first.

    >>> ways_to_write("First Name", ["email", "First Name"])
    ('First_Name', 'recipient["First Name"]')
    """
    if column.isidentifier() and column not in _TAKEN:
        return (column,)
    quote = "'" if '"' in column else '"'
    item = f"recipient[{quote}{column}{quote}]"
    second = next((name for name, owner in second_names(columns).items() if owner == column), None)
    return (second, item) if second is not None else (item,)


def column_hint(name: str, columns: Iterable[str], source: str | None = None) -> str | None:
    """Say how to write the column that an undefined name probably means.

    `source` is the text around the name. Only columns whose names are no identifiers are looked
    at: a template cannot have such a name.
    """
    known = list(columns)
    odd = [column for column in known if not column.isidentifier()]
    meant = [column for column in odd if source is not None and _stands_bare(column, source)]
    if not meant:
        letters = _MARKS.sub("", name).casefold()
        meant = [column for column in odd if _MARKS.sub("", column).casefold() == letters]
    if not meant or len(meant) > _MOST_MEANT:
        return None
    told = [f"{column!r}: write {' or '.join(ways_to_write(column, known))}" for column in meant]
    return f"The column is {', or '.join(told)}."


def bare_column_hint(text: str, columns: Iterable[str]) -> str | None:
    """Say how a column is written that stands in a template as in the table: `{{ First Name }}`."""
    return column_hint("", columns, text)


def _stands_bare(column: str, source: str) -> bool:
    """Say whether a name stands in the markup of a template, and not in quotes."""
    if not _APART.search(column.strip()):
        return False
    inside = " ".join(_QUOTED.sub('""', markup) for markup in _MARKUP.findall(source))
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", inside) is not None
