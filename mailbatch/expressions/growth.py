"""Filters and methods whose result may be many times as long as the arguments.

The size of the result is computed from the arguments before such a filter or method runs. Every
other filter or method gives at most a few times the length of the arguments.

Tests: tests/render/test_bounds.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from jinja2 import pass_environment, pass_eval_context
from jinja2.environment import Environment
from jinja2.filters import make_attrgetter
from jinja2.nodes import EvalContext

from mailbatch.expressions.budget import Budget, TooMuchError, fits, formatted_size, shallow, weight

Filter: TypeAlias = Callable[..., Any]

#: Filters that write what they are given as text, whatever it is.
OF_TEXT = frozenset(
    {
        "capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower",
        "pprint", "replace", "safe", "string", "striptags", "title", "tojson", "trim", "truncate",
        "upper", "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr",
    }
)  # fmt: skip

_MOST_INDENT = 100
_MOST_PRECISION = 400  # what a float has digits for
_MOST_SLICES = 100_000
_OBJECT = 64  # what a short text takes in memory


class BoundedFilters:
    """The growing filters of an environment, each with a check of the size of the result.

    `table` maps names to filters. The arguments are those of Jinja2's filters.
    """

    def __init__(self, filters: Mapping[str, Filter], budget: Budget) -> None:
        self._own = dict(filters)
        self._budget = budget
        self.table: dict[str, Filter] = {
            "batch": self._batch,
            "center": self._center,
            "format": self._format,
            "indent": self._indent,
            "join": self._join,
            "list": self._list,
            "replace": self._replace,
            "round": self._round,
            "slice": self._slice,
            "sum": self._sum,
            "tojson": self._tojson,
            "urlize": self._urlize,
            "wordwrap": self._wordwrap,
        }

    def _batch(self, value: Any, linecount: int, fill_with: Any = None) -> Any:
        self._budget.spend(fits(linecount if fill_with is not None else 0))
        return self._own["batch"](value, linecount, fill_with)

    def _center(self, value: Any, width: int = 80) -> Any:
        self._budget.spend(fits(width))
        return self._own["center"](value, width)

    def _format(self, value: Any, *given: Any, **named: Any) -> Any:
        self._budget.spend(fits(formatted_size(str(value), named or given)))
        return self._own["format"](value, *given, **named)

    def _indent(self, value: Any, width: Any = 4, *given: Any, **named: Any) -> Any:
        text = str(value)
        each = len(width) if isinstance(width, str) else width
        self._budget.spend(fits(len(text) + (text.count("\n") + 1) * each))
        return self._own["indent"](value, width, *given, **named)

    @pass_eval_context
    def _join(self, context: EvalContext, value: Any, d: Any = "", attribute: Any = None) -> Any:
        values = list(self._budget.turns(value))
        if attribute is not None:
            values = list(map(make_attrgetter(context.environment, attribute), values))
        self._budget.spend(fits(weight(values) + len(str(d)) * len(values)))
        return self._own["join"](context, values, d)

    @pass_eval_context
    def _list(self, context: EvalContext, value: Any) -> Any:
        made = self._own["list"](context, self._budget.turns(value))
        self._budget.spend(shallow(made))
        return made

    @pass_eval_context
    def _replace(
        self, context: EvalContext, s: Any, old: Any, new: Any, count: int | None = None
    ) -> Any:
        most = -1 if count is None else count
        self._budget.spend(fits(_replaced_size(str(s), str(old), str(new), most)))
        return self._own["replace"](context, s, old, new, count)

    def _round(self, value: Any, precision: int = 0, method: Any = "common") -> Any:
        if abs(precision) > _MOST_PRECISION:
            raise TooMuchError(f"rounds to more than {_MOST_PRECISION} digits")
        return self._own["round"](value, precision, method)

    @pass_eval_context
    def _slice(self, context: EvalContext, value: Any, slices: int, fill_with: Any = None) -> Any:
        fits(slices, _MOST_SLICES)
        return self._own["slice"](context, self._budget.turns(value), slices, fill_with)

    @pass_environment
    def _sum(
        self, environment: Environment, values: Any, attribute: Any = None, start: Any = 0
    ) -> Any:
        parts = self._budget.turns(values)
        if isinstance(start, list | tuple):
            parts = list(parts)
            if attribute is not None:
                parts = list(map(make_attrgetter(environment, attribute), parts))
                attribute = None
            # What stands first is copied once for every one behind it.
            sizes = [shallow(part) for part in parts if isinstance(part, list | tuple)]
            self._budget.spend(sum(sizes) * len(sizes))
        return self._own["sum"](environment, parts, attribute, start)

    @pass_eval_context
    def _tojson(self, context: EvalContext, value: Any, indent: int | None = None) -> Any:
        fits(indent or 0, _MOST_INDENT)
        return self._own["tojson"](context, value, indent)

    @pass_eval_context
    def _urlize(self, context: EvalContext, value: Any, *given: Any, **named: Any) -> Any:
        # Each address in the text may get all of these.
        more = 1 + shallow([*given, *named.values()]) // _OBJECT
        self._budget.spend(fits(len(str(value)) * more))
        return self._own["urlize"](context, value, *given, **named)

    @pass_environment
    def _wordwrap(
        self,
        environment: Environment,
        s: Any,
        width: int = 79,
        break_long_words: bool = True,
        wrapstring: str | None = None,
        *given: Any,
        **named: Any,
    ) -> Any:
        fits(len(str(s)) * max(1, len(wrapstring or "")))
        wrap = self._own["wordwrap"]
        return wrap(environment, s, width, break_long_words, wrapstring, *given, **named)


def check_method(budget: Budget, name: str, owner: Any, given: Sequence[Any]) -> Sequence[Any]:
    """Check the size of the result of a method of a text or number, and return the arguments.

    Raises:
        TooMuchError: The result would be longer than `LONGEST` characters.
    """
    look = _METHODS.get(name)
    if look is None or not given:
        return given
    if name == "join":
        given = (list(budget.turns(given[0])),)
    budget.spend(fits(look(owner, given)))
    return given


def _replaced_size(text: Any, old: Any, new: Any, count: int = -1) -> int:
    times: int = text.count(old)
    times = times if count < 0 else min(times, count)
    return len(text) + times * max(0, len(new) - len(old))


def _width(_: Any, given: Sequence[Any]) -> int:
    return operator.index(given[0])


def _tabs(owner: Any, given: Sequence[Any]) -> int:
    tab = b"\t" if isinstance(owner, bytes) else "\t"
    found: int = owner.count(tab)
    return len(owner) + found * max(0, operator.index(given[0]))


def _joined(owner: Any, given: Sequence[Any]) -> int:
    return weight(given[0]) + len(owner) * len(given[0])


def _translated(owner: Any, given: Sequence[Any]) -> int:
    values = given[0].values() if isinstance(given[0], Mapping) else ()
    return len(owner) * max((len(one) for one in values if isinstance(one, str)), default=1)


def _pieces(owner: Any, given: Sequence[Any]) -> int:
    between = given[0]
    return _OBJECT * (owner.count(between) if between else len(owner))


_METHODS: dict[str, Callable[[Any, Sequence[Any]], int]] = {
    "center": _width,
    "expandtabs": _tabs,
    "join": _joined,
    "ljust": _width,
    "replace": lambda owner, given: _replaced_size(owner, *given[:3]) if len(given) > 1 else 0,
    "rjust": _width,
    "rsplit": _pieces,
    "split": _pieces,
    "to_bytes": _width,
    "translate": _translated,
    "zfill": _width,
}
