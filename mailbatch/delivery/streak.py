"""A streak: equal refusals in a row, over all sessions of a run, with no acceptance in between.

A streak counts; the consequences are decided in `trouble`.

Tests: tests/delivery/test_trouble.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mailbatch.outcome import Reply


@dataclass(slots=True)
class Streak:
    """Equal refusals in a row.

    `key` is common to all, `count` their number, `began` the time of the first (seconds since the
    epoch), `reply` the last one's, `domains` those of the addresses.
    """

    key: object = None
    count: int = 0
    began: float = 0.0
    reply: Reply | None = None
    domains: set[str] = field(default_factory=set)

    def add(self, key: object, reply: Reply, now: float) -> int:
        """Count a refusal; one with another key begins anew."""
        if key != self.key:
            self.end()
            self.key, self.began = key, now
        self.reply = reply
        self.count += 1
        return self.count

    def end(self) -> None:
        """Forget all refusals."""
        self.key, self.count, self.reply = None, 0, None
        self.domains.clear()
