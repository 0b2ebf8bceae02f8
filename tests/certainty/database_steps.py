"""The steps of a ledger in a database at which a run of the tests can die."""

from __future__ import annotations

from typing import Any

from mailbatch.ledger.postgres import store
from mailbatch.ledger.postgres.leasing import Leasing
from mailbatch.ledger.postgres.planning import Planning
from mailbatch.ledger.postgres.recording import Recording

#: As `dying.STEPS`: what holds a step, and what it is called.
STEPS: dict[str, tuple[Any, str]] = {
    "enter": (store, "enter"),
    "plan": (Planning, "reconcile"),
    "lease": (Leasing, "lease"),
    "record": (Recording, "record"),
    "release": (Recording, "release"),
    "finished": (Planning, "mark_finished"),
    "close": (store.PostgresLedger, "close"),
}
