"""The environment of templates and of `where`: Jinja2's immutable sandbox, with a budget.

Compiled templates call the budget where a value grows, a loop turns or a container is kept. The
check is made at the cheapest place: a text for the output, the usual case, is told by the type
alone. Constant expressions that could grow are not computed while a template is compiled.

Tests: tests/render/test_bounds.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2 import Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import (
    ImmutableSandboxedEnvironment,
    SandboxedEscapeFormatter,
    SandboxedFormatter,
)
from markupsafe import Markup

from mailbatch.expressions.budget import Budget, fits, number, shallow, weight
from mailbatch.expressions.growth import OF_TEXT, BoundedFilters, check_method
from mailbatch.expressions.numbers import strict

_DIGITS = re.compile(r"\d+")
_GROWING = {"+": "added", "*": "multiplied", "**": "raised", "%": "formatted"}
#: What compiled templates call, by the names that stand in their code.
_CALLED = (*_GROWING.values(), "checked", "held", "markup_join", "str_join", "text", "turns")
_METHODS = (MethodType, BuiltinMethodType)
_FORMATS = ("format", "format_map")
_UNLESS_TEXT = "(made if (made := ", ").__class__ is str else {}(made))"


class BoundedTemplate(Template):
    """A compiled template that calls the budget of the environment."""

    @classmethod
    def from_code(cls, *given: Any, **named: Any) -> Template:
        """Make a template of compiled code."""
        template = super().from_code(*given, **named)
        budget: Budget = template.environment.budget  # type: ignore[attr-defined]
        names = template.root_render_func.__globals__
        names.update({name: getattr(budget, name) for name in _CALLED})
        return template


class _Bounded:
    """A formatter of `str.format` that looks at every field."""

    budget: Budget

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Check the widths, then format the value."""
        widths = sum(map(number, _DIGITS.findall(format_spec)))
        self.budget.spend(fits(weight(value) + widths))
        return super().format_field(value, format_spec)  # type: ignore[misc]

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Check the weight of a value, then convert the value."""
        self.budget.spend(weight(value))
        return super().convert_field(value, conversion)  # type: ignore[misc]


class _Formatter(_Bounded, SandboxedFormatter):
    pass


class _EscapeFormatter(_Bounded, SandboxedEscapeFormatter):
    pass


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """The sandbox, in which a key of a mapping comes before a method of the same name.

    `budget` bounds a rendering; the caller of a rendering calls `Budget.begin` first.
    """

    template_class: type[Template] = BoundedTemplate
    intercepted_binops = frozenset(_GROWING)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.budget = Budget()
        self.concat = self.budget.concat  # type: ignore[method-assign]
        self.code_generator_class = BoundedGenerator
        self.filters.update(BoundedFilters(self.filters, self.budget).table)
        self.filters |= {name: strict(self.filters[name], name) for name in ("int", "float")}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look up `obj.attribute`: a column called `items` is the column."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def get_template(self, *given: Any, **named: Any) -> Template:
        """Return a template, also one that another includes: a step."""
        self.budget.step()
        return super().get_template(*given, **named)

    def call(self, context: Any, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call something that a template calls: a step."""
        budget = self.budget
        budget.step()
        owner = getattr(called, "__self__", None)
        if isinstance(owner, str | bytes | int):
            given = (*args, *kwargs.values())
            found = check_method(budget, called.__name__, owner, given)
            args = tuple(found) if found is not given else args
        elif isinstance(called, type):  # dict, namespace, cycler: what keeps its arguments
            budget.spend(shallow([*args, *kwargs.values()]))
        return super().call(context, called, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Return a bounded `str.format` or `str.format_map`."""
        # Asked for every attribute that a template looks up.
        if not isinstance(value, _METHODS) or value.__name__ not in _FORMATS:
            return None
        owner = value.__self__
        if not isinstance(owner, str):
            return None
        formatter: _Bounded = _Formatter(self)
        if isinstance(owner, Markup):
            formatter = _EscapeFormatter(self, escape=owner.escape)
        formatter.budget = self.budget
        vformat = formatter.vformat  # type: ignore[attr-defined]
        self.budget.spend(len(owner))
        if value.__name__ == "format":
            return lambda *given, **named: type(owner)(vformat(owner, given, named))
        return lambda mapping: type(owner)(vformat(owner, (), mapping))


def _operator(name: str) -> Callable[[CodeGenerator, nodes.BinExpr, Frame], None]:
    def visit(self: CodeGenerator, node: nodes.BinExpr, frame: Frame) -> None:
        self.write(f"{name}(")
        self.visit(node.left, frame)
        self.write(", ")
        self.visit(node.right, frame)
        self.write(")")

    return visit


class BoundedGenerator(CodeGenerator):
    """Jinja2's code generator, which writes the calls of the budget."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._around: dict[int, tuple[str, str]] = {}

    def visit(self, node: nodes.Node, *given: Any, **named: Any) -> Any:
        """Write a node, with the texts that are to stand around the node."""
        before, after = self._around.pop(id(node), ("", ""))
        self.write(before)
        super().visit(node, *given, **named)
        self.write(after)

    visit_Add = _operator("added")  # noqa: N815 - Jinja2's
    visit_Mul = _operator("multiplied")  # noqa: N815
    visit_Pow = _operator("raised")  # noqa: N815
    visit_Mod = _operator("formatted")  # noqa: N815

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802
        """Count the turns."""
        self._around[id(node.iter)] = ("turns(", ")")
        super().visit_For(node, frame)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802
        """Check a value that the filter is about to write as text."""
        if node.name in OF_TEXT and node.node is not None:
            self._around[id(node.node)] = (_UNLESS_TEXT[0], _UNLESS_TEXT[1].format("checked"))
        super().visit_Filter(node, frame)

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802
        """Count what is kept."""
        self.write("held(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        """Count what is kept."""
        self.write("held(")
        super().visit_Dict(node, frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802
        """Count a tuple that holds values, not one that is assigned to."""
        kept = node.ctx == "load" and not all(isinstance(i, nodes.Const) for i in node.items)
        self.write("held(" if kept else "")
        super().visit_Tuple(node, frame)
        self.write(")" if kept else "")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or frame.eval_ctx.autoescape:
            super()._output_child_pre(node, frame, finalize)
            return
        self.write(_UNLESS_TEXT[0] + (finalize.src or ""))

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or frame.eval_ctx.autoescape:
            super()._output_child_post(node, frame, finalize)
            return
        self.write((")" if finalize.src is not None else "") + _UNLESS_TEXT[1].format("text"))
