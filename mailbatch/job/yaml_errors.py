"""PyYAML's errors about broken YAML, in words for people, with the usual remedy.

The wording never repeats the text of the file, which may be a secret without quotes.

Tests: tests/job/test_yaml.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from mailbatch.job.source import Source


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong at an offset of the text."""

    start: int
    message: str
    hint: str | None = None


class SyntaxFault(Exception):
    """The text cannot be read to the end; `fault` has the place and the reason."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


_INDENTATION = "Check the indentation of this line and of the one above."
_QUOTE_MARKUP = 'Put a text that begins with {{ into quotes: "{{ ... }}".'

#: A regular expression on PyYAML's problem; our words; a hint.
_PROBLEMS: tuple[tuple[str, str, str | None], ...] = (
    (
        "mapping values are not allowed",
        "a colon that cannot stand here",
        "Put a text with a colon and a space in it into quotes, or check the indentation.",
    ),
    (
        "unknown escape character",
        "an escape that YAML does not know",
        r"Put the text into single quotes, or write \\ for a backslash.",
    ),
    (r"character '\\t'", "a TAB cannot indent", "Indent with spaces."),
    (
        r"character '([@`%|>&*!])'",
        r"a text cannot begin with \1 unless it is quoted",
        "Put the text into quotes.",
    ),
    ("character '", "a character that cannot stand here", "Put the text into quotes."),
    ("expected ',' or '\\]'", "a comma or ] is missing here", None),
    ("expected ',' or '}'", "a comma or } is missing here", None),
    ("could not find expected ':'", "a key without its colon", "Write a space behind the colon."),
    ("sequence entries are not allowed", "a list cannot begin here", _INDENTATION),
    ("expected <block end>, but found '-'", "a list entry where a key belongs", _INDENTATION),
    ("expected <block end>", "this does not fit what comes before it", _INDENTATION),
    ("expected the node content", "a value is missing here", None),
    ("tag handle", "tags are not read", None),
    ("incompatible YAML document", "this is YAML of another version", "Leave %YAML out."),
)


def syntax_fault(source: Source, error: yaml.YAMLError) -> Fault:
    """Return where and why the text is no YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        return Fault(error.position, "a control character cannot stand in a job file")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Fault(0, "this is no YAML")
    start = error.problem_mark.index
    problem = error.problem or ""
    if "unexpected end of stream" in problem and error.context_mark is not None:
        return Fault(error.context_mark.index, "this quote is not closed")
    if "<stream end>" in problem and error.context_mark is not None:
        return Fault(error.context_mark.index, "this bracket is not closed")
    if "expected ':'" in problem and error.context_mark is not None:
        start = error.context_mark.index
    for expression, message, hint in _PROBLEMS:
        match = re.search(expression, problem)
        if match is not None:
            return Fault(start, match.expand(message), _markup_hint(source, start) or hint)
    # PyYAML's own words, but without the text of the file.
    expected = f": {problem.partition(', but')[0]}" if problem.startswith("expected") else ""
    return Fault(start, f"this is no YAML{expected}", _markup_hint(source, start))


def _markup_hint(source: Source, offset: int) -> str | None:
    """Say how to write Jinja2 markup or `${` between the brackets of YAML."""
    before = source.raw_line(source.line(offset))
    if re.search(r"(?:^|[\s:,\[-])\{[{%#]", before):
        return _QUOTE_MARKUP
    if re.search(r"[\[{,].*\$\{", before):
        return 'Inside of { } and [ ] put it into quotes: "${NAME}".'
    return None
