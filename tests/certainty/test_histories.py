"""Random histories of mailings over workers: none twice, none lost, no doubt without a death."""

import os
from collections import Counter

import pytest

from tests.certainty.histories import Stand, live

#: The histories of the suite, in so many tests, which workers of the tests share. `.ci/run` lives
#: through 200 others: a history takes a second of a processor.
HISTORIES, TESTS = 32, 4


@pytest.fixture
def stand(cluster, tmp_path):
    with Stand(cluster, tmp_path) as made:
        yield made


@pytest.mark.parametrize("part", range(TESTS))
def test_histories_keep_the_promise(stand, part):
    told = list(live(stand, range(part, HISTORIES, TESTS)))
    assert len(told) == HISTORIES // TESTS
    assert sum(one.messages for one in told) > 0


@pytest.mark.long
def test_many_histories_keep_the_promise(stand):
    """As many as MAILBATCH_HISTORIES says, and other ones than those of the suite."""
    number = int(os.environ.get("MAILBATCH_HISTORIES", "2000"))
    total = Counter()
    for told in live(stand, range(1000, 1000 + number)):
        print(told)
        total.update(histories=1, messages=told.messages, doubts=told.doubts, arrived=told.arrived,
                     allowed=told.most)  # fmt: skip
    print(*(f"{number:,} {name}" for name, number in total.items()), sep=", ")
    assert total["histories"] == number
