"""The note in a lock file: which process has the ledger, and what its last run left there.

Notes of an earlier mailbatch have fewer fields: what is missing is not known, and counts as the
safe side. This module must never judge what it reads.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock, or held it last, and what became of the ledger.

    `running`: the ledger was open, and has not been put away in order since. `lots` is how often
    deliveries were leased, as far as they have been handed out, `run` the number of the last run in
    the ledger. `seal` is the digest of what was put away.

    `ledger` is the id of the ledger; `ran` the boot under which `run` began; `file` and `mount` are
    the birth and the mount of the ledger's inode then; `home` is its path. `lower` and `upper` are
    the least that its file by itself, and with its journal, must count (`layers`). `birth` is that
    of the lock file itself, `writes` how often its note was written.
    """

    pid: int
    host: str
    started: str
    boot: str
    running: bool = False
    lots: int = 0
    seal: str | None = None
    run: int = 0
    ledger: str | None = None
    ran: str | None = None
    file: str | None = None
    mount: str | None = None
    home: str | None = None
    birth: str | None = None
    writes: int = 0
    lower: int = 0
    upper: int = 0

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"

    @property
    def knows_a_ledger(self) -> bool:
        """Whether there was a ledger when this was written."""
        return self.running or self.seal is not None or self.ledger is not None or self.lots > 0

    def as_text(self) -> str:
        """The note as one line of JSON."""
        return json.dumps(asdict(self))


_FIELDS = {field.name for field in fields(Holder)}


def read_holder(text: str) -> Holder | None:
    """The holder that a line of JSON names; None where it names none."""
    try:
        found = json.loads(text)
        return Holder(**{name: value for name, value in found.items() if name in _FIELDS})
    except (ValueError, TypeError, AttributeError):
        return None
