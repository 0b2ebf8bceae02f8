"""The shapes of a macro's arguments, as far as the calls in the same template tell.

    {% macro price(a) %}{% if a > 5 %}...{% endif %}{% endmacro %}
    {{ price(amount) }}                    `a` is a cell, and compared with a number

A call that is not known (of another template, or of a macro under another name) could give
anything: then nothing is known of the arguments. This module must never walk a template.

Tests: tests/render/test_comparisons.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import nodes

from mailbatch.frozen import frozen
from mailbatch.render.kinds import TEXTS, shape_of
from mailbatch.render.scopes import ANYTHING, Kind, Scope, Shape


@frozen
class _Given:
    """The shapes that one call gives, by place and by name."""

    places: tuple[Shape, ...]
    names: Mapping[str, Shape]


class MacroCalls:
    """The calls of a walk over templates, with the shapes of what each gives at its place."""

    def __init__(self) -> None:
        self._given: dict[int, list[_Given]] = {}

    def note(self, call: nodes.Call, scope: Scope) -> None:
        """Keep a call; `scope` has the names at its place, some of which may change behind it."""
        if isinstance(call.node, nodes.Name) and call.dyn_args is None and call.dyn_kwargs is None:
            places = tuple([shape_of(value, scope) for value in call.args])
            names = {one.key: shape_of(one.value, scope) for one in call.kwargs}
            self._given.setdefault(id(call), []).append(_Given(places, names))

    def arguments(self, macro: nodes.Macro, tree: nodes.Template) -> dict[str, Shape]:
        """Return the shape of each argument of a macro of a template, by the argument's name."""
        names = [argument.name for argument in macro.args]
        late = names[len(names) - len(macro.defaults) :]
        usual = dict.fromkeys(names, ANYTHING)
        usual |= {
            name: shape_of(value, Scope(None))
            for name, value in zip(late, macro.defaults, strict=True)
        }
        calls = [
            {**usual, **dict(zip(names, given.places, strict=False)), **given.names}
            for given in self._known_calls(macro, tree)
        ]
        return {name: _joined([one[name] for one in calls]) for name in names}

    def _known_calls(self, macro: nodes.Macro, tree: nodes.Template) -> list[_Given]:
        """Return what all calls of a macro give; nothing where its name has another use, too."""
        calls = [
            call
            for call in tree.find_all(nodes.Call)
            if isinstance(call.node, nodes.Name) and call.node.name == macro.name
        ]
        uses = sum(name.name == macro.name for name in tree.find_all(nodes.Name))
        macros = sum(other.name == macro.name for other in tree.find_all(nodes.Macro))
        if uses != len(calls) or macros != 1 or any(id(one) not in self._given for one in calls):
            return []
        return [given for call in calls for given in self._given[id(call)]]


def _joined(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of an argument that has one of these at each call."""
    if not shapes:
        return ANYTHING
    if all(one == shapes[0] for one in shapes):
        return shapes[0]
    if all(one.kind in TEXTS and one.keys is None and not one.items for one in shapes):
        cells = all(one.kind is Kind.CELL for one in shapes)
        return Shape(kind=Kind.CELL if cells else Kind.TEXT)
    return ANYTHING
