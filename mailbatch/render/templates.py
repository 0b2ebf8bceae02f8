"""Jinja2, as mailbatch uses it: sandboxed, strict, deterministic, compiled once.

Values of the table are data and never template source. The template of the HTML part is escaped,
whatever the name of the file, and so are all included templates; text, subject and headers never
are. Functions that would make two renderings of one recipient differ (`random`, `lipsum`) are
absent. Every failure of a template leaves this module as a `TemplateError` with the place in
the template or in the job.

Tests: tests/render/test_bounds.py, tests/render/test_injection.py.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.environment import Environment, TemplateModule
from jinja2.exceptions import TemplateNotFound
from jinja2.runtime import Context
from markupsafe import escape

from mailbatch.errors import InputError, Location, TemplateError
from mailbatch.expressions.budget import LONGEST_TEXT, MOST, PLENTY, Budget, fits
from mailbatch.expressions.sandbox import BoundedSandbox, BoundedTemplate
from mailbatch.frozen import frozen
from mailbatch.job.setting import Setting
from mailbatch.render.addresses import Inserted
from mailbatch.render.foreign_syntax import comment_in_style, foreign_syntax
from mailbatch.render.markdown import Marks
from mailbatch.render.template_loader import FolderLoader
from mailbatch.suggest import did_you_mean

if TYPE_CHECKING:
    from mailbatch.render.tracing import Trace

#: The most characters that a template may give.
OUTPUT_LIMIT = LONGEST_TEXT

#: The names that a rendering sees, as a mapping of its own.
Names = dict[str, Any]

#: Names given with the constants whose values differ from message to message all the same.
VARYING = frozenset(("now",))

_PIECES = 128  # so many pieces of output are joined between two looks at the limit
_LONG = 1 << 14  # characters: texts from here on are counted
_MARKUP = re.compile(r"\{[{%#]")
_SPECIAL = re.compile("""[&<>"']""")
_UNDEFINED = re.compile(
    r"^'(?P<name>.+)' is undefined$|^'(?P<owner>.+?)' has no attribute '(?P<key>.+)'$"
)
#: The owner in a sentence of Jinja -> the words for a value that has no such part.
_OWNERS = {"dict object": "the mapping", "str object": "the text", "list object": "the list"}
# Another text at every rendering.
_ABSENT_FILTERS = ("random",)
_ABSENT_FUNCTIONS = ("lipsum",)
# Filters that escape for HTML, and so declare a cell safe where another place decides.
_ESCAPING_FILTERS = ("e", "escape", "forceescape")


#: Stands for an empty value in a pattern of files; no path has a NUL.
NO_VALUE = "\0"


class Role(Enum):
    """The kind of a template's output, which decides how values are inserted."""

    TEXT = "text"  # unchanged
    HTML = "html"  # escaped
    MJML = "mjml"  # escaped, and compiled afterwards
    MARKDOWN = "markdown"  # as marks, which the finished HTML is freed of
    CALENDAR = "calendar"  # as marks, until the place in iCalendar says how to escape
    PATTERN = "pattern"  # `*`, `?` and `[` of a value stand for themselves, NO_VALUE for nothing
    ADDRESSES = "addresses"  # as marks, where a value could mean more than itself


def _unescaped(value: Any) -> Any:
    """Return a value as it is, for the place to escape."""
    return value


def _escaping(budget: Budget) -> Callable[[Any], str]:
    """Return the function that escapes a value for HTML; most values need no escape."""
    # A search first: a composed message costs 46 µs then, and 58 µs where every value is escaped.
    special = _SPECIAL.search

    def escaped(value: Any) -> str:
        kind = type(value)
        if kind is str and not special(value):
            return value  # type: ignore[no-any-return]
        if kind is int:
            return str(value)
        made = escape(budget.checked(value))
        if len(made) > _LONG:
            budget.spend(len(made))
        return made

    return escaped


class _Template(BoundedTemplate):
    """A template that is made anew at every import, and escapes faster.

    Jinja2 keeps the assignments of an imported template: a namespace would carry one recipient's
    values into the next one's message, and a generator would be used up by the first.
    """

    @classmethod
    def from_code(cls, *given: Any, **named: Any) -> Template:
        """Make a template of compiled code, which calls `escape` for every value."""
        template = super().from_code(*given, **named)
        budget: Budget = template.environment.budget  # type: ignore[attr-defined]
        template.root_render_func.__globals__["escape"] = _escaping(budget)
        return template

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        del ctx  # a context has no names that the environment's globals lack
        return self.make_module()


def as_jinja(source: str) -> str:
    """Return a template as Jinja2 reads it: includes of MJML are those of Jinja2."""
    if "<mj-include" not in source:
        return source
    from mailbatch.render.mjml_source import with_includes

    return with_includes(source)


class _Sandbox(BoundedSandbox):
    template_class = _Template

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Return a template as Jinja2 reads it: includes of MJML are those of Jinja2."""
        return super().preprocess(as_jinja(source), name, filename)


@frozen
class Value:
    """A setting of the job, ready to be rendered: `render(names)` gives the text.

    `constant` is that text where every message has the same.
    """

    setting: Setting
    render: Callable[[Names], str]
    constant: str | None
    tree: nodes.Template | None

    @property
    def key(self) -> str:
        """The key of the setting."""
        return self.setting.key

    @property
    def source(self) -> str:
        """The template in the job."""
        return self.setting.text

    @property
    def place(self) -> Location:
        """The place of the setting."""
        return self.setting.place


@frozen
class Page:
    """A template file, ready to be rendered: `render(names)` gives the text."""

    name: str
    role: Role
    render: Callable[[Names], str]
    tree: nodes.Template


class Templates:
    """All templates of a job; compiles each once.

    `constants` are the names whose values are the same for every message, also in imported
    templates. `values` are the settings that were compiled, in that order. Mistakes in settings go
    to `errors`, so that all can be reported together. With a `trace`, compiled templates note the
    branches that are taken.
    """

    def __init__(
        self,
        loader: FolderLoader,
        constants: Mapping[str, Any],
        errors: list[InputError],
        trace: Trace | None = None,
    ) -> None:
        self.loader = loader
        self.errors = errors
        self._trace = trace
        self.values: list[Value] = []
        self.marks = Marks()
        self.inserted = Inserted()
        self._finish: dict[Role, Callable[[Any], Any]] = {
            Role.MARKDOWN: self.marks.keep,
            Role.CALENDAR: self.marks.keep,
            Role.ADDRESSES: self.inserted.keep,
            Role.PATTERN: lambda value: glob.escape(str(value)) or NO_VALUE,
        }
        self._environments = {role: self._environment(constants, role) for role in Role}
        self._plain = self._environments[Role.TEXT]
        #: Everything that a rendering sees besides the recipient's own names.
        self.globals: Names = {**self._plain.globals, **constants}
        self._trees: dict[str, nodes.Template] = {}
        self._sound: set[str] = set()  # templates that were compiled in any role have no mistake

    def _environment(self, constants: Mapping[str, Any], role: Role) -> Environment:
        environment = _Sandbox(
            undefined=StrictUndefined,
            autoescape=role in {Role.HTML, Role.MJML, Role.MARKDOWN, Role.CALENDAR},
            finalize=self._finish.get(role),
            loader=self.loader,
            auto_reload=False,
            cache_size=-1,
        )
        for name in _ABSENT_FILTERS:
            del environment.filters[name]
        for name in _ABSENT_FUNCTIONS:
            del environment.globals[name]
        if role in {Role.MARKDOWN, Role.CALENDAR}:  # which escape each value by its place
            environment.filters.update(dict.fromkeys(_ESCAPING_FILTERS, _unescaped))
        if self._trace is not None:
            self._trace.attach(environment, self.loader)
        environment.globals.update(
            {name: value for name, value in constants.items() if name not in VARYING}
        )
        return environment

    def value(self, setting: Setting, role: Role = Role.TEXT) -> Value:
        """Compile a setting of the job; a mistake in the template goes to `errors`."""
        text = setting.text
        if self._trace is not None:
            self._trace.setting = setting
        if not _MARKUP.search(text):
            value = Value(setting, lambda _: text, text, None)
        else:
            try:
                value = self._value(setting, role)
            except TemplateError as error:
                self.errors.append(error)
                value = Value(setting, self._never, None, None)
        self.values.append(value)
        return value

    def _value(self, setting: Setting, role: Role) -> Value:
        source, place, finish = setting.text, setting.place, self._finish.get(role)
        try:
            tree = self._parsed(source)
            render = _pattern(tree, place, finish)
            if render is None:  # else there is nothing that a compiler could find
                template = self._environments[role].from_string(source)
                render = _rendering(template, place, self._failed)
        except TemplateSyntaxError as error:
            foreign = foreign_syntax(source)
            if foreign is not None:
                raise TemplateError(foreign.message, location=place, hint=foreign.hint) from None
            raise TemplateError(
                _sentence(error), location=place, hint=self._hint(error, source)
            ) from None
        if not self._is_constant(tree):
            return Value(setting, render, None, tree)
        constant = render(self.globals)
        # Marks mean something only right after a rendering.
        return Value(setting, render if finish else lambda _: constant, constant, tree)

    def _never(self, _: Names) -> NoReturn:
        raise self.errors[0]

    def page(self, name: str, role: Role) -> Page | None:
        """Compile a template file, None where there is no such file.

        Raises:
            TemplateError: the file cannot be read, or has a syntax error.
        """
        tree = self._tree(name)
        if tree is None:
            return None
        template = self._compiled(name, role)
        return Page(name, role, _rendering(template, Location(name), self._failed), tree)

    def tree(self, name: str, role: Role = Role.TEXT) -> nodes.Template | None:
        """Return the syntax tree of a template that another names, None where there is none.

        `role` is that of the other template, in which this one is compiled and rendered.

        Raises:
            TemplateError: the file cannot be read, or has a syntax error.
        """
        tree = self._tree(name)
        if tree is not None and name not in self._sound:
            self._compiled(name, role)
        return tree

    def _tree(self, name: str) -> nodes.Template | None:
        if name not in self._trees:
            text = self.loader.text(name)
            if text is None:
                return None
            try:
                self._trees[name] = self._parsed(text, name)
            except TemplateSyntaxError as error:
                raise self._syntax_error(error, name) from None
        return self._trees[name]

    def _compiled(self, name: str, role: Role) -> Template:
        """Compile a template file; the compiler finds mistakes that the parser lets pass."""
        try:
            template = self._environments[role].get_template(name)
        except TemplateSyntaxError as error:
            raise self._syntax_error(error, name) from None
        self._sound.add(name)
        return template

    def _parsed(self, source: str, name: str | None = None) -> nodes.Template:
        """Parse a template; an unknown filter or test is an error in every place."""
        chance = comment_in_style(source)
        if chance is not None:
            raise TemplateSyntaxError(
                chance.message, source.count("\n", 0, chance.offset) + 1, name
            )
        tree = self._plain.parse(source, name)
        for node in tree.find_all((nodes.Filter, nodes.Test)):
            kind = type(node).__name__.lower()
            known = self._plain.filters if isinstance(node, nodes.Filter) else self._plain.tests
            if node.name not in known:
                raise TemplateSyntaxError(f"No {kind} named {node.name!r}", node.lineno, name)
        return tree

    def _is_constant(self, tree: nodes.Template) -> bool:
        unknown = meta.find_undeclared_variables(tree) - set(self._plain.globals)
        return not unknown and not any(meta.find_referenced_templates(tree))

    def _syntax_error(self, error: TemplateSyntaxError, name: str) -> TemplateError:
        path = error.name or name
        text = self.loader.text(path) or ""
        foreign = foreign_syntax(text)
        if foreign is not None:
            place = foreign.place(path, text)
            return TemplateError(foreign.message, location=place, hint=foreign.hint)
        source = self.loader.line(path, error.lineno)
        return TemplateError(
            _sentence(error),
            location=self.loader.place(path, error.lineno),
            hint=self._hint(error, source or ""),
        )

    def _hint(self, error: TemplateSyntaxError, source: str) -> str | None:
        from mailbatch.expressions.slips import slip_in
        from mailbatch.render.foreign_words import filter_remedy, syntax_remedy

        match = re.fullmatch(r"No (filter|test) named '([^']*)'\.?", error.message or "")
        if match is None:
            return syntax_remedy(error.message or "", source) or slip_in(source)
        if match[1] == "filter":
            return filter_remedy(match[2]) or did_you_mean(match[2], self._plain.filters)
        return did_you_mean(match[2], self._plain.tests)

    def _failed(self, error: Exception, place: Location) -> NoReturn:
        """Raise the error of a rendering as a `TemplateError` with the line of the template."""
        if isinstance(error, InputError):
            raise error
        if isinstance(error, TemplateSyntaxError):
            raise self._syntax_error(error, error.name or place.path) from error
        traceback = error.__traceback__
        while traceback is not None:
            template = traceback.tb_frame.f_globals.get("__jinja_template__")
            if isinstance(template, Template) and template.name is not None:
                line = template.get_corresponding_lineno(traceback.tb_lineno)
                place = self.loader.place(template.name, line)
            traceback = traceback.tb_next
        from mailbatch.render.foreign_words import runtime_remedy

        hint = runtime_remedy(error)
        raise TemplateError(_sentence(error), location=place, hint=hint) from error


def _pattern(
    tree: nodes.Template, place: Location, finish: Callable[[Any], Any] | None
) -> Callable[[Names], str] | None:
    """Render text with bare names, the usual setting, without the template machinery."""
    parts: list[str] = []
    names: list[str] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                parts.append(node.data.replace("%", "%%"))
            elif isinstance(node, nodes.Name):
                parts.append("%s")
                names.append(node.name)
            else:
                return None
    if not names:
        return None
    form = "".join(parts)
    values = itemgetter(*names)
    single = len(names) == 1

    def render(known: Names) -> str:
        try:
            found = values(known)
        except KeyError as error:
            raise TemplateError(f"{error.args[0]} is not defined", location=place) from None
        found = (found,) if single else found
        return form % (found if finish is None else tuple(map(finish, found)))

    return render


def _rendering(
    template: Template, place: Location, failed: Callable[[Exception, Location], NoReturn]
) -> Callable[[Names], str]:
    """Make the function that renders a template: one join for most, never more than the limit."""
    environment = template.environment
    context_class = environment.context_class
    root, name, blocks = template.root_render_func, template.name, template.blocks
    budget: Budget = environment.budget  # type: ignore[attr-defined]

    def render(names: Names) -> str:
        budget.left = MOST
        try:
            output = root(context_class(environment, names, name, blocks))
            pieces = list(islice(output, _PIECES))
            text = "".join(pieces) if budget.left > PLENTY else _joined(pieces)
            if len(pieces) == _PIECES:
                text = _continued(text, output, budget)
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            failed(error, place)
        if len(text) > OUTPUT_LIMIT:
            raise TemplateError(f"gives more than {OUTPUT_LIMIT} characters", location=place)
        return text

    return render


def _joined(pieces: Sequence[str]) -> str:
    """Join pieces some of which may be long, and may be the same text many times."""
    fits(sum(map(len, pieces)), OUTPUT_LIMIT)
    return "".join(pieces)


def _continued(text: str, output: Iterator[str], budget: Budget) -> str:
    """Put the further output of a template behind a text, until the text is too long."""
    most, size, parts = _PIECES, len(text), [text]
    while size <= OUTPUT_LIMIT and (pieces := list(islice(output, most))):
        most = _PIECES if budget.left > PLENTY else 1
        parts.append(_joined(pieces))
        size += len(parts[-1])
    return "".join(parts)  # once: a long text that grows piece by piece is moved again and again


def _sentence(error: Exception) -> str:
    """Say in words the mistake of a template."""
    if isinstance(error, UndefinedError):
        match = _UNDEFINED.search(error.message or "")
        if match is not None:
            owner = _OWNERS.get(match["owner"])
            if owner is not None:
                return f"{owner} has no {match['key']!r}"
            return f"{match['name'] or match['key']} is not defined"
    if isinstance(error, TemplateNotFound):
        return f"there is no template named {error.name}"
    if isinstance(error, TemplateSyntaxError):
        return (error.message or "is no template").rstrip(".")
    text = str(error) or type(error).__name__
    return f"{text[0].lower()}{text[1:]}".rstrip(".")
