"""`recipients.where`: the Jinja2 expression that is true for the rows to be mailed.

    where: plan == 'pro' and age | int > 17

The expression is compiled once in an immutable sandbox and checked against the columns before any
row is read. The names of templates are known (the columns, `recipient`, the names of the job), but
no name that would make two plans of the same files differ. The result must be true or false: a cell
is text, and a text taken for a truth value would mail the rows whose cell says `no` (`truths.py`:
also behind `not`, and beside `and`). Comparing a text with a number is a mistake of the job
(`comparing.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import TypeAlias

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from mailbatch.errors import JobError, Location
from mailbatch.expressions.sandbox import BoundedSandbox
from mailbatch.expressions.slips import bare_text, slip
from mailbatch.job.columns import bare_column_hint, column_hint, second_names
from mailbatch.recipients.comparing import Comparisons, kinds_differ, prepare
from mailbatch.recipients.truths import Truths, prepare_truths
from mailbatch.suggest import did_you_mean_or_all, nearest

#: Tells whether a row is wanted, from its cells in the order of the columns. Raises `ValueError`
#: with a reason for people if the expression fails for this row.
Condition: TypeAlias = Callable[[tuple[str, ...]], bool]

_ASKS = frozenset({"defined", "undefined", "default", "d"})
# The name of the template itself in Jinja2, which no value can replace.
_TAKEN = "self"
_RESULT = "result"
_SHOWN = 60


def reads(expression: str, name: str) -> bool:
    """Say whether an expression that compiles reads a name.

    >>> reads("until >= now.isoformat()", "now"), reads("day == 'now'", "now")
    (True, False)
    """
    tree = BoundedSandbox().parse(f"{{{{ ({expression}) }}}}")
    return any(node.name == name for node in tree.find_all(nodes.Name))


def compile_where(
    expression: str,
    columns: tuple[str, ...],
    *,
    names: Mapping[str, object],
    location: Location,
) -> Condition:
    """Compile the expression for rows of these columns.

    `names` are the names beside the columns and `recipient`, such as `variables` and `edition`;
    `location` is the place of the expression. The condition raises `JobError` for a result that is
    neither true nor false, and for a text compared with a number.

    Raises:
        JobError: the text is no expression, or uses a name that nothing defines.
    """
    environment = BoundedSandbox(undefined=StrictUndefined)
    del environment.filters["random"], environment.globals["lipsum"]
    prepare(environment.filters, environment.tests)
    prepare_truths(environment.filters)
    try:
        result = _parsed(environment, expression)
        template = environment.from_string(nodes.Template([result], lineno=1))
    except TemplateSyntaxError as error:
        message = f"is no expression: {(error.message or '').rstrip('.')}"
        hint = _syntax_hint(expression, columns)
        raise JobError(message, location=location, hint=hint) from None
    except (RecursionError, MemoryError, SyntaxError):  # of Jinja2 or of the Python that it writes
        raise JobError("is nested too deep", location=location) from None
    second = [(name, columns.index(owner)) for name, owner in second_names(columns).items()]
    known = [name for name in columns if name.isidentifier() and name != _TAKEN]
    known += [*(name for name, _ in second), "recipient", *names]
    keys: dict[str, tuple[str, ...]] = {"recipient": columns}
    keys |= {name: tuple(value) for name, value in names.items() if isinstance(value, Mapping)}
    for message, hint in unknown_names(expression, result, known, environment.globals, keys):
        raise JobError(message, location=location, hint=hint)
    # One: another context costs ten times the expression.
    context = template.new_context(dict(names))

    def condition(cells: tuple[str, ...]) -> bool:
        row = dict(zip(columns, cells, strict=True))
        context.vars = {name: cells[index] for name, index in second} | row | {"recipient": row}
        environment.budget.begin()
        try:
            list(template.root_render_func(context))  # the template has no output
            value = context.vars[_RESULT]
            if type(value) is bool:
                return value
            found = f"{type(value).__name__} {str(value)[:_SHOWN]!r}"
        # The expression is the user's: any error means that the expression fails for this row.
        except Exception as error:  # noqa: BLE001
            if (mistake := kinds_differ(error)) is not None:
                message, hint = mistake
                raise JobError(message, location=location, hint=hint) from None
            raise ValueError(f"`where` fails: {error}") from None
        raise JobError(
            f"gives neither true nor false but {found}",
            location=location,
            hint="Compare it, as in plan == 'pro' or age | int > 17: cells are text.",
        )

    return condition


def _parsed(environment: BoundedSandbox, expression: str) -> nodes.Assign:
    """Return the statement of a template that leaves the value of the expression as the result."""
    parser = Parser(environment, expression, state="variable")
    tree = parser.parse_expression()
    parser.stream.expect("eof")
    value = Comparisons().visit(Truths().deciding(tree))
    return nodes.Assign(nodes.Name(_RESULT, "store"), value, lineno=1)


def _syntax_hint(expression: str, columns: Sequence[str]) -> str | None:
    if expression.lstrip().startswith("{"):
        return "Write it without {{ }}."
    return bare_column_hint(f"{{{{ {expression} }}}}", columns) or slip(expression)


def unknown_names(
    expression: str,
    tree: nodes.Node,
    known: Sequence[str],
    functions: Container[str],
    keys: Mapping[str, tuple[str, ...]],
) -> Iterator[tuple[str, str | None]]:
    """Yield a message and a hint for every name that nothing defines.

    `functions` are the names that Jinja2 itself defines, `keys` are the keys of names that are
    mappings. A name under a test such as `is defined` may be absent.
    """
    asked = {
        _dotted(question.node)
        for question in tree.find_all((nodes.Test, nodes.Filter))
        if question.name in _ASKS and question.node is not None
    }
    used = dict.fromkeys(node.name for node in tree.find_all(nodes.Name) if node.ctx == "load")
    for name in used:
        if name in known or name in functions or name in asked:
            continue
        columns = keys["recipient"]
        if name in columns:
            yield f"nothing defines {name!r}", f"The column is recipient[{name!r}] here."
        else:
            hint = column_hint(name, columns, f"{{{{ {expression} }}}}")
            if hint is None and nearest(name, known) is None:
                hint = bare_text(name, expression)
            yield f"nothing defines {name!r}", hint or did_you_mean_or_all(name, known)
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        mapping, _, key = _dotted(node).partition(".")
        if mapping not in keys or key in keys[mapping] or f"{mapping}.{key}" in asked:
            continue
        if isinstance(node, nodes.Getattr) and hasattr(dict, key):
            continue
        hint = column_hint(key, keys[mapping]) if mapping == "recipient" else None
        yield f"{mapping!r} has no {key!r}", hint or did_you_mean_or_all(key, keys[mapping])


def _dotted(node: nodes.Node) -> str:
    """Return `name` or `name.key` for a name and its constant key in either spelling, else ""."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            return f"{node.node.name}.{node.attr}"
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return f"{node.node.name}.{node.arg.value}"
    return ""
