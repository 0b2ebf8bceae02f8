"""The note in a lock file: the process that has the ledger, and the state that the last run left.

Notes of an earlier mailbatch have fewer fields: a missing field is unknown, and counts as the safe
side. This module must never judge a note.

Tests: tests/ledger/test_lock.py.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from mailbatch.frozen import frozen
from mailbatch.ledger.ports import HeldBy


@frozen
class Holder:
    """The holder of the lock, or the last holder, and the state of the ledger.

    `running`: the ledger was open, and has not been put away in order since. `lots` is the number
    of lots that were leased and handed out, `run` the number of the last run in the ledger. `seal`
    is the digest of a ledger that was put away.

    `ledger` is the id of the ledger; `ran` the boot under which `run` began; `file` and `mount` are
    the birth and the mount of the ledger's inode then; `home` is the path of the ledger. `lower`
    and `upper` are the least counts of the file alone, and of file and journal (`layers`). `birth`
    is that of the lock file itself, `writes` the number of times that its note was written.
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

    @property
    def process(self) -> HeldBy:
        """The process that wrote the note."""
        return HeldBy(self.pid, self.host, self.started)

    @property
    def knows_a_ledger(self) -> bool:
        """Whether there was a ledger when this note was written."""
        return self.running or self.seal is not None or self.ledger is not None or self.lots > 0

    def as_text(self) -> str:
        """Return the note as one line of JSON."""
        return json.dumps(asdict(self))


_FIELDS = {field.name for field in fields(Holder)}


def read_holder(text: str) -> Holder | None:
    """Return the holder of a line of JSON; None for any other text.

    >>> print(read_holder('{"pid": 7, "host": "mx", "started": "", "boot": "b"}').pid)
    7
    >>> read_holder("no note") is None
    True
    """
    try:
        found = json.loads(text)
        return Holder(**{name: value for name, value in found.items() if name in _FIELDS})
    except (ValueError, TypeError, AttributeError):
        return None
