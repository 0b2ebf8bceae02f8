"""The house: imports go one way, and each foreign thing has one room."""

import ast
import functools
import re
from pathlib import Path

import pytest

import mailbatch

ROOT = Path(mailbatch.__file__).parent
VALUES = {
    "balance", "errors", "envelope", "extras", "files", "frozen", "host_names", "identity",
    "octets", "outcome", "outlook", "plain_rows", "remarks", "report_token", "sasl", "send_time",
    "suggest", "temporary", "times", "zones",
}  # fmt: skip
#: room -> what it may import of mailbatch besides itself and the values.
MAY_IMPORT = {
    "job": set(),
    "smtp": set(),
    "ledger": set(),
    "results": {"ledger", "reports"},
    "reports": set(),
    "receiver": {"reports"},
    "pull": {"reports"},
    "sandbox": set(),
    "expressions": set(),
    "recipients": {"job", "expressions"},
    "render": {"job", "expressions"},
    "checks": {"job", "render", "expressions"},
    "dns": {"checks", "job", "render"},
    "links": {"checks", "render"},
    "look": set(),
    "evidence": set(),
    "preview": {"render", "checks", "look"},
    "reports_page": {"reports", "ledger", "look"},
    "bundle": {"job", "render"},
    "inbox": {"render", "preview", "look", "sandbox"},
    "delivery": {
        "job", "recipients", "render", "ledger", "results", "reports", "smtp", "sandbox", "bundle",
        "evidence",
    },
    "cli": {
        "job", "recipients", "render", "ledger", "results", "reports", "receiver", "pull", "smtp",
        "sandbox", "checks", "checking", "fresh_letters", "preview", "previewing", "delivery",
        "reports_page", "dns", "evidence", "inbox", "links", "",
    },
    "balance": set(),
    "errors": set(),
    "frozen": set(),
    "octets": set(),
    "plain_rows": set(),
    "outcome": set(),
    "envelope": set(),
    "identity": set(),
    "extras": set(),
    "files": set(),
    "temporary": set(),
    "remarks": set(),
    "times": set(),
    "host_names": set(),
    "suggest": set(),
    "sasl": set(),
    "send_time": set(),
    "zones": set(),
    "report_token": set(),
    "outlook": set(),
    "__main__": {"cli"},
    "checking": {"job", "recipients", "checks", "delivery", "render"},
    "fresh_letters": {"job", "render", "checks", "delivery", "preview"},
    "previewing": {
        "job", "checks", "checking", "delivery", "fresh_letters", "preview", "render",
    },
    "api": {"job", "recipients", "delivery", "results", "checks", "checking", "previewing"},
    "": {"api", "job", "delivery", "results", "checks", "previewing"},
}  # fmt: skip
#: room -> its face: the only modules of it that other rooms import. The docstring of the room
#: says what each is for.
FACE = {
    "recipients": {"address", "given", "plan"},
    "results": {"columns", "file", "masking", "row"},
    "reports": {
        "acceptance", "bodies", "cursor", "forgetting", "mailboxes", "mailed", "proofs", "refusal",
        "report", "sns", "standing", "standings", "store", "suppression",
    },
    "receiver": {"application", "door", "intake", "path_token", "proving", "serving"},
    "pull": {"access", "asking", "pulling"},
    "checks": {
        "codes", "edition_checks", "findings", "references", "report", "selection",
        "server_checks", "survey", "table_checks", "tallies", "unsubscribing",
    },
    "dns": {"asking", "judgement", "published"},
    "links": {"reaching", "targets", "web"},
    "look": {"folder", "markup"},
    "preview": {
        "chromium", "compare", "eml_folder", "entry", "gallery", "loopback", "message_files",
        "rebuilding", "serving",
    },
    "reports_page": {"figures", "writing"},
    "inbox": {"mails", "serving"},
}  # fmt: skip
#: foreign module -> the only places that may import it.
ONLY_IN = {
    "rich": ("cli/",),
    "typer": ("cli/",),
    "mcp": ("cli/",),
    "sqlite3": ("ledger/", "reports/"),
    "asyncpg": ("ledger/postgres/",),
    "dns": ("dns/asking.py",),
    "flufl": ("reports/",),
    "publicsuffixlist": ("dns/",),
    "urllib3": ("pull/",),
    "uvicorn": ("receiver/",),
    "starlette": ("receiver/",),
    "httptools": ("receiver/",),
    "uvloop": ("delivery/",),
    "aiosmtpd": ("sandbox/",),
    "jinja2": ("expressions/", "render/", "recipients/"),
    "yaml": ("job/",),
}
#: The rest of smtp/ is free of I/O and of clocks.
SMTP_WITH_IO = {
    "smtp/session.py", "smtp/opening.py", "smtp/dialogue.py", "smtp/network.py", "smtp/failures.py",
}  # fmt: skip


@functools.cache
def modules():
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@functools.cache
def tree_of(name):
    """The syntax tree of a module, parsed once: each rule is one test of all modules."""
    return ast.parse(text_of(name))


@functools.cache
def imports_of(name):
    """Every module that `name` imports, wherever in the file the import stands."""
    return tuple(found_imports(name))


def found_imports(name):
    for node in ast.walk(tree_of(name)):
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


def test_every_room_has_a_place_in_the_house():
    """MAY_IMPORT says what it may import."""
    assert {room_of(name) for name in modules()} - set(MAY_IMPORT) == set()


@functools.cache
def target_of(imported):
    """The room of an import of ours; a name such as __version__ is in that of the package."""
    target = imported.split(".")[1] if "." in imported else ""
    return target if (ROOT / target).exists() or (ROOT / f"{target}.py").exists() else ""


def test_imports_go_one_way():
    """No module imports a room that lies above or beside its own."""
    wrong = [
        f"{name} imports {imported}"
        for name in modules()
        for imported in imports_of(name)
        if imported.split(".")[0] == "mailbatch"
        if target_of(imported) not in {*MAY_IMPORT[room_of(name)], *VALUES, room_of(name)}
    ]
    assert wrong == []


@pytest.mark.parametrize("room", FACE)
def test_a_room_is_entered_by_its_face(room):
    """What a room needs for itself only may change without a look at the others."""
    prefix = f"mailbatch.{room}."
    entered = {
        imported.removeprefix(prefix)
        for name in modules()
        if room_of(name) != room
        for imported in imports_of(name)
        if imported.startswith(prefix)
    }
    assert entered == FACE[room]


#: The roles of a ledger, and the rows that pass through them.
ROLES = (
    "mailbatch.ledger.corrected", "mailbatch.ledger.ports", "mailbatch.ledger.proved",
    "mailbatch.ledger.rows", "mailbatch.ledger.standings", "mailbatch.ledger.traces",
)  # fmt: skip
#: Names a ledger in a database, and opens none.
ADDRESS = "mailbatch.ledger.postgres.address"


def test_a_ledger_is_opened_in_one_place():
    """All rooms but its own know a ledger by its roles: a second kind is a room and that place."""
    entered = {
        (name, imported)
        for name in modules()
        if room_of(name) != "ledger" and name != "delivery/ledgers.py"
        for imported in imports_of(name)
        if imported.startswith("mailbatch.ledger.") and imported not in {*ROLES, ADDRESS}
    }
    assert entered == set()


def test_the_roles_of_a_ledger_store_nothing():
    """Every kind of ledger depends upon them, so they depend upon none."""
    files = [ROOT.parent / f"{name.replace('.', '/')}.py" for name in ROLES]
    runs = [node for file in files for node in tree_of(file.relative_to(ROOT).as_posix()).body]
    imported = {node.module for node in runs if isinstance(node, ast.ImportFrom)} - set(ROLES)
    assert {name for name in imported if name and name.startswith("mailbatch.")} == {
        "mailbatch.envelope",
        "mailbatch.frozen",
        "mailbatch.identity",
        "mailbatch.outcome",
    }


def test_foreign_modules_have_their_room():
    """Sockets, SQLite, terminals and the like are each used in one place only."""
    wrong = []
    for name in modules():
        for imported in imports_of(name):
            top = imported.split(".")[0]
            if not name.startswith(ONLY_IN.get(top, "")):
                wrong.append(f"{name} imports {imported}")
            if top in {"socket", "ssl", "asyncio", "time"} and name.startswith("smtp/"):
                wrong += [f"{name} imports {imported}"] * (name not in SMTP_WITH_IO)
    assert wrong == []


def test_every_module_says_what_it_is():
    """Each module opens with a docstring."""
    assert [name for name in modules() if not ast.get_docstring(tree_of(name))] == []


MOST_LINES = 500
MOST_LINES_OF_A_FUNCTION = 50


def test_no_module_is_too_long_to_read():
    """A module has at most 500 lines."""
    lines = {name: text_of(name).count("\n") for name in modules()}
    assert {name: number for name, number in lines.items() if number > MOST_LINES} == {}


def test_no_function_is_too_long_to_read():
    """At most 50 lines, without the signature and the docstring: those are for readers."""
    lines = {}
    for name in modules():
        for node in ast.walk(tree_of(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
                lines[name, node.name, node.lineno] = node.end_lineno - first.lineno + 1
    assert {key: number for key, number in lines.items() if number > MOST_LINES_OF_A_FUNCTION} == {}


#: Modules that read the words of others, who have one class or one reply for many mistakes.
READS_FOREIGN_WORDS = {
    "job/yaml_errors.py": "PyYAML: the problem of a marked error",
    "render/templates.py": "Jinja2: a filter or a test that is not there",
    "recipients/comparing.py": "Python: an operator that takes no text",
    "smtp/refusals.py": "servers: the text of a reply",
}
#: Searching a text by these decides something by its words.
SEARCHES = {"startswith", "endswith", "find", "rfind", "index", "count"}
SEARCHES |= {"match", "search", "fullmatch", "findall", "finditer"}


def errors_in(tree):
    """Give the names that stand for errors: caught ones, and parameters that are annotated so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name
        elif isinstance(node, ast.arg) and node.annotation is not None:
            words = {one.id for one in ast.walk(node.annotation) if isinstance(one, ast.Name)}
            if any(word.rstrip("s").endswith(("Error", "Exception")) for word in words):
                yield node.arg


def is_words(node, errors):
    """Whether an expression is the text of an error: its message, its hint, `str()` of it."""
    if isinstance(node, ast.BoolOp):
        return any(is_words(value, errors) for value in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"str", "repr"} and any(is_error(a, errors) for a in node.args)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return is_words(node.func.value, errors)  # lower(), strip() and the like
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"message", "hint", "msg", "strerror"}
        and is_error(node.value, errors)
    )


def is_phrase(node):
    """Whether an expression is a text of several words: no value of the code is one."""
    value = node.value if isinstance(node, ast.Constant) else None
    return isinstance(value, str) and re.search("[a-z] [a-z]", value) is not None


def is_error(node, errors):
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in errors or name in {"error", "failure", "refused"}


def decisions_by_words(tree):
    """Give the lines on which a text of an error, or any phrase, is compared or searched."""
    errors = set(errors_in(tree))
    for node in ast.walk(tree):
        looked_at = []
        if isinstance(node, ast.Compare):
            nothing = [one for one in node.comparators if isinstance(one, ast.Constant)]
            if not any(one.value is None for one in nothing):
                looked_at = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            looked_at = [node.subject]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in SEARCHES:
            looked_at = [node.func.value, *node.args]
        compared = looked_at if isinstance(node, ast.Compare) else []
        if any(is_words(one, errors) for one in looked_at) or any(map(is_phrase, compared)):
            yield node.lineno


def test_nothing_is_decided_by_words():
    """A message may be reworded: code looks at the class of an error, or at its `reason`."""
    found = {name: lines for name in modules() if (lines := [*decisions_by_words(tree_of(name))])}
    unneeded = set(READS_FOREIGN_WORDS) - set(found)
    assert unneeded == set(), "these need no exception any more"
    decided = {name: found[name] for name in set(found) - set(READS_FOREIGN_WORDS)}
    assert decided == {}, "on these lines: give the error a Reason"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(e: InputError):\n    return 'at most' in e.message", [2]),
        ("try: f()\nexcept ValueError as why:\n    g(str(why) == 'no')", [3]),
        ("if error.message.lower().startswith('x'): pass", [1]),
        ("def f(e: KeyError | None):\n    return re.search('x', e.hint or '')", [2]),
        ("if self.failure.message == 'x': pass", [1]),
        ("if self._noun == 'the output' or 'no room' in text: pass", [1, 1]),
        ("if status == 'in_doubt' or ' ' in text: pass", []),
        ("def f(e: InputErrors):\n    match str(e):\n        case 'x': pass", [2]),
        ("if error.hint is not None: print(error.message)", []),
        ("if 'To' in job.message.headers or error.reason is Reason.X: pass", []),
    ],
)
def test_a_decision_by_words_is_seen(source, found):
    """The rule above sees each form of it, and takes nothing else for one."""
    assert list(decisions_by_words(ast.parse(source))) == found


MOST_METHODS = 25


@functools.cache
def classes():
    """(module, name) -> the class and those of its bases that are ours, as (module, name)."""
    found = {}
    for name in modules():
        tree = tree_of(name)
        known = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mailbatch."):
                path = f"{node.module.partition('.')[2].replace('.', '/')}.py"
                known |= {alias.asname or alias.name: (path, alias.name) for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names = [base.id for base in node.bases if isinstance(base, ast.Name)]
                found[name, node.name] = node, [known.get(base, (name, base)) for base in names]
    return found


def methods_of(key):
    """The names of a class's methods, with those of its bases that are ours."""
    node, bases = classes()[key]
    own = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    return own.union(*(methods_of(base) for base in bases if base in classes()))


def private_names(node, *, stored):
    """Every `_x` that a class uses of itself, or, `stored`, that it defines."""
    used = {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == "self"
        and (not stored or isinstance(one.ctx, ast.Store))
    }
    if stored:
        defined = [one for one in node.body if hasattr(one, "name")]
        fields = [one.target for one in node.body if isinstance(one, ast.AnnAssign)]
        used |= {one.name for one in defined} | {one.id for one in fields}
    return {name for name in used if re.match("_[a-z]", name)}


def test_no_class_has_too_many_methods():
    """At most 25, inherited ones of ours included: a larger one holds more than one noun."""
    assert [key for key in classes() if len(methods_of(key)) > MOST_METHODS] == []


def test_no_class_is_cut_in_two_by_inheritance():
    """A private name of a class is not used by a class of another module that inherits it."""
    found = set()
    for key, (node, bases) in classes().items():
        for base in bases:
            if base in classes() and base[0] != key[0]:
                inherited = private_names(classes()[base][0], stored=True)
                if private_names(node, stored=False) & inherited:
                    found.add(key)
    assert found == set()


def is_code(name):
    """A package's `__init__` that holds a docstring only needs no test."""
    return len(tree_of(name).body) > 1


def said_place(name):
    """The paths at the end of the docstring of a module, "Tests: ..."; None: there are none."""
    doc = ast.get_docstring(tree_of(name)) or ""
    said = re.search(r"\nTests: ((?:tests/\S+\.py(?:,\s)?)+)\.\Z", doc)
    return said and re.split(r",\s", said[1])


def test_tests_stand_where_a_reader_looks_for_them():
    """In tests/ROOM/test_MODULE.py, or where the docstring says at its end: "Tests: ..."."""
    missing, needless = [], []
    for name in filter(is_code, modules()):
        folder, stem = Path(name).parent, Path(name).stem
        here = f"tests/{folder.as_posix()}/test_{stem}.py".replace("/./", "/")
        said = said_place(name)
        missing += [(name, path) for path in said or [here] if not (ROOT.parent / path).exists()]
        needless += [name] if here in (said or ()) else []
    assert missing == []
    assert needless == [], "a reader looks there anyway"
