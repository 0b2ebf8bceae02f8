"""Random histories of mailings over workers: none twice, none lost, no doubt without a death."""

import os
from collections import Counter

import pytest

from tests.certainty.histories import Stand, live

#: The histories of the suite: as many as MAILBATCH_HISTORIES says, which is 200 in `.ci/run`. They
#: are so many tests, which workers of the tests share: a history takes a second of a processor.
HISTORIES, TESTS = int(os.environ.get("MAILBATCH_HISTORIES", "32")), 8
#: Those of the long form, unless MAILBATCH_HISTORIES says how many.
MANY = int(os.environ.get("MAILBATCH_HISTORIES", "2000"))


@pytest.fixture
def stand(cluster, tmp_path):
    with Stand(cluster, tmp_path) as made:
        yield made


@pytest.mark.parametrize("part", range(TESTS))
def test_histories_keep_the_promise(stand, part):
    seeds = range(part, HISTORIES, TESTS)
    told = list(live(stand, seeds))
    assert len(told) == len(seeds) > 0
    assert sum(one.messages for one in told) > 0


@pytest.mark.long
def test_many_histories_keep_the_promise(stand):
    """Other ones than those of the suite, with their figures."""
    total = Counter()
    for told in live(stand, range(1000, 1000 + MANY)):
        print(told)
        total.update(histories=1, messages=told.messages, doubts=told.doubts, arrived=told.arrived,
                     allowed=told.most)  # fmt: skip
    print(*(f"{number:,} {name}" for name, number in total.items()), sep=", ")
    assert total["histories"] == MANY
