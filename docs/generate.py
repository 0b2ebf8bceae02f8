"""Everything that is generated: parts of pages, whole pages, the JSON Schemas and the figures.

A page of the documentation holds a generated part between two comments:

    <!-- generated: NAME -->
    ...
    <!-- end of NAME -->

`python docs/generate.py` writes every part and every whole file anew; with `--check` it names the
files that are not up to date, writes nothing and ends with 1. Text outside the comments is written
by hand and never touched. Nothing here depends on the versions of typer or
pydantic: the options are read from the functions that declare them, the keys from the JSON Schema.
"""
# ruff: noqa: INP001, E402 - a script beside the pages that it writes, run from a checkout

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))  # the checkout that the pages belong to, installed or not

import mailbatch
from benchmarks import report
from docs.reader_facts import readers
from docs.server_facts import servers
from mailbatch.checks.codes import CODES, SECTIONS
from mailbatch.cli import app as cli
from mailbatch.cli.exit_codes import MEANING
from mailbatch.cli.panels import Panel
from mailbatch.job.schema import job_schema
from mailbatch.job.schema import schema_text as job_schema_text
from mailbatch.ledger.message_ids import FORMS, NAMELESS
from mailbatch.outcome import Status
from mailbatch.results.columns import COLUMNS
from mailbatch.results.row_schema import schema_text as row_schema_text
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.wordings import WORDINGS, Trouble, Wording

PACKAGE = Path(mailbatch.__file__).resolve().parent

#: A word of the command line, and what it means.
Described: TypeAlias = tuple[str, str]

_PART = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)"
    r"(?P<end><!-- end of (?P=name) -->)",
    re.DOTALL,
)

# -- the job file ----------------------------------------------------------------------------------

_DURATION = r"^[0-9]+(\.[0-9]+)?[smh]?$"
_RATE = r"^[1-9][0-9]{0,8}/(s|min|h)$"
_SHARE = r"^(?!0+(\.0+)?%)([0-9]{1,2}(\.[0-9]{1,6})?|100)%$"
_LARGEST = 2**31 - 1
_SECONDS = {3600: "h", 60: "m", 1: "s"}


def job_keys() -> str:
    """Write every key of the job file, section by section."""
    schema = job_schema()
    return "\n\n".join([_section(schema, schema, "")] + [
        _section(schema, section, prefix) for prefix, section in _sections(schema, schema, "")
    ])  # fmt: skip


def _sections(
    schema: dict[str, Any], section: dict[str, Any], prefix: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the mappings below a mapping, each with the dotted key that leads to it."""
    for key, value in section["properties"].items():
        target, listed = _target(value)
        if target is not None:
            below = f"{prefix}.{key}" if prefix else key
            below += "[]" if listed else ""
            found = schema["definitions"][target]
            yield below, found
            yield from _sections(schema, found, below)


def _section(schema: dict[str, Any], section: dict[str, Any], prefix: str) -> str:
    lines = [f"## `{prefix}`" if prefix else "## The job", ""]
    lines += [section["description"], ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, value in section["properties"].items():
        dotted = f"{prefix}.{key}" if prefix else key
        anchor = f'<a id="{_anchor(dotted)}"></a>'
        needed = "*needed*" if key in section.get("required", ()) else _default(value)
        cells = (f"{anchor}`{dotted}`", _words(value, dotted), needed, _meaning(value, schema))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _anchor(dotted: str) -> str:
    return dotted.replace("[]", "")


def _meaning(value: dict[str, Any], schema: dict[str, Any]) -> str:
    text = value.get("description", "")
    target, _ = _target(value)
    if not text and target is not None:
        text = schema["definitions"][target]["description"]
    examples = value.get("examples", ())
    if examples:
        text += " Example: " + ", ".join(map(_example, examples)) + "."
    return _cell(text)


def _example(value: Any) -> str:
    return _code(f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value)


def _default(value: dict[str, Any]) -> str:
    if "default" not in value:
        return ""
    default = value["default"]
    if default in ([], {}):
        return ""
    if isinstance(default, bool):
        return _code(str(default).lower())
    if isinstance(default, float):
        return _code(_duration(default))
    return _code(default)


def _duration(seconds: float) -> str:
    for unit, letter in _SECONDS.items():
        if seconds >= unit and not seconds % unit:
            return f"{seconds / unit:g}{letter}"
    return f"{seconds:g}s"


def _words(value: dict[str, Any], dotted: str) -> str:
    """Say in words which values a key accepts."""
    if "$ref" in value or "allOf" in value:
        return f"[a mapping](#{_slug(dotted)})"
    if "anyOf" in value:
        forms = [one for one in value["anyOf"] if _is_own(one)]
        found = [_words(one, dotted) for one in forms if "items" not in one]
        # A duration may also be a number of seconds, which its own words say.
        found = [word for word in dict.fromkeys(found) if word != "seconds"]
        if len(found) < len(forms) and any("items" in one for one in forms):
            found.append("a list of them")
        return " or ".join(found)
    return _plain_words(value)


def _plain_words(value: dict[str, Any]) -> str:
    if "const" in value or "enum" in value:
        return " or ".join(map(_code, value.get("enum") or [value["const"]]))
    patterns = {_DURATION: "a duration", _RATE: "a rate", _SHARE: "a share"}
    kinds = {
        "array": "a list of texts" if "items" in value else "a list",
        "boolean": "`true` or `false`",
        "integer": _number_words(value),
        "number": "seconds",
        "object": "a mapping",
    }
    return patterns.get(value.get("pattern", "")) or kinds.get(value.get("type", ""), "a text")


def _number_words(value: dict[str, Any]) -> str:
    if "minimum" not in value:
        return "a number"
    low, most = value["minimum"], value["maximum"]
    return f"a number from {low}" if most == _LARGEST else f"a number, {low} to {most}"


def _is_own(value: dict[str, Any]) -> bool:
    """Tell a form of a value of its own from `${NAME}`, which may stand for any."""
    return bool(value.get("$ref") != "#/definitions/Interpolated")


def _target(value: dict[str, Any], *, listed: bool = False) -> tuple[str | None, bool]:
    """Return the definition that a key leads to, if any, and whether through a list."""
    reference = value.get("$ref")
    if reference is not None and _is_own(value):
        return str(reference).rpartition("/")[2], listed
    inside = [(one, listed) for key in ("allOf", "anyOf") for one in value.get(key, ())]
    if isinstance(value.get("items"), dict):
        inside.append((value["items"], True))
    found = [_target(one, listed=through) for one, through in inside]
    found = [(name, through) for name, through in found if name is not None]
    return max(found, key=lambda one: one[1]) if found else (None, False)


def _slug(prefix: str) -> str:
    """Return the anchor of a section's heading, as Python-Markdown makes it."""
    return re.sub(r"[^\w\s-]", "", prefix).strip().lower()


# -- the commands ----------------------------------------------------------------------------------


def commands() -> str:
    """Write every command with the help that `mailbatch COMMAND --help` prints."""
    found = [_command(registered) for registered in cli.app.registered_commands]
    for group in cli.app.registered_groups:
        below = group.typer_instance
        name = below.info.name
        found.append(f"## {name}\n\n{below.info.help}")
        found += [_command(registered, f"{name} ") for registered in below.registered_commands]
    return "\n\n".join(found)


def _command(registered: Any, group: str = "") -> str:
    function = registered.callback.called()
    name = group + (registered.name or function.__name__)
    arguments, options = _parameters(function)
    words = [f"mailbatch {name}", "[OPTIONS]" if options else "", *[word for word, _ in arguments]]
    text, _, example = inspect.getdoc(function).partition("\n\nExample: ")  # type: ignore[union-attr]
    lines = [f"## {name}", "", "```text", " ".join(filter(None, words)), "```", "", text, ""]
    if options or arguments:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| {_code(word)} | {_cell(meaning)} |" for word, meaning in arguments]
        for panel, listed in _by_panel(options).items():
            lines.append(f"| **{panel}** | |")
            lines += [f"| {word} | {_cell(meaning)} |" for word, meaning in listed]
        lines.append("")
    if example:
        lines.append(f"Example: {_code(example)}")
    return "\n".join(lines).rstrip()


def _parameters(
    function: Callable[..., Any],
) -> tuple[list[Described], list[tuple[str, Described]]]:
    """Return the arguments and the options of a command, as a word and its meaning.

    Before each option stands its group.
    """
    arguments: list[Described] = []
    options: list[tuple[str, Described]] = []
    hints = typing.get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        declared, info = typing.get_args(hints[name])[0], hints[name].__metadata__[-1]
        if type(info).__name__ == "ArgumentInfo":
            metavar = info.metavar or name.upper()
            needed = parameter.default is inspect.Parameter.empty
            arguments.append((metavar if needed else f"[{metavar}]", info.help))
        else:
            told = _option(name, declared, info), _option_help(parameter.default, info)
            options.append((info.rich_help_panel, told))
    return arguments, options


def _by_panel(options: list[tuple[str, Described]]) -> dict[str, list[Described]]:
    """Return the options by the groups of `--help`, in the order of these."""
    found = {panel: [told for one, told in options if one == panel] for panel in Panel}
    return {str(panel): listed for panel, listed in found.items() if listed}


def _option(name: str, declared: Any, info: Any) -> str:
    # In an `Annotated`, typer keeps the first word of an option where its default would stand.
    words = [str(info.default), *map(str, info.param_decls or ())]
    long, short = words[0], words[1:]
    if not long.startswith("--"):
        raise ValueError(f"the option {name} does not name its long form first")
    value = info.metavar or _metavar(long, declared)
    return ", ".join(_code(word) for word in (f"{long} {value}".strip(), *short))


def _metavar(long: str, declared: Any) -> str:
    types = [one for one in typing.get_args(declared) or (declared,) if one is not type(None)]
    if types == [bool]:
        return ""
    return "N" if types == [int] else long.removeprefix("--").upper()


def _option_help(default: Any, info: Any) -> str:
    text = info.help or ""
    limits = [f"{word} {limit}" for word, limit in (("from", info.min), ("to", info.max)) if limit]
    if limits and not (info.max and str(info.max) in text):
        text += f" A number {' '.join(limits)}."
    if info.envvar:
        text += f" Also read from `{info.envvar}`."
    shown = str(default)
    named = shown in text or "default" in text
    if default not in (None, False, inspect.Parameter.empty) and not named:
        text += f" Default: {_code(shown)}."
    return text


# -- refusals --------------------------------------------------------------------------------------

_TROUBLES = {
    Trouble.LOGIN: "not let in",
    Trouble.LIMIT: "slow down",
    Trouble.ALLOWANCE: "not today",
    Trouble.CROWD: "too many recipients",
    Trouble.ACCOUNT: "account",
}
_COMMANDS = {
    Verb.AUTH: "AUTH",
    Verb.MAIL: "MAIL",
    Verb.RCPT: "RCPT",
    Verb.DATA: "DATA",
    Verb.END_OF_DATA: "the end of data",
    Verb.BDAT: "BDAT",
}


def refusals() -> str:
    """Write the wordings of refusals, each with its meaning."""
    lines = ["| the reply has | in reply to | means | source |", "|---|---|---|---|"]
    lines += [
        f"| {_said(row)} | {_commands(row)} | {_means(row)} | {row.source} |" for row in WORDINGS
    ]
    return "\n".join(lines)


def _said(row: Wording) -> str:
    kind = {frozenset({4}): "a 4yz with ", frozenset({5}): "a 5yz with "}.get(row.classes, "")
    kind = " or ".join(map(str, sorted(row.codes))) + " " if row.codes else kind
    parts = [_code(row.words.strip())] if row.words else []
    parts += [_code(f"X.{row.status}")] if row.status else []
    return f"{kind}{' and '.join(parts)}".strip()


def _commands(row: Wording) -> str:
    if len(row.at) > len(Verb) // 2:
        missing = [word for verb, word in _COMMANDS.items() if verb not in row.at]
        return f"any but {', '.join(missing)}" if missing else "any"
    return ", ".join(word for verb, word in _COMMANDS.items() if verb in row.at)


def _means(row: Wording) -> str:
    if row.means is not Trouble.NONE:
        return _TROUBLES[row.means]
    words = [f'"{word}"' for one, word in _TROUBLES.items() if one in row.rules_out]
    return f"rules out {', '.join(words)}"


# -- check codes, exit codes, results, ledger, rooms -----------------------------------------------


def check_codes() -> str:
    """Write the codes of the checks, section by section."""
    parts = []
    for prefixes, title in SECTIONS.items():
        parts.append(f"## {title}")
        parts += [
            f"### {code.code} {code.title}\n\n"
            f"*{code.severity}.* {code.why}\n\nTo mend it: {code.mend}"
            for code in CODES.values()
            if code.code.startswith(prefixes)
        ]
    return "\n\n".join(parts)


def exit_codes() -> str:
    """Write the exit codes and their meanings."""
    lines = ["| exit | meaning |", "|---|---|"]
    for code, meaning in MEANING.items():
        text = meaning.replace("mailbatch resolve", "`mailbatch resolve`")
        lines.append(f'| <a id="{int(code)}"></a>{int(code)} | {_cell(text)} |')
    return "\n".join(lines)


def columns() -> str:
    """Write the columns of the results CSV."""
    lines = ["| column | value | meaning |", "|---|---|---|"]
    for column in COLUMNS:
        shown = column.type.words + (", or empty" if column.nullable else "")
        lines.append(f"| `{column.name}` | {shown} | {_cell(column.description)} |")
    return "\n".join(lines)


def statuses() -> str:
    """Write the statuses; their meanings are the comments beside the members."""
    source = inspect.getsource(Status)
    meanings = dict(re.findall(r'= "([a-z_]+)"  # (.+)', source))
    lines = ["| status | meaning |", "|---|---|"]
    lines += [f"| `{status}` | {_cell(meanings[str(status)])} |" for status in Status]
    return "\n".join(lines)


def message_ids() -> str:
    """Write the replies out of which the server's name for a message is taken."""
    lines = ["| server | reply | `message_id` | seen in |", "|---|---|---|---|"]
    for seen in (*(one for form in FORMS for one in form.seen), *NAMELESS):
        found = _code(seen.message_id) if seen.message_id else "none"
        lines.append(f"| {seen.server} | {_code(seen.text)} | {found} | {seen.source} |")
    return "\n".join(lines)


def ledger_schema() -> str:
    """Write the SQL of the ledger."""
    sql = (PACKAGE / "ledger" / "schema.sql").read_text(encoding="utf-8")
    return f"```sql\n{sql.rstrip()}\n```"


def rooms() -> str:
    """Write the rooms of the house: purpose and imported rooms of each."""
    folders = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
    lines = ["| room | what it is | imports |", "|---|---|---|"]
    for folder in sorted(folders, key=lambda folder: (-len(_imported_rooms(folder)), folder.name)):
        tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        doc = (ast.get_docstring(tree) or "").partition("\n\n")[0].replace("\n", " ")
        imported = ", ".join(f"`{name}`" for name in sorted(_imported_rooms(folder)))
        lines.append(f"| `{folder.name}/` | {_cell(doc)} | {imported or 'none'} |")
    return "\n".join(lines)


@functools.cache
def _imported_rooms(folder: Path) -> frozenset[str]:
    names = {name for path in folder.rglob("*.py") for name in _imports(path)}
    found = {name.split(".")[1] for name in names if name.startswith("mailbatch.")}
    return frozenset(name for name in found if (PACKAGE / name).is_dir()) - {folder.name}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# -- writing ---------------------------------------------------------------------------------------


def _code(value: object) -> str:
    return f"`{value}`"


def _cell(text: str) -> str:
    """Fit text into a cell of a table; characters of HTML are shown as characters."""
    pieces = text.strip().replace("|", "\\|").split("`")
    pieces[::2] = [one.replace("<", "&lt;").replace(">", "&gt;") for one in pieces[::2]]
    text = "`".join(pieces)
    # `off: one at a time` begins with a value, which has its own spelling.
    return text if re.match(r"\w+:", text) else f"{text[:1].upper()}{text[1:]}"


PARTS: dict[str, Callable[[], str]] = {
    "job-keys": job_keys,
    "commands": commands,
    "check-codes": check_codes,
    "exit-codes": exit_codes,
    "columns": columns,
    "statuses": statuses,
    "message-ids": message_ids,
    "ledger-schema": ledger_schema,
    "rooms": rooms,
    "refusals": refusals,
    "servers": servers,
    "readers": readers,
}


#: The files that are generated from their first byte to their last.
FILES: dict[str, Callable[[], str]] = {
    "schemas/job.schema.json": job_schema_text,
    "schemas/results.schema.json": row_schema_text,
}


def generated(text: str) -> str:
    """Return a page with its generated parts written anew.

    Raises:
        KeyError: A comment names a part that `PARTS` does not have.
    """
    return _PART.sub(
        lambda found: f"{found['begin']}\n{PARTS[found['name']]()}\n\n{found['end']}", text
    )


def pages() -> Iterator[Path]:
    """Give every page of the documentation, in the order of their names."""
    yield from sorted(DOCS.rglob("*.md"))


def files() -> dict[Path, str]:
    """Return every file that is generated, in part or as a whole, with its right text."""
    texts = {page: generated(page.read_text(encoding="utf-8")) for page in pages()}
    texts |= {ROOT / name: text() for name, text in FILES.items()}
    return texts | report.files()


def stale(texts: Mapping[Path, str]) -> list[Path]:
    """Return the files that do not hold the right text, missing files among them."""
    return [
        path
        for path, text in texts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Write every stale file and return 0; with `--check` name them and return 1 if there are any.

    Prints the name of each stale file, on standard error with `--check`.
    """
    texts = files()
    changed = stale(texts)
    names = ", ".join(str(path.relative_to(ROOT)) for path in changed)
    if "--check" in arguments:
        if changed:
            sys.stderr.write(f"not what the code says: {names}; run python docs/generate.py\n")
        return 1 if changed else 0
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    sys.stdout.write(f"written: {names}\n" if changed else "nothing to write\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
