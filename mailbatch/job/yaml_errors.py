"""PyYAML's errors about broken YAML, in words for people, with the usual remedy.

The wording never repeats the text of the file, which may be a secret without quotes.

Tests: tests/job/test_yaml.py.
"""

from __future__ import annotations

import re

import yaml

from mailbatch.frozen import frozen
from mailbatch.job.source import Source


@frozen
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
_QUOTE_ALL = "Put the whole text into one pair of quotes."
_QUOTE_BRACKETS = "Put a text with [ ] { } or a comma in it into quotes, or write the missing one."
_ESCAPES = r"Put the text into single quotes, or write \\ for a backslash."
#: A value in quotes, up to where the quotes end.
_QUOTED = re.compile(r"""(?:^|[\s\[{,])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')(?P<gap>\s*)$""")
_NO_SPACE = re.compile(r"\s*[\w-]+:[^\s:/]")
#: A value that does not begin with markup, a bracket or a quote.
_PLAIN = re.compile(r"""\s*(?:- +)*[\w.-]+:\s+[^\s{\["'|>&*!#]""")
_BRACKETS = re.compile(r"""^\s*(?:- )?["']?[\w-]+["']?:\s+\[[^\]]*\]\s*[^\s#]""")

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
        _ESCAPES,
    ),
    ("expected escape sequence", "an escape that YAML does not know", _ESCAPES),
    ("expected alphabetic or numeric", "a text cannot begin with * or & here", _QUOTE_ALL),
    (
        r"character '([@`%|>&*!])'",
        r"a text cannot begin with \1 unless it is quoted",
        "Put the text into quotes.",
    ),
    ("character '", "a character that cannot stand here", "Put the text into quotes."),
    ("expected ',' or '\\]'", "a comma or ] is missing here", _QUOTE_BRACKETS),
    ("expected ',' or '}'", "a comma or } is missing here", _QUOTE_BRACKETS),
    (
        "expected a comment or a line break|expected chomping or indentation",
        "a text cannot begin with > or | unless it is quoted",
        "Put the text into quotes, or begin it on the next line, indented.",
    ),
    ("could not find expected ':'", "a key without its colon", "Write a space behind the colon."),
    (
        "sequence entries are not allowed",
        "a list cannot begin here",
        "Put a text that begins with - into quotes, or check the indentation.",
    ),
    ("mapping keys are not allowed", "a text cannot begin with ? here", _QUOTE_ALL),
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
    if (unclosed := _unclosed(error)) is not None:
        return unclosed
    if "expected ':'" in problem and error.context_mark is not None:
        start = error.context_mark.index
    if (slip := _slip(source, start, problem)) is not None:
        return slip
    for expression, message, hint in _PROBLEMS:
        match = re.search(expression, problem)
        if match is not None:
            return Fault(start, match.expand(message), _markup_hint(source, start) or hint)
    # PyYAML's own words, but without the text of the file.
    expected = f": {problem.partition(', but')[0]}" if problem.startswith("expected") else ""
    return Fault(start, f"this is no YAML{expected}", _markup_hint(source, start))


def _unclosed(error: yaml.MarkedYAMLError) -> Fault | None:
    """Return the fault of a quote or a bracket that is not closed, at its place; else None."""
    opened, found, problem = error.context_mark, error.problem_mark, error.problem or ""
    if opened is None or found is None:
        return None
    if "unexpected end of stream" in problem:
        hint = "Write the same quote at the end of the text."
        return Fault(opened.index, "this quote is not closed", hint)
    if "<stream end>" in problem or ("expected ',' or" in problem and opened.line != found.line):
        hint = "Write the other bracket behind the last value."
        return Fault(opened.index, "this bracket is not closed", hint)
    return None


def _slip(source: Source, start: int, problem: str) -> Fault | None:
    """Return a fault that the line itself tells better than the parser does, None without one."""
    number = source.line(start)
    line = source.raw_line(number)
    before = line[: (source.location(start).column or 1) - 1]
    rest = line[len(before) :]
    if rest.startswith("\t"):
        fault = Fault(start, "a TAB cannot indent", "Indent with spaces.")
        if before.strip():
            fault = Fault(start, "a TAB cannot stand here", "Write a space in its place.")
        return fault
    if (quoted := _QUOTED.search(before)) is not None:
        return _behind_quotes(start, quoted, rest)
    if _BRACKETS.match(line):
        return Fault(start, "a text cannot begin with [ unless it is quoted", _QUOTE_ALL)
    if "expected ':'" in problem:
        return Fault(start, "a key without its colon", _colon_hint(line))
    return _colon_above(source, number, start) if "mapping values" in problem else None


def _colon_above(source: Source, number: int, start: int) -> Fault | None:
    """Return the fault of a line whose key has no space behind the colon, above a right one."""
    line, above = source.raw_line(number), source.raw_line(number - 1) if number > 1 else ""
    if not _NO_SPACE.match(above) or _NO_SPACE.match(line):
        return None
    begin = source.text.rfind(above, 0, start)
    return Fault(begin, "a key without its colon", _colon_hint(above))


def _behind_quotes(start: int, quoted: re.Match[str], rest: str) -> Fault:
    """Return the fault of a text in quotes with more behind the quotes."""
    quote = quoted[0].strip(" ,[{")[:1]
    message = "the text in quotes has ended here, and more follows"
    if rest[:1] in {",", ";"}:
        hint = f"Leave the {rest[0]} out: one line is one value."
    elif quoted["gap"]:
        hint = _QUOTE_ALL
    elif quote == '"':
        hint = 'Inside of "..." use \' for the inner quotes, as in "{{ name or \'friend\' }}".'
    else:
        hint = "Inside of '...' write '' for an apostrophe, or put the text into \"...\"."
    return Fault(start, message, hint)


def _colon_hint(line: str) -> str:
    if line.lstrip().startswith(("//", "/*")):
        return "A comment begins with #."
    if "\uff1a" in line:
        return "Write the colon : of ASCII, and a space behind it."
    if ":" not in line:
        return "Write it as key: value, with a colon and a space."
    return "Write a space behind the colon."


def _markup_hint(source: Source, offset: int) -> str | None:
    """Say how to write Jinja2 markup or `${` between the brackets of YAML."""
    before = source.raw_line(source.line(offset))
    if not _PLAIN.match(before) and re.search(r"(?:^|[\s:,\[-])\{[{%#]", before):
        return _QUOTE_MARKUP
    if re.search(r"[\[{,].*\$\{", before):
        return 'Inside of { } and [ ] put it into quotes: "${NAME}".'
    return None
