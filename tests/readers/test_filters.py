"""What judges letters before anybody reads them: a spam filter, and a verifier of signatures."""

from __future__ import annotations

import itertools
import mailbox
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.readers.filters import OpenDkim, SpamAssassin
from tests.readers.letters import SIGNED, Letter
from tests.support.observed import Observed

pytestmark = pytest.mark.reader

#: A filter takes a fifth of a second for each; the letters of a template are alike to it.
MOST_JUDGED = 2
#: The provider's own letter is one sentence and an image; nothing else is in it to be judged.
SENTENCE_AND_IMAGE = "examples/02-fully-featured"


def test_a_filter_has_nothing_against_what_ships(
    letters: Sequence[Letter], observed: Observed
) -> None:
    """No rule of SpamAssassin that needs no network speaks against a template or an example."""
    judged = [
        letter
        for origin, group in itertools.groupby(letters, key=lambda letter: letter.origin)
        if "/" in origin
        for letter in itertools.islice(group, MOST_JUDGED)
    ]
    filter_ = SpamAssassin()
    verdicts = filter_.verdicts(judged)
    assert len(verdicts) == len(judged)
    worst: dict[str, float] = {}
    objections = []
    for letter, verdict in zip(judged, verdicts, strict=True):
        # -0.0 is how a sum of some thousandths is written.
        score = verdict.score + 0.0
        worst[letter.origin] = max(score, worst.get(letter.origin, score))
        # What speaks for a letter, such as the fields of a list, must not hide what speaks against.
        if verdict.objections and letter.origin != SENTENCE_AND_IMAGE:
            objections.append(f"{letter.name}: {verdict.objections}")
    assert objections == []
    assert all(score <= 0 for origin, score in worst.items() if origin != SENTENCE_AND_IMAGE)
    observed.check(filter_, scores=[f"{origin} {score}" for origin, score in worst.items()])


def through_an_mbox(letter: Letter, folder: Path) -> Letter:
    """Return a letter as a folder in mbox format gives it back: `From ` has become `>From `."""
    box = mailbox.mbox(folder / "box", create=True)
    key = box.add(letter.data.replace(b"\r\n", b"\n"))
    box.flush()
    data = box.get_bytes(key).replace(b"\n", b"\r\n")
    box.remove(key)
    box.close()
    return replace(letter, data=data)


def test_signatures_hold_behind_an_mbox(
    letters: Sequence[Letter], tmp_path: Path, observed: Observed
) -> None:
    """OpenDKIM agrees, of a letter with lines that begin with `From `, and of its copy in an mbox.

    A letter of which one word was changed is no letter of the sender.
    """
    signed = [letter for letter in letters if letter.origin.startswith("signed")]
    stored = [through_an_mbox(letter, tmp_path) for letter in signed]
    changed = [replace(one, data=one.data.replace(b"library", b"Library")) for one in signed]
    assert all(one.data != other.data for one, other in zip(signed, changed, strict=True))
    verifier = OpenDkim()
    verified = verifier.verified([*signed, *stored, *changed])
    count = len(signed)
    assert verified[:count] == [True] * count
    assert verified[count : 2 * count] == [True] * count
    assert verified[2 * count :] == [False] * count
    observed.check(verifier, verifies=sorted(SIGNED.values()))
