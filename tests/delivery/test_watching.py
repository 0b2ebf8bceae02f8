"""The watch of a run without sessions: a large mailing is counted seldom, its end found soon."""

from __future__ import annotations

import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from mailbatch.delivery import shared_progress, signals, watching
from mailbatch.delivery.options import Silence
from mailbatch.outcome import Status


class Counted(Silence):
    def __init__(self) -> None:
        self.accepted = 0

    def settled(self, status: Status, recipients: int) -> None:
        assert status is Status.ACCEPTED
        self.accepted += recipients


class Mailing:
    """A mailing of workers; a count takes ten seconds of the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks = self.counts_made = 0
        self.elapsed = 0.0
        begun = time.monotonic()
        monkeypatch.setattr(
            watching,
            "time",
            SimpleNamespace(monotonic=lambda: begun + self.elapsed, time=time.time),
        )
        monkeypatch.setattr(shared_progress, "_EVERY", 0.0)
        self.job = SimpleNamespace(server=SimpleNamespace(may_hold=False))
        self.ledger = self.standing = self.publication = self

    def current(self) -> str:
        return "a bundle"

    def is_left(self) -> bool:
        self.looks += 1
        return self.looks < 4

    def counts(self) -> Counter[Status]:
        self.counts_made += 1
        self.elapsed += 10.0
        return Counter({Status.ACCEPTED: 5 * self.looks})

    def writers(self) -> tuple[Any, ...]:
        return ()


def test_the_end_of_a_large_mailing_is_found_between_two_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailing, progress = Mailing(monkeypatch), Counted()
    monkeypatch.setattr(watching, "publication_of", lambda _: mailing)
    began = time.monotonic()
    with signals.Stopping() as stopping:
        sent = watching.watch(mailing, progress, stopping)  # type: ignore[arg-type]
    assert sent.failure is None
    assert not sent.interrupted
    assert mailing.looks == 5  # the last one is that of the last count
    assert mailing.counts_made == 3  # before, at the beginning, and behind the end
    assert progress.accepted == 25
    assert time.monotonic() - began < shared_progress._SELDOM / 2
