"""The keys of the job in the texts of the rooms that talk to a server."""

import ast
import re
from pathlib import Path

import mailbatch
from mailbatch.job.server import SubmissionServer

ROOMS = ("smtp", "delivery")
#: A key of the first server, written out.
FIXED = re.compile(rf"\bserver\.({'|'.join(SubmissionServer.model_fields)})\b")


def texts(tree):
    """Yield the texts of a module that are no docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.lineno, node.value


def test_no_text_about_a_server_names_the_keys_of_the_first_one():
    """A second server has the same faults, and other keys: `server.fallback`."""
    found, read = [], 0
    for room in ROOMS:
        for path in sorted((Path(mailbatch.__file__).parent / room).rglob("*.py")):
            for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
                read += 1
                if FIXED.search(text) and not FIXED.fullmatch(text):
                    found.append(f"{path.name}:{line}: {text}")
    assert found == []
    assert read > 1000
