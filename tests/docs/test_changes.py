"""The files of changes/, which become a section of the changelog at a release."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.docs.pages import ROOT

CHANGES = ROOT / "changes"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
KINDS = [kind["directory"] for kind in SETTINGS["type"]]
TEMPLATE = ROOT / SETTINGS["template"]
FRAGMENTS = sorted(path for path in CHANGES.iterdir() if path != TEMPLATE)
CHANGELOG = (ROOT / SETTINGS["filename"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_change_has_a_name_a_kind_and_one_paragraph(path):
    """A file with another name would be left out of the section without a word."""
    assert re.fullmatch(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md", path.name)
    text = path.read_text(encoding="utf-8")
    assert text.endswith(".\n")
    assert not text.startswith(("-", "*", "#", " "))
    assert "\n\n" not in text
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert "://" in target or (ROOT / target).exists(), target


def test_the_changelog_has_one_place_for_the_next_section():
    """Below "Unreleased", which holds no item itself: those are in files of their own."""
    before, place, behind = CHANGELOG.partition(SETTINGS["start_string"])
    assert place
    assert not re.search(r"^(- |###)", before, re.MULTILINE)
    assert re.match(r"\n## \[\d", behind)
    assert SETTINGS["start_string"] not in behind


def test_the_kinds_are_those_that_contributing_names():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"The\nkind is ([^.]+)\.", contributing)
    assert re.findall(r"`(\w+)`", sentence) == KINDS
