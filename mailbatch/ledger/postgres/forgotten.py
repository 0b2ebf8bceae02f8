"""The people that a ledger in a database has forgotten: `ledger.forgotten`, by questions to there.

    forgotten = await forgotten_by(link.fetch)      # None: nobody was
    forgotten = forgotten_in(ask)                   # the same of a snapshot

This module must never write.

Tests: tests/ledger/postgres/test_forgetting.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from mailbatch.envelope import OF_FORGOTTEN
from mailbatch.ledger.forgotten import FACT, Forgotten
from mailbatch.ledger.postgres.streaming import Ask

_FACTS = "SELECT name, value FROM fact WHERE name IN ($1, 'seed')"
_ALIASES = f"""
SELECT address FROM recipient WHERE address LIKE '%{OF_FORGOTTEN}'
UNION SELECT key FROM recipient WHERE key LIKE '%{OF_FORGOTTEN}'
"""  # noqa: S608 - a constant


async def forgotten_by(fetch: Callable[..., Awaitable[Iterable[Any]]]) -> Forgotten | None:
    """Return the people that a ledger has forgotten, by what fetches rows; None: nobody was."""
    facts = dict(await fetch(_FACTS, FACT))
    return _of(facts, await fetch(_ALIASES)) if FACT in facts else None


def forgotten_in(ask: Ask) -> Forgotten | None:
    """Return the people that a ledger has forgotten, as a snapshot has it; None: nobody was."""
    facts = dict(map(tuple, ask(_FACTS, FACT)))
    return _of(facts, ask(_ALIASES)) if FACT in facts else None


def _of(facts: dict[str, str], aliases: Iterable[Any]) -> Forgotten | None:
    # A user who may not read the secret knows nobody by an alias.
    seed = facts.get("seed")
    return None if seed is None else Forgotten(seed, frozenset(alias for (alias,) in aliases))
