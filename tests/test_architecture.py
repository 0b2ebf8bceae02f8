"""The house: imports go one way, and each foreign thing has one room."""

import ast
from pathlib import Path

import pytest

import mailbatch

ROOT = Path(mailbatch.__file__).parent
VALUES = {"errors", "envelope", "host_names", "outcome"}
#: room -> what it may import of mailbatch besides itself and the values.
MAY_IMPORT = {
    "job": set(),
    "smtp": set(),
    "ledger": set(),
    "reports": set(),
    "sandbox": set(),
    "expressions": set(),
    "recipients": {"job", "expressions"},
    "render": {"job", "expressions"},
    "preview": {"job", "render"},
    "delivery": {"job", "recipients", "render", "ledger", "smtp", "sandbox", "preview"},
    "cli": {
        "job", "recipients", "render", "ledger", "smtp", "sandbox", "preview", "delivery",
        "shipping", "",
    },
    "errors": set(),
    "outcome": set(),
    "envelope": set(),
    "host_names": set(),
    "shipping": set(),
    "__main__": {"cli"},
    "": {"job", "delivery"},
}  # fmt: skip
#: foreign module -> the only places that may import it.
ONLY_IN = {
    "rich": ("cli/",),
    "typer": ("cli/",),
    "sqlite3": ("ledger/", "reports/"),
    "flufl": ("reports/",),
    "uvloop": ("delivery/",),
    "aiosmtpd": ("sandbox/",),
    "jinja2": ("expressions/", "render/", "recipients/"),
    "yaml": ("job/",),
}
#: The rest of smtp/ is free of I/O and of clocks.
SMTP_WITH_IO = {"smtp/session.py", "smtp/opening.py", "smtp/dialogue.py", "smtp/network.py"}


def modules():
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def imports_of(name):
    """Every module that `name` imports, wherever in the file the import stands."""
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{name}: relative import"
            if node.module == "mailbatch":
                yield from (f"mailbatch.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room_of(name):
    first = name.split("/")[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


@pytest.mark.parametrize("name", modules())
def test_imports_go_one_way(name):
    """No module imports a room that lies above or beside its own."""
    room = room_of(name)
    assert room in MAY_IMPORT, f"{room} has no place in the house: say what it may import"
    allowed = MAY_IMPORT[room] | VALUES | {room}
    for imported in imports_of(name):
        if imported.split(".")[0] != "mailbatch":
            continue
        target = imported.split(".")[1] if "." in imported else ""
        if not (ROOT / target).exists() and not (ROOT / f"{target}.py").exists():
            target = ""  # a name of the package itself, such as __version__
        assert target in allowed, f"{name} imports {imported}"


@pytest.mark.parametrize("name", modules())
def test_foreign_modules_have_their_room(name):
    """Sockets, SQLite, terminals and the like are each used in one place only."""
    for imported in imports_of(name):
        top = imported.split(".")[0]
        if top in ONLY_IN:
            assert name.startswith(ONLY_IN[top]), f"{name} imports {imported}"
        if top in {"socket", "ssl", "asyncio", "time"} and name.startswith("smtp/"):
            assert name in SMTP_WITH_IO, f"{name} imports {imported}"


@pytest.mark.parametrize("name", modules())
def test_every_module_says_what_it_is(name):
    """Each module opens with a docstring."""
    assert ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8")))


MOST_LINES = 500
MOST_LINES_OF_A_FUNCTION = 50


@pytest.mark.parametrize("name", modules())
def test_no_module_is_too_long_to_read(name):
    """A module has at most 500 lines."""
    lines = (ROOT / name).read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{name} has {lines} lines"


@pytest.mark.parametrize("name", modules())
def test_no_function_is_too_long_to_read(name):
    """At most 50 lines, without the signature and the docstring: those are for readers."""
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
            lines = (node.end_lineno or first.lineno) - first.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{name}: {node.name} has {lines} lines"
