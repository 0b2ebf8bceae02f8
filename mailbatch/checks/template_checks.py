"""The checks of the templates as written: marks of other tools, MJML that was never compiled.

    letter.html.j2:3:9: warning MB213: A merge mark of another tool: [First Name]

A template is looked at once, not once a message. The values of a table are the concern of
table_checks.py, the finished message of message_checks.py.

Tests: tests/checks/test_template_checks.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mailbatch.checks.findings import Finding
from mailbatch.errors import Location
from mailbatch.job.columns import as_templates_write_it

if TYPE_CHECKING:
    from mailbatch.job.model import Job

_NAME = r"[^\W\d][\w .-]{0,40}?"
#: Marks that mean nothing but a merge; the name may be of no column.
_SURE = re.compile(
    rf"%%\s?(?P<a>{_NAME})\s?%%|(?:<<|&lt;&lt;)\s?(?P<b>{_NAME})\s?(?:>>|&gt;&gt;)"
    rf"|\$\{{\s?(?P<c>{_NAME})\s?\}}|%recipient\.(?P<d>{_NAME})%"
    r"|\[(?P<e>Undefined|undefined|object Object)\]"
)
#: Marks that mean something else as well: only with the name of a column.
_WITH_COLUMN = re.compile(
    rf"\[(?P<a>{_NAME})\](?![(\[])|(?:«|&laquo;)(?P<b>{_NAME})(?:»|&raquo;)"
    rf"|(?<![{{$])\{{(?P<c>{_NAME})\}}(?!\}})|(?<!%)%(?P<d>{_NAME})%(?!%)|#(?P<e>{_NAME})#"
)
_CODE = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<style\b.*?(?:</style\s*>|\Z)|<!--.*?(?:-->|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_MJML = re.compile(r"<mjml\b", re.IGNORECASE)
_APART = re.compile(r"[\W_]+")


def check_templates(
    job: Job, sources: Mapping[str, str], columns: tuple[str, ...]
) -> Iterator[Finding]:
    """Yield the findings of the templates; `sources` are the texts of the files by name."""
    subject = job.at("message.subject")
    for mark, _, hint in _marks(subject.text, columns):
        where = f"{mark} in the subject"
        yield Finding("MB213", where, where, subject.place, hint)
    for name, source in sources.items():
        compiled = _MJML.search(source)
        if compiled is not None:
            yield Finding(
                "MB214", f"{name} holds <mjml>", name, _place(name, source, compiled.start())
            )
        for mark, at, hint in _marks(source, columns):
            yield Finding("MB213", mark, mark, _place(name, source, at), hint)


def _marks(source: str, columns: tuple[str, ...]) -> Iterator[tuple[str, int, str]]:
    """Yield each mark of another tool in a template: the text, its place, the remedy."""
    text = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), source)
    known = {_APART.sub("", column).casefold(): column for column in columns}
    for pattern in (_SURE, _WITH_COLUMN):
        for found in pattern.finditer(text):
            wanted = next(name for name in found.groups() if name is not None)
            column = known.get(_APART.sub("", wanted).casefold())
            if column is not None:
                written = as_templates_write_it(column, columns).partition(" or ")[0]
                yield found[0], found.start(), f"Write {{{{ {written} }}}}."
            elif pattern is _SURE:
                hint = "Write {{ name }} in its place, with a column of the table."
                yield found[0], found.start(), hint


def _place(name: str, source: str, at: int) -> Location:
    begin = source.rfind("\n", 0, at) + 1
    line = source[begin:].split("\n", 1)[0]
    return Location(name, source.count("\n", 0, at) + 1, at - begin + 1, source=line)
