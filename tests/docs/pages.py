"""The pages of the documentation as blocks, and what becomes of each block.

How a page says what is to be done with its code; `docs/explanation/these-pages.md` says the same
to people:

| in the page                                  | what the tests do                                |
|----------------------------------------------|--------------------------------------------------|
| `console` block                              | the lines behind `$ ` run, in the order of the   |
|                                              | page; what they print is compared                |
| `sh` block                                   | runs, and every command ends with 0              |
| block with `title="NAME"`                    | is written to the file NAME                      |
| `yaml` block without a title                 | is a part of a job: completed and loaded         |
| `<!-- other terminal -->` before a block     | its command goes on until the page ends          |
| `<!-- not run: WHY -->` before a block       | only the options of its commands are checked     |
| `<!-- file of the repository: PATH -->`      | the block below is compared with that file       |
| `<!-- the server on port N fails: FAULT -->` | a fault server stands behind that port           |

All blocks of a page share one shell, which starts in an empty home. Blocks of other languages
(`text`, `ini`, `crontab`, `sql`, ...) are only looked at: every mailbatch command line in them
must be one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^( *)(`{3,})(\w*)(.*)$")
_TITLE = re.compile(r'title="([^"]+)"')
_NOTE = re.compile(r"^<!-- (not run|other terminal|file of the repository)(?:: (.+))? -->$")
_COMMAND = re.compile(r"(?:^|[\s/;(])mailbatch( [a-z]+\b.*)")
_FAILING = re.compile(r"^<!-- the server on port (\d+) fails: (\{.*\}) -->$", re.MULTILINE)
#: Languages without command lines, unless the block is a file.
_DATA = {"sql", "csv", "jinja", "json", "yaml"}
_PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code; `line` is that of its fence, `note` the comment before it, if any."""

    page: Path
    line: int
    language: str
    title: str | None
    note: str | None
    argument: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a `console` block, with the lines that it should print."""

    line: int
    text: str
    prints: tuple[str, ...]


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return sorted(DOCS.rglob("*.md"))


def name_of(page: Path) -> str:
    """Return the name of a page for people."""
    return page.relative_to(DOCS).as_posix()


def blocks(page: Path, ports: Mapping[str, str] | None = None) -> Iterator[Block]:
    """Give the blocks of code of a page, with other ports in place of those that it names."""
    text = page.read_text(encoding="utf-8")
    for written, taken in (ports or {}).items():
        text = re.sub(rf"\b{written}\b", taken, text)
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            number += 1
            continue
        indent, ticks, language, rest = fence.groups()
        end = next(
            at for at in range(number + 1, len(lines)) if lines[at].rstrip() == indent + ticks
        )
        title = _TITLE.search(rest)
        note = _note_before(lines, number)
        yield Block(
            page=page,
            line=number + 1,
            language=language,
            title=title[1] if title else None,
            note=note[1] if note else None,
            argument=note[2] if note else None,
            text="".join(f"{line.removeprefix(indent)}\n" for line in lines[number + 1 : end]),
        )
        number = end + 1


def failing_servers(page: Path) -> dict[str, list[dict[str, object]]]:
    """Return the faults of the servers that a page wants behind its ports, as JSON."""
    found: dict[str, list[dict[str, object]]] = {}
    for port, fault in _FAILING.findall(page.read_text(encoding="utf-8")):
        found.setdefault(port, []).append(json.loads(fault))
    return found


def _note_before(lines: list[str], number: int) -> re.Match[str] | None:
    above = number - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    return _NOTE.match(lines[above].strip()) if above >= 0 else None


def commands(block: Block) -> list[Command]:
    """Return the commands of a `console` block; a line that ends in a backslash goes on."""
    found: list[Command] = []
    lines = block.text.rstrip("\n").split("\n")
    number = 0
    while number < len(lines):
        assert lines[number].startswith(_PROMPT), f"{block}: begins with what nothing printed"
        start, words = number, [lines[number].removeprefix(_PROMPT)]
        while words[-1].endswith("\\"):
            number += 1
            words.append(lines[number])
        number += 1
        printed = []
        while number < len(lines) and not lines[number].startswith(_PROMPT):
            printed.append(lines[number])
            number += 1
        found.append(Command(block.line + 1 + start, "\n".join(words), tuple(printed)))
    return found


def mailbatch_lines(block: Block) -> Iterator[list[str]]:
    """Give the arguments of every mailbatch command line in a block, whatever its language."""
    if block.language == "python" or (block.language in _DATA and not block.title):
        return
    for line in block.text.replace("\\\n", " ").split("\n"):
        if block.language == "console" and not line.startswith(_PROMPT):
            continue
        if block.language == "yaml" and "run:" not in line and not line.strip().startswith("mail"):
            continue
        if line.lstrip().startswith("#"):
            continue
        found = _COMMAND.search(line)
        if found is not None:
            # Inside quotes, as in `echo "mailbatch ..."`, the line ends where they do.
            text = found[1].partition('"')[0] if found[1].count('"') % 2 else found[1]
            words = shlex.split(text, comments=True)
            ends = [i for i, word in enumerate(words) if word in {"|", ">", "||", "&&", ";", "&"}]
            yield [word.rstrip(";") for word in words[: ends[0] if ends else None]]
