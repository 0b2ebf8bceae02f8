"""The undefined names of a template, found in the syntax tree.

Follows Jinja2's scopes: loops, macros, `with`, `set`, blocks along a chain of `extends`, includes
(which see the names of that place) and imports (which see the globals only). A name in a mere
question (`is defined`, `default(...)`) may be absent, and may be used in the branch where the name
is known to be defined. A template that an expression chooses is left to rendering. Never renders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field

from jinja2 import nodes

from mailbatch.frozen import frozen
from mailbatch.render.comparisons import judge, judge_condition
from mailbatch.render.guards import harmless
from mailbatch.render.kinds import items_of, shape_of
from mailbatch.render.macros import MacroCalls
from mailbatch.render.scopes import ANYTHING, Scope, Shape, defined_if, dotted, kinds_asked
from mailbatch.render.template_names import Fitting, named_templates
from mailbatch.render.verdicts import Doubt, Misuse

#: Finds the syntax tree of a template by name; None where there is no such template.
Trees = Callable[[str], nodes.Template | None]
#: The bodies of a block along a chain of `extends`, the most derived first, each with the template.
Blocks = Mapping[str, tuple[tuple[str | None, nodes.Block], ...]]

_DICT_METHODS = frozenset(name for name in dir(dict) if not name.startswith("_"))


@frozen
class Unknown:
    """A use of a name that nothing defines.

    `template` is None for a value of the job. `name` is dotted where a mapping lacks a key
    (`recipient.nmae`); `candidates` are the names that might have been meant.
    """

    template: str | None
    line: int
    name: str
    candidates: frozenset[str] = field(compare=False)


@frozen
class Missing:
    """A template that is included, imported or extended, and is not there."""

    template: str | None
    line: int
    name: str


@frozen
class Judged:
    """An expression that takes a text for something else, with the place of the template."""

    template: str | None
    line: int
    verdict: Misuse | Doubt


@frozen
class NameReport:
    """The result of `check_names`; `templates` are the names of all templates on the way."""

    unknown: tuple[Unknown, ...]
    missing: tuple[Missing, ...]
    templates: frozenset[str]
    judged: tuple[Judged, ...]


def check_names(
    tree: nodes.Template,
    name: str | None,
    *,
    known: Mapping[str, Shape],
    constants: Mapping[str, Shape],
    trees: Trees,
    fitting: Fitting,
) -> NameReport:
    """Find the undefined names of a template and of all templates that are named there.

    `known` are the names that rendering gives; `constants` those that imports see, too.
    """
    walk = _Walk(constants, trees, fitting)
    walk.template(tree, name, Scope(Scope(None, known)), {})
    return NameReport(
        tuple(dict.fromkeys(walk.unknown)),
        tuple(dict.fromkeys(walk.missing)),
        frozenset(walk.followed),
        tuple(dict.fromkeys(walk.judged)),
    )


@frozen
class _Place:
    """Where a walk is.

    `top` is the scope that blocks see; `block` the blocks that `super()` means here; `child` says
    that only assignments count, because the template extends another.
    """

    template: str | None
    top: Scope
    blocks: Blocks
    child: bool = False
    block: tuple[tuple[str | None, nodes.Block], ...] = ()


class _Walk:
    """A walk over a template, and over every template that an expression there can name.

    `unknown`, `missing`, `judged` and `followed` are the findings. `macros` are the macros whose
    bodies are still to be walked, each with the scope and the place of the definition. `calls` are
    those that were walked.
    """

    def __init__(self, constants: Mapping[str, Shape], trees: Trees, fitting: Fitting) -> None:
        self.unknown: list[Unknown] = []
        self.missing: list[Missing] = []
        self.judged: list[Judged] = []
        self.followed: set[str] = set()
        self._constants = constants
        self._trees = trees
        self._fitting = fitting
        self._open: list[str] = []
        #: The expressions that the ones around make harmless, by identity: nodes compare by value.
        self._harmless: dict[int, nodes.Node] = {}
        self.macros: list[tuple[nodes.Macro, Scope, _Place]] = []
        self.calls = MacroCalls()

    # Templates

    def template(
        self, tree: nodes.Template, name: str | None, scope: Scope, derived: Blocks
    ) -> None:
        if name is not None:
            self.followed.add(name)
        blocks = dict(derived)
        for block in tree.find_all(nodes.Block):
            blocks[block.name] = (*blocks.get(block.name, ()), (name, block))
        child = any(isinstance(node, nodes.Extends) for node in tree.body)
        place = _Place(name, scope, blocks, child)
        # `extends` walks the parent in this place, but assignments of the child count there, too.
        last = [node for node in tree.body if isinstance(node, nodes.Extends)]
        self.body([node for node in tree.body if node not in last], scope, place)
        waiting, self.macros = self.macros, []
        for macro, around, where in waiting:
            self.macro_body(macro, around, where, self.calls.arguments(macro, tree))
        self.body(last, scope, place)

    def follow(
        self, expression: nodes.Node, line: int, place: _Place, optional: bool
    ) -> Iterator[tuple[str, nodes.Template]]:
        """Give each template that an expression can name, as far as the syntax tree says."""
        choices, all_of_them = named_templates(expression, self._fitting)
        found = False
        for name in choices:
            tree = self._trees(name)
            if tree is not None:
                found = True
                yield name, tree
            elif all_of_them and not optional:
                self.missing.append(Missing(place.template, line, name))
        if choices and not found and not all_of_them and not optional:
            self.missing.append(Missing(place.template, line, choices[0]))

    def nested(self, name: str, tree: nodes.Template, scope: Scope, blocks: Blocks) -> None:
        if name in self._open:  # a recursive include ends somewhere, or rendering says so
            return
        self._open.append(name)
        self.template(tree, name, scope, blocks)
        self._open.pop()

    def apart(self) -> Scope:
        return Scope(Scope(None, self._constants))

    # Statements

    def body(self, body: Iterable[nodes.Node], scope: Scope, place: _Place) -> None:
        for node in body:
            visit = _STATEMENTS.get(type(node))
            if visit is not None:
                visit(self, node, scope, place)
            else:
                self.children(node, scope, place)

    def children(self, node: nodes.Node, scope: Scope, place: _Place) -> None:
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Stmt):
                self.body([child], scope, place)
            else:
                self.expression(child, scope, place)

    def macro_body(
        self, node: nodes.Macro, scope: Scope, place: _Place, arguments: Mapping[str, Shape]
    ) -> None:
        others = dict.fromkeys(("varargs", "kwargs", "caller"), ANYTHING)
        inside = scope.within({**others, **arguments})
        self.body(node.body, inside, _Place(place.template, place.top, place.blocks))

    def block_body(
        self,
        bodies: tuple[tuple[str | None, nodes.Block], ...],
        scope: Scope,
        place: _Place,
    ) -> None:
        (template, block), *overridden = bodies
        inside = scope.within({"super": ANYTHING})
        where = _Place(template, place.top, place.blocks, block=tuple(overridden))
        self.body(block.body, inside, where)

    # Expressions

    def expression(self, node: nodes.Node, scope: Scope, place: _Place) -> None:
        self._harmless.update((id(one), one) for one in harmless(node, scope))
        if id(node) not in self._harmless:
            self._judge(judge(node, scope), node, place)
        if isinstance(node, nodes.Name):
            self._name(node, scope, place)
        elif isinstance(node, nodes.Getattr | nodes.Getitem):
            self._key(node, scope, place)
        elif isinstance(node, nodes.Filter | nodes.Test) and node.name in _ASKS:
            self._asked(node, scope, place)
        elif isinstance(node, nodes.Call):
            self.calls.note(node, scope)
            self.children(node, scope, place)
        elif isinstance(node, nodes.And | nodes.Or):
            self.expression(node.left, scope, place)
            decided = defined_if(node.left, holds=isinstance(node, nodes.And))
            inside = scope.where(decided).of_kinds(kinds_asked(node.left))
            self.expression(node.right, inside, place)
        elif isinstance(node, nodes.CondExpr):
            self.condition(node.test, scope, place, node)
            inside = scope.where(defined_if(node.test, holds=True))
            self.expression(node.expr1, inside.of_kinds(kinds_asked(node.test)), place)
            if node.expr2 is not None:
                self.expression(node.expr2, scope.where(defined_if(node.test, holds=False)), place)
        else:
            self.children(node, scope, place)

    def condition(
        self,
        node: nodes.Node,
        scope: Scope,
        place: _Place,
        around: nodes.If | nodes.CondExpr | None = None,
    ) -> None:
        self._judge(judge_condition(node, scope, around), node, place)
        self.expression(node, scope, place)

    def _judge(self, found: Iterable[Misuse | Doubt], node: nodes.Node, place: _Place) -> None:
        self.judged += (Judged(place.template, node.lineno, verdict) for verdict in found)

    def _name(self, node: nodes.Name, scope: Scope, place: _Place) -> None:
        if node.name == "super" and place.block:
            self.block_body(place.block, place.top, place)
        elif node.name != "self" and scope.find(node.name) is None:
            self._report(node, node.name, scope.all_names(), place)

    def _key(self, node: nodes.Getattr | nodes.Getitem, scope: Scope, place: _Place) -> None:
        self.children(node, scope, place)
        name = dotted(node)
        if name is None or not isinstance(node.node, nodes.Name):
            return
        key = name.partition(".")[2]
        shape = scope.find(node.node.name) or ANYTHING
        if shape.keys is None or shape.items or key in shape.keys or scope.find(name):
            return
        if not isinstance(node, nodes.Getattr) or key not in _DICT_METHODS:
            self._report(node, name, shape.keys, place)

    def _asked(self, node: nodes.Filter | nodes.Test, scope: Scope, place: _Place) -> None:
        """Visit the subject of `default` and `is defined`: the name itself may be absent."""
        subject = node.node
        if isinstance(subject, nodes.Getattr | nodes.Getitem):
            self.children(subject, scope, place)
        elif subject is not None and not isinstance(subject, nodes.Name):
            self.expression(subject, scope, place)
        for argument in (*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs):
            if argument is not None:
                self.expression(argument, scope, place)

    def _report(
        self, node: nodes.Node, name: str, candidates: frozenset[str], place: _Place
    ) -> None:
        self.unknown.append(Unknown(place.template, node.lineno, name, candidates))


def _extends(walk: _Walk, node: nodes.Extends, scope: Scope, place: _Place) -> None:
    walk.expression(node.template, scope, place)
    for name, tree in walk.follow(node.template, node.lineno, place, optional=False):
        walk.nested(name, tree, scope, place.blocks)


def _include(walk: _Walk, node: nodes.Include, scope: Scope, place: _Place) -> None:
    walk.expression(node.template, scope, place)
    for name, tree in walk.follow(node.template, node.lineno, place, node.ignore_missing):
        inside = scope.within() if node.with_context else walk.apart()
        walk.nested(name, tree, inside, {})


def _import(walk: _Walk, node: nodes.Import, scope: Scope, place: _Place) -> None:
    _imported(walk, node, scope, place)
    scope.declare(node.target)


def _from_import(walk: _Walk, node: nodes.FromImport, scope: Scope, place: _Place) -> None:
    _imported(walk, node, scope, place)
    for name in node.names:
        scope.declare(name if isinstance(name, str) else name[1])


def _imported(
    walk: _Walk, node: nodes.Import | nodes.FromImport, scope: Scope, place: _Place
) -> None:
    walk.expression(node.template, scope, place)
    for name, tree in walk.follow(node.template, node.lineno, place, optional=False):
        walk.nested(name, tree, scope.within() if node.with_context else walk.apart(), {})


def _output(walk: _Walk, node: nodes.Output, scope: Scope, place: _Place) -> None:
    if not place.child:
        walk.children(node, scope, place)


def _for(walk: _Walk, node: nodes.For, scope: Scope, place: _Place) -> None:
    walk.expression(node.iter, scope, place)
    inside = scope.within()
    _declare(node.target, inside, items_of(node.iter, scope))
    if node.test is not None:
        walk.condition(node.test, inside, place)
    inside.declare("loop")
    walk.body(node.body, inside, place)
    walk.body(node.else_, scope.within(), place)


def _if(walk: _Walk, node: nodes.If, scope: Scope, place: _Place) -> None:
    walk.condition(node.test, scope, place, node)
    inside = scope.where(defined_if(node.test, holds=True)).of_kinds(kinds_asked(node.test))
    walk.body(node.body, inside, place)
    otherwise = scope.where(defined_if(node.test, holds=False))
    for branch in node.elif_:
        walk.condition(branch.test, otherwise, place)
        inside = otherwise.where(defined_if(branch.test, holds=True))
        walk.body(branch.body, inside.of_kinds(kinds_asked(branch.test)), place)
        otherwise = otherwise.where(defined_if(branch.test, holds=False))
    walk.body(node.else_, otherwise, place)


def _with(walk: _Walk, node: nodes.With, scope: Scope, place: _Place) -> None:
    inside = scope.within()
    for target, value in zip(node.targets, node.values, strict=True):
        walk.expression(value, scope, place)
        _declare(target, inside, shape_of(value, scope))
    walk.body(node.body, inside, place)


def _macro(walk: _Walk, node: nodes.Macro, scope: Scope, place: _Place) -> None:
    scope.declare(node.name)
    for default in node.defaults:
        walk.expression(default, scope, place)
    # A macro sees later assignments, too: the body runs at the call.
    walk.macros.append((node, scope, place))


def _call_block(walk: _Walk, node: nodes.CallBlock, scope: Scope, place: _Place) -> None:
    walk.expression(node.call, scope, place)
    names = (argument.name for argument in node.args)
    walk.body(node.body, scope.within(dict.fromkeys(names, ANYTHING)), place)


def _filter_block(walk: _Walk, node: nodes.FilterBlock, scope: Scope, place: _Place) -> None:
    walk.expression(node.filter, scope, place)
    walk.body(node.body, scope.within(), place)


def _assign(walk: _Walk, node: nodes.Assign, scope: Scope, place: _Place) -> None:
    walk.expression(node.node, scope, place)
    _declare(node.target, scope, shape_of(node.node, scope))


def _assign_block(walk: _Walk, node: nodes.AssignBlock, scope: Scope, place: _Place) -> None:
    if node.filter is not None:
        walk.expression(node.filter, scope, place)
    walk.body(node.body, scope.within(), _Place(place.template, place.top, place.blocks))
    _declare(node.target, scope)


def _block(walk: _Walk, node: nodes.Block, scope: Scope, place: _Place) -> None:
    if not place.child:
        walk.block_body(place.blocks[node.name], scope if node.scoped else place.top, place)


#: The statements that declare names, or open a scope; all others are walked child by child.
_STATEMENTS: dict[type[nodes.Node], Callable[..., None]] = {
    nodes.Output: _output,
    nodes.For: _for,
    nodes.If: _if,
    nodes.With: _with,
    nodes.Macro: _macro,
    nodes.CallBlock: _call_block,
    nodes.FilterBlock: _filter_block,
    nodes.Assign: _assign,
    nodes.AssignBlock: _assign_block,
    nodes.Block: _block,
    nodes.Include: _include,
    nodes.Import: _import,
    nodes.FromImport: _from_import,
    nodes.Extends: _extends,
}


#: The filters and tests that take a name which may be absent.
_ASKS = frozenset(("default", "d", "defined", "undefined"))


def _declare(target: nodes.Node, scope: Scope, shape: Shape = ANYTHING) -> None:
    if isinstance(target, nodes.Name):
        scope.declare(target.name, shape)
    elif isinstance(target, nodes.Tuple):
        for item in target.items:
            _declare(item, scope)
