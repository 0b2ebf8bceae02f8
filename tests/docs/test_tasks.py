"""The tasks of the Makefile: each says what it does, and no text names a task that is not there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
NAMING = [ROOT / ".ci" / "run", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_every_target_is_listed_with_a_sentence():
    """`make` shows the text behind `##`; no target is taken for a file of the same name."""
    assert set(re.findall(r"^([a-z]+):.*  ## \w.*\.$", MAKEFILE, re.MULTILINE)) == TARGETS
    (phony,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert set(phony.split()) == TARGETS
    assert MAKEFILE.index("list:") < min(MAKEFILE.index(f"{name}:") for name in TARGETS - {"list"})


@pytest.mark.parametrize("path", NAMING, ids=lambda path: path.name)
def test_every_task_that_is_named_exists(path):
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert named <= TARGETS


def test_continuous_integration_calls_the_same_tasks():
    """It has no linter and no threshold of its own."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert {"lint", "branches"} <= set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
    assert not re.search(r"ruff|mypy|generate\.py|coverage", text)
