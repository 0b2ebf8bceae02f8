"""The turn of an edition, where the cap of a job holds all editions."""

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.turn import Turn


def test_one_edition_has_the_turn_at_a_time(tmp_path):
    path = tmp_path / "state" / "news.cap"
    with Turn.take(path):
        assert Turn.take(path) is None
    with Turn.take(path) as again:
        assert again is not None


def test_a_turn_that_cannot_be_taken_names_the_file(tmp_path):
    (tmp_path / "news.cap").mkdir()
    with pytest.raises(LedgerError, match="the turn cannot be taken"):
        Turn.take(tmp_path / "news.cap")
