"""The names that templates see: the row's columns, `recipient`, `rows`, and the constants.

A column whose name is no identifier has a second one where that is plain (`First_Name`).

`now` in a message is the delivery's own date, in the time zone of the run: a resend tomorrow says
what it said today.

`delivery.token` is the delivery's own, and so the same at a resend. `delivery.correction` says
that the recipient has a letter with a mistake, which this one corrects.

A group of several addresses sees the columns of `group_by` and nothing else of any row, so that no
template can show one recipient a value of another.

Tests: tests/render/test_groups.py, tests/render/test_second_names.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mailbatch.envelope import Delivery, Recipient, address_key
from mailbatch.job.columns import second_names
from mailbatch.render.scopes import Kind, Shape
from mailbatch.render.templates import Names

if TYPE_CHECKING:
    from mailbatch.job.model import Job

_KINDS = {str: Kind.TEXT, bool: Kind.TRUTH, int: Kind.NUMBER, float: Kind.NUMBER}
_OF_DELIVERY = {"token": Kind.TEXT, "correction": Kind.TRUTH}
_DELIVERY = Shape(frozenset(_OF_DELIVERY), kinds=_OF_DELIVERY)


def job_constants(job: Job, *, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return `job`, which shows no secrets, and `variables`, for templates."""
    return {"job": job.for_templates, "variables": _plain(variables)}


def constants(
    job: Job, *, edition: str, now: datetime, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the names that no row gives; `now` is replaced by the date of each delivery."""
    return {**job_constants(job, variables=variables), "edition": edition, "now": now}


def constant_shapes(names: Mapping[str, Any]) -> dict[str, Shape]:
    """Return the shapes of such names: of a mapping, the keys and the kinds of the values."""
    return {
        name: Shape(frozenset(value), kinds={key: _kind(item) for key, item in value.items()})
        if type(value) is dict
        else Shape(kind=_kind(value))
        for name, value in names.items()
    }


def _kind(value: object) -> Kind:
    return _KINDS.get(type(value), Kind.ANY)


def _plain(value: Any) -> Any:
    """Copy mappings and lists, so that templates get plain ones of their own."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _several(rows: tuple[Recipient, ...]) -> bool:
    """Tell rows of several addresses: the rest of a split group may have one address only."""
    return len({address_key(row.address) for row in rows}) > 1


class RowNames:
    """Makes the names of each delivery from its rows.

    `base` are the constants and Jinja2's own functions; the time zone is that of `now`.
    """

    def __init__(
        self, columns: tuple[str, ...], group_by: tuple[str, ...], base: Mapping[str, Any]
    ) -> None:
        self.columns = columns
        self._identifiers = tuple(name for name in columns if name.isidentifier())
        self._all_identifiers = len(self._identifiers) == len(columns)
        self._second = second_names(columns)
        self._group_by = tuple((name, columns.index(name)) for name in group_by if name in columns)
        self._base = dict(base)
        zone = base["now"].tzinfo
        self._at = lru_cache(maxsize=16)(lambda seconds: datetime.fromtimestamp(seconds, zone))

    def of(self, delivery: Delivery) -> Names:
        """Return the names that a delivery's templates see."""
        rows = delivery.rows
        first = rows[0].values
        if len(delivery.addresses) > 1 or (len(rows) > 1 and _several(rows)):
            recipient = {name: first[index] for name, index in self._group_by}
            names = self._as_names(recipient)
            return {
                **self._base,
                "now": self._at(delivery.date),
                **names,
                "recipient": recipient,
                "delivery": {"token": delivery.token, "correction": delivery.correction},
            }
        recipient = dict(zip(self.columns, first, strict=True))
        others = (
            [dict(zip(self.columns, row.values, strict=True)) for row in rows[1:]]
            if len(rows) > 1
            else ()
        )
        names = recipient
        if not self._all_identifiers:
            names = self._as_names(recipient)
        return {
            **self._base,
            "now": self._at(delivery.date),
            **names,
            "recipient": recipient,
            "rows": [recipient, *others],
            "delivery": {"token": delivery.token, "correction": delivery.correction},
        }

    def further(self, names: Names) -> list[Names]:
        """Return the names of each further row of a message, as if the row stood first.

        None for a group of several addresses, whose templates see what its rows share.
        """
        return [
            {**names, **self._as_names(row), "recipient": row} for row in names.get("rows", ())[1:]
        ]

    def _as_names(self, recipient: Mapping[str, str]) -> dict[str, str]:
        """Return the columns of a row by the names that templates write: first or second ones."""
        names = {name: recipient[name] for name in self._identifiers if name in recipient}
        for name, column in self._second.items():
            if column in recipient:
                names[name] = recipient[column]
        return names

    def shapes(self, *, several: bool) -> dict[str, Shape]:
        """Return the shapes of a row's names, for one address or for a group of several."""
        columns = tuple(name for name, _ in self._group_by) if several else self.columns
        keys = frozenset(columns)
        names = {
            name: Shape(kind=Kind.CELL, column=self._second.get(name, name))
            for name in self._as_names(dict.fromkeys(columns, ""))
        }
        names["recipient"] = Shape(keys, kind=Kind.CELL)
        names["delivery"] = _DELIVERY
        if not several:
            names["rows"] = Shape(keys, items=True, kind=Kind.CELL)
        return names
