"""The checks of the templates as written: marks of other tools, raw MJML, stray text.

    letter.html.j2:3:9: warning MB213: A merge mark of another tool: [First Name]

A template is looked at once, not once a message. The values of a table are the concern of
table_checks.py, the finished message of message_checks.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.checks.findings import Finding
from mailbatch.errors import Location
from mailbatch.job.columns import ways_to_write

if TYPE_CHECKING:
    from mailbatch.job.model import Job
    from mailbatch.render.strays import Stray

_NAME = r"[^\W\d][\w .-]{0,40}?"
#: A name of several words, which no text has by chance: first_name, firstName, FirstName.
_COMPOUND = r"(?:[A-Za-z][^\W_]*(?:_[^\W_]+)+|[A-Za-z][a-z]+[A-Z][^\W_]*)"
_DOTTED = r"[A-Za-z][\w.:-]{0,60}"
#: A blank in the address of a link, as editors write one.
_BLANKS = r"(?:%20|\+|\s)*"
#: Marks that mean nothing but a merge; the name may be of no column.
_SURE = re.compile(
    rf"%%\s?(?P<a>{_NAME})\s?%%|(?:<<|&lt;&lt;)\s?(?P<b>{_NAME})\s?(?:>>|&gt;&gt;)"
    rf"|\$\{{\s?(?P<c>{_NAME})\s?\}}|%recipient[._](?P<d>{_NAME})%"
    r"|\[(?P<e>Undefined|undefined|object Object)\]"
    rf"|\{{!\s?(?P<f>{_DOTTED})\s?\}}|\[\[\s?\.?(?P<g>{_DOTTED})\s?\]\]"
    rf"|(?:<|&lt;)%[=-]?\s*@?(?P<h>{_DOTTED})[^%\n]*%(?:>|&gt;)"
    rf"|(?:<|&lt;)\?(?:=|php\s+echo)\s*\$?(?P<i>{_DOTTED})[^?\n]*\?(?:>|&gt;)"
    rf"|%%=v\(@?(?P<j>{_NAME})\)=%%|\[subscriber:(?P<k>{_NAME})(?:\s*\|[^\]\n]*)?\]"
    rf"|@Model\.(?P<l>\w+)|(?:\{{\s?)?MERGEFIELD\s+\"?(?P<m>\w+)\"?(?:\s?\}})?"
    r"|\*\|(?P<n>[A-Za-z][\w:]{0,40})\|\*|\{SUBTAG:(?P<o>\w+)\}"
    r"|[{%](?P<p>(?i:unsubscribe|unsub)(?:_?(?i:url|link))?)[}%]|\[(?P<q>[FL]NAME)\]"
    rf"|\[(?P<r>{_NAME}),\s?fallback=[^\]\n]*\]|<(?P<s>unsubscribe|webversion|preferences)>"
    rf"|%7[bB]%7[bB]{_BLANKS}(?P<t>{_DOTTED}?){_BLANKS}%7[dD]%7[dD]"
)
#: Marks that mean something else as well: only with the name of a column.
_WITH_COLUMN = re.compile(
    rf"\[(?P<a>{_NAME})\](?![(\[])|(?:«|&laquo;)(?P<b>{_NAME})(?:»|&raquo;)"
    rf"|(?<![{{$])\{{(?P<c>{_NAME})(?:[:|][^{{}}\n]{{0,40}})?\}}(?!\}})|(?<!%)%(?P<d>{_NAME})%(?!%)"
    rf"|#(?P<e>{_NAME})#|(?<![\w$\\])\$(?P<f>[A-Za-z_]\w{{0,40}})|@@(?P<g>\w+)@@"
    rf"|(?:<|&lt;)(?P<h>{_NAME})(?:>|&gt;)|(?<![\w|])\|(?P<i>\w+)\|(?![\w|])"
    rf"|(?<![\w-])-(?P<j>\w+)-(?![\w-])|%\((?P<k>{_NAME})\)s|(?<![\w~])~(?P<l>\w+)~(?![\w~])"
    rf"|(?<!\w)__(?P<m>{_COMPOUND})__(?!\w)|(?<![\w@./])@(?P<n>{_COMPOUND})(?![\w.@-])"
    rf"|(?<![\w:/]):(?P<o>{_COMPOUND})(?![\w:])"
)
#: A comment of Jinja2 that is a mark to other tools: {#first_name#}, and nothing beside the name.
_COMMENT = re.compile(rf"\{{#[-+]?\s*({_NAME})\s*[-+]?#\}}")
#: Elements of HTML with a name that a column may have, too.
_ELEMENTS = frozenset(
    """
    a abbr address article aside b base body br button caption center cite code col data dd del
    details div dl dt em embed footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe image img
    input ins label li link main map mark menu meta nav object ol option output p param picture pre
    progress q s samp script section select small source span strong style sub summary sup svg
    table tbody td template text textarea tfoot th thead time title tr track u ul var video wbr
    """.split()  # noqa: SIM905 - a table of words
)
_CODE = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<style\b.*?(?:</style\s*>|\Z)|<!--.*?(?:-->|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_WORDS = {"message.subject": "the subject"}
_MJML = re.compile(r"<mjml\b", re.IGNORECASE)
#: The most characters of a line that a finding shows.
_SHOWN = 60
_APART = re.compile(r"[\W_]+")


def check_templates(
    job: Job, sources: Mapping[str, str], columns: tuple[str, ...]
) -> Iterator[Finding]:
    """Yield the findings of the templates; `sources` are the texts of the files by name."""
    for setting in job.templated():
        for mark, _, hint in _marks(setting.text, columns):
            where = f"{mark} in {_WORDS.get(setting.key, setting.key)}"
            yield Finding("MB213", where, where, replace(setting.place, key=None), hint)
    for name, source in sources.items():
        compiled = _MJML.search(source) if job.message.mjml is None else None
        if compiled is not None:
            place = Location.at_offset(name, source, compiled.start())
            yield Finding("MB214", f"{name} holds <mjml>", name, place)
        for mark, at, hint in _marks(source, columns):
            if mark.startswith("*|"):  # the finished message tells
                continue
            yield Finding("MB213", mark, mark, Location.at_offset(name, source, at), hint)


def check_strays(
    strays: Iterable[tuple[str, Stray]], sources: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield the findings of strays, each with the name of its file; `sources` are the texts."""
    for name, stray in strays:
        place = Location.in_text(name, sources[name], stray.line)
        written = (place.source or "").strip()
        if len(written) > _SHOWN:
            written = f"{written[:_SHOWN]}..."
        yield Finding("MB222", f"{written} is {stray.fate}", str(place), place, stray.hint)


def _marks(source: str, columns: tuple[str, ...]) -> Iterator[tuple[str, int, str]]:
    """Yield each mark of another tool in a template: the text, its place, the remedy."""
    text = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), source)
    known = {_APART.sub("", column).casefold(): column for column in columns}
    yield from _comments(source, columns, known)
    told: set[int] = set()  # the characters of marks: each belongs to one
    for pattern in (_SURE, _WITH_COLUMN):
        for found in pattern.finditer(text):
            if not told.isdisjoint(range(*found.span())):
                continue
            wanted = next(name for name in found.groups() if name is not None)
            column = _meant(wanted, known)
            if found[0][0] in "<&" and pattern is _WITH_COLUMN and wanted.lower() in _ELEMENTS:
                continue
            if column is not None:
                written = ways_to_write(column, columns)[0]
                told.update(range(*found.span()))
                written += " | urlencode" if found[0].startswith("%7") else ""
                yield found[0], found.start(), f"Write {{{{ {written} }}}}."
            elif pattern is _SURE:
                hint = "Write {{ name }} in its place, with a column of the table."
                told.update(range(*found.span()))
                yield found[0], found.start(), hint


def _comments(
    source: str, columns: tuple[str, ...], known: Mapping[str, str]
) -> Iterator[tuple[str, int, str]]:
    """Yield each comment of Jinja2 that holds just the name of a column, as `_marks`.

    With blanks around the name and a line of its own, the comment is a title for authors.
    """
    for found in _COMMENT.finditer(source):
        column = known.get(_APART.sub("", found[1]).casefold())
        line = Location.at_offset("", source, found.start()).source or ""
        is_title = line.strip() == found[0] and found[0][2:].lstrip("-+")[0].isspace()
        if column is not None and not is_title:
            written = ways_to_write(column, columns)[0]
            hint = f"Write {{{{ {written} }}}}: Jinja2 takes {{# #}} for a comment."
            yield found[0], found.start(), hint


def _meant(wanted: str, known: Mapping[str, str]) -> str | None:
    """Return the column of a mark with the name Contact.FirstName, say; None without one."""
    last = re.split(r"[.:]", wanted)[-1]
    names = (_APART.sub("", name).casefold() for name in (wanted, last))
    return next((known[name] for name in names if name in known), None)
