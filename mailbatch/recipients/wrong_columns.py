"""The columns that a job names and its table lacks, each with a hint at the column that is meant.

    for error in wrong_columns(job, table): ...

This module must never guess: a hint names columns that are there, and the job decides.

Tests: tests/recipients/test_plan.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailbatch.errors import Location, RecipientError
from mailbatch.job.advice import list_advice, quotes_advice, unquoted
from mailbatch.job.columns import TEMPLATE_NAMES, column_name, find_column
from mailbatch.job.model import Job
from mailbatch.recipients.header import DELIMITERS, text_form
from mailbatch.recipients.records import Records
from mailbatch.suggest import did_you_mean_or_all, nearest

_OFFERED = 3  # columns that a hint offers
_JSON = "JSON is read from a file that is named .jsonl, one object a line: jq -c '.[]' writes that."


def _scalar(name: str) -> str:
    """Return the name of a column as YAML takes it."""
    return name if name.replace("-", "_").isidentifier() else repr(name)


def wrong_columns(job: Job, table: Records) -> Iterator[RecipientError]:
    """Yield an error for each column that the job names and the table lacks, or must not have."""
    columns = table.columns
    place = Location(table.shown, table.header)
    wanted = job.recipients
    if find_column(wanted.address, columns) is None:
        message = f"no column {wanted.address!r}, which recipients.address names"
        yield RecipientError(message, location=place, hint=_address_hint(job, table))
    for name in wanted.key:
        if find_column(name, columns) is None:
            message = f"no column {name!r}, which recipients.key names"
            hint = _names_hint(name, columns) or _column_hint(name, columns)
            yield RecipientError(message, location=place, hint=hint)
    for name in wanted.group_by:
        if find_column(name, columns) is None:
            message = f"no column {name!r}, which recipients.group_by names"
            hint = _names_hint(name, columns) or _missing_hint(name, columns)
            yield RecipientError(message, location=place, hint=hint)
    for name in columns:
        if name in TEMPLATE_NAMES:
            yield RecipientError(
                f"the column {name!r} would hide what templates know by that name",
                location=place,
                hint=f"Rename it; these names are taken: {', '.join(TEMPLATE_NAMES)}.",
            )


def _missing_hint(name: str, columns: tuple[str, ...]) -> str | None:
    if columns[0].startswith(("{", "[")):
        return _JSON
    if len(columns) == 1 and any(mark in columns[0] for mark in DELIMITERS):
        return "The whole header is one column; is `recipients.delimiter` right?"
    inside = unquoted(name)
    if inside is not None and find_column(inside, columns) is not None:
        return quotes_advice(name)
    return did_you_mean_or_all(name, columns)


def _names_hint(name: str, columns: tuple[str, ...]) -> str | None:
    """Return a hint at the columns that one text names, None where one of them is not there."""
    names = re.split(r"[,;]", name)
    if all(find_column(one, columns) is not None for one in names):
        return list_advice(name)
    return None


def _column_hint(name: str, columns: tuple[str, ...]) -> str | None:
    """Return a hint at the column that a name may mean, which differs in more than letter case."""
    alike = _alike(name, columns)
    if len(alike) > 1:
        return f"It could be {' or '.join(map(repr, alike))}."
    return _missing_hint(name, columns)


def _alike(name: str, columns: tuple[str, ...]) -> list[str]:
    """Return the columns whose names differ from a name in letter case alone."""
    folded = column_name(name).casefold()
    return [column for column in columns if column_name(column).casefold() == folded]


def _address_hint(job: Job, table: Records) -> str | None:
    """Return a hint at the column that may have the address, or at the line of the header."""
    wanted, columns = job.recipients, table.columns
    if wanted.form not in {"jsonl", "xlsx"} and (form := text_form(columns)) is not None:
        noun = "The output" if wanted.command else "The file"
        return (
            f"{noun} is {form}, not a table. The first line of a table names the columns, such "
            "as: email,first_name"
        )
    hint = _missing_hint(wanted.address, columns)
    if hint == _JSON or (len(columns) == 1 and any(mark in columns[0] for mark in DELIMITERS)):
        return hint
    from mailbatch.recipients.address_column import likely_address_columns

    meant = _alike(wanted.address, columns) or likely_address_columns(table)
    near = meant[0] if meant else nearest(wanted.address, columns)
    if len(meant) > 1:
        hint = f"It could be {' or '.join(map(repr, meant[:_OFFERED]))}."
    elif meant and unquoted(wanted.address) is None:
        hint = f"Did you mean {near!r}?"
    if near is not None:
        # The table may come from another program: then it is the job that is changed.
        return f"{hint} Then write `address: {_scalar(near)}` under `recipients:`."
    if wanted.form != "jsonl" and wanted.header_row is None:
        line = "row" if wanted.form == "xlsx" else "line"
        key = "write `header_row:` under `recipients:`"
        return f"{hint} If another {line} names the columns, {key}."
    return hint
