"""The table of fates: one word, one fate, and the page that tells of it."""

import re
from pathlib import Path

import pytest

import mailbatch
from mailbatch.sandbox.fates import DELIVERED, FATES, fate_of

PAGE = Path(mailbatch.__file__).parents[1] / "docs" / "reference" / "sandbox.md"


@pytest.mark.parametrize("word", FATES)
def test_a_word_is_a_local_part(word):
    """Alone and before a tag, in any case, at any domain."""
    for address in (f"{word}@example.org", f"{word.upper()}+ada@Example.net"):
        assert fate_of(address) is FATES[word]


@pytest.mark.parametrize("address", ["ada@example.org", "rebounce@example.org", "ada+bounce@e.org"])
def test_any_other_is_delivered(address):
    """A word within another, or in a tag, means nothing."""
    assert fate_of(address) is DELIVERED


@pytest.mark.parametrize("word", FATES)
def test_the_last_report_is_final_and_no_other(word):
    """Every story ends, and what comes before its end is intermediate."""
    finals = [told.is_final for told in FATES[word].reports]
    assert finals == [False] * (len(finals) - 1) + [True] * bool(finals)


def test_the_page_names_every_word():
    """The reference has one row for each word, and no word that is not there."""
    text = PAGE.read_text(encoding="utf-8").partition("## What becomes of a message")[2]
    rows = re.findall(r"^\| (`[^|]+) \|", text.partition("\n## ")[0], re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`([a-z]+)@…`", row)}
    assert named == {*FATES, "unanswered"}
