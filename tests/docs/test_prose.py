"""The prose of the package: docstrings whose names exist, and whose sentences read themselves.

The subject of a sentence is a noun of the vocabulary. Pronouns and clauses in the place of nouns
cannot be forbidden one by one, so their share is bounded, room by room.
"""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs import docstrings as reading
from tests.docs.docstrings import PACKAGE, docstrings, house_names, is_known, rooms
from tests.docs.pages import ROOT

#: Names in backticks that are nobody's in the code: of an example, of a shell, of a system call.
FOREIGN = {"Ann", "ann", "COMMAND", "EAI_AGAIN", "E_Mail", "REPLY", "cp", "cryptography", "rm"}
FOREIGN |= {"stat"}

#: The most occurrences in a thousand words of docstrings.
BOUNDS = {
    "what": ({"what"}, 4),
    "whoever": ({"nobody", "somebody", "whoever", "everybody", "anybody"}, 1),
    "it": ({"it", "they", "them", "its", "their"}, 15),
}
#: Words that begin no imperative sentence.
NO_VERBS = {
    *("A", "All", "An", "And", "Any", "As", "At", "Before", "Behind", "Both", "But", "By", "Each"),
    *("Every", "Everybody", "Everything", "For", "From", "How", "If", "In", "It", "New", "No"),
    *("Nobody", "None", "Nothing", "Of", "On", "One", "Only", "Or", "Same", "Some", "Somebody"),
    *("Something", "Standard", "That", "The", "Their", "Them", "These", "They", "Those", "Two"),
    *("When", "Where", "Whether", "Which", "Who", "Whom", "Whose", "Why", "What", "With"),
}
#: Verbs that end as a third person does.
ENDING_IN_S = {"Address", "Bypass", "Compress", "Discuss", "Dismiss", "Express", "Focus", "Guess"}
ENDING_IN_S |= {"Miss", "Pass", "Press", "Process", "Suppress"}
_IDENTIFIER = re.compile(r"[^\W\d]\w*(?:\(\))?")
_BEGINNING = re.compile(r"(?:\A|[.!?]\s+|\n\n)(What|Who|Whoever|Nobody|Somebody|Of an?)\b")


each_room = pytest.mark.parametrize("room", rooms())


def of(room: str) -> list[reading.Docstring]:
    """Return the docstrings of a room."""
    return [docstring for docstring in docstrings() if docstring.room == room]


@each_room
def test_names_in_backticks_exist(room):
    """A class names its attributes, methods and parameters; a function what it uses or is given.

    Functions, classes and words of the language of the project may be named anywhere. A field of
    another class may not: it would go unnoticed when this class loses its own.
    """
    stale = [
        f"{docstring.place}: {name}"
        for docstring in of(room)
        if not isinstance(docstring.node, ast.Module)
        for name in re.findall(r"`([^`\n]+)`", docstring.text)
        if _IDENTIFIER.fullmatch(name) and name not in FOREIGN
        if not is_known(name.removesuffix("()"), docstring)
    ]
    assert stale == []


@each_room
def test_files_and_modules_in_docstrings_exist(room):
    """`module.py` is one of the same room, `folder/module.py` one of the package or the tests."""
    stale = []
    for docstring in of(room):
        for name in re.findall(r"(?<![\w*/.-])([\w/-]+\.py)\b", docstring.text):
            places = [docstring.path.parent / name, PACKAGE / name, ROOT / name]
            if not any(place.exists() for place in places):
                stale.append(f"{docstring.place}: {name}")
        for name in re.findall(r"\bmailbatch\.([a-z_]+(?:\.[a-z_]+)*)\b", docstring.text):
            steps = name.split(".")
            modules = [PACKAGE.joinpath(*steps[:n]) for n in range(1, len(steps) + 1)]
            found = any(one.is_dir() or one.with_suffix(".py").exists() for one in modules)
            if not (found or steps[-1] in house_names()):
                stale.append(f"{docstring.place}: mailbatch.{name}")
    assert stale == []


@each_room
def test_nouns_stand_where_pronouns_could(room):
    """The shares of "what", of "nobody" and of "it" among a thousand words keep their bounds."""
    words = [
        word for docstring in of(room) for word in re.findall(r"[a-z']+", docstring.text.lower())
    ]
    shares = {
        name: round(1000 * sum(word in counted for word in words) / len(words), 1)
        for name, (counted, _) in BOUNDS.items()
    }
    assert {name: share for name, share in shares.items() if share >= BOUNDS[name][1]} == {}


@each_room
def test_no_sentence_begins_with_a_clause_for_a_noun(room):
    """Not with what, who, whoever, nobody, somebody or "of a"."""
    found = [
        f"{docstring.place}: {match[1]}"
        for docstring in of(room)
        for match in _BEGINNING.finditer(docstring.text)
    ]
    assert found == []


@each_room
def test_a_function_says_what_it_does(room):
    """Its docstring begins with an imperative verb; that of a property or a class with a noun.

    That of `__init__` is about the parameters.
    """
    found = [
        f"{docstring.place}: {first}"
        for docstring in of(room)
        if isinstance(docstring.node, reading.FUNCTIONS) and docstring.node.name != "__init__"
        if not is_property(docstring.node)
        if not is_imperative(first := docstring.text.split()[0].rstrip(",;:."))
    ]
    assert found == []


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell a property, read or set, from a function that is called."""
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & {"property", "cached_property", "setter"})


def is_imperative(word: str) -> bool:
    """Tell a verb in the imperative from a noun, an article or a third person, by its letters."""
    if not re.fullmatch(r"[A-Z][a-z]+", word) or word in NO_VERBS:
        return False
    return not word.endswith("s") or word in ENDING_IN_S


@pytest.mark.parametrize("word", ["Return", "Pass", "Let", "Connect"])
def test_imperatives_are_told(word):
    assert is_imperative(word)


@pytest.mark.parametrize("word", ["The", "Returns", "Whether", "EHLO", "`name`", "rows"])
def test_other_beginnings_are_told(word):
    assert not is_imperative(word)


def test_the_exceptions_are_few_and_needed():
    """Not more than ten, and none that no docstring has."""
    named = {name for one in docstrings() for name in re.findall(r"`([^`\n]+)`", one.text)}
    assert len(FOREIGN) <= 10
    assert named >= FOREIGN
