"""The migration of a ledger of an earlier version, so that an edition outlives an update.

A migration is a part of the transaction that begins a run (`recovery.begin_run`): under the lock,
behind every check of the ledger, synced. So a ledger has two states and none between them, whatever
dies: the earlier version, untouched, or the present version with a run begun. The file stays the
same file, with owner, birth and journal; lock file and witness need no change, and the
number of the run tells an older copy, as ever. A migrated copy that is renamed into place would
give all of that up: between the rename and the removal of the old journal SQLite could lay the old
journal over the new file. Source: https://www.sqlite.org/howtocorrupt.html (2.5, 2.6).

    connection.execute("BEGIN IMMEDIATE")
    migrate(connection)                      # 2 -> 3: one step of statements for each version
    connection.execute("COMMIT")

A reader of an earlier version sees the present one through temporary views, and the file stays as
it is. To add version n+1: change `schema.sql` and `VERSION`, append a step to `_STEPS`, write for
each earlier version in `_AS_PRESENT` the views that show a ledger of it as one of n+1, and put a
ledger of version n into `tests/ledger/earlier/`. A new column stands last in its table, where
ALTER TABLE puts it. This module must never change a ledger outside a transaction, nor take a
layout of an earlier version from another module: a step stays as published.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mailbatch.errors import LedgerError

#: The version of `schema.sql`.
VERSION = 6

#: The view of all versions from 4 on; `more` are the columns behind those of version 4.
_STANDING_VIEW = """CREATE VIEW standing AS
SELECT
  r.id, r.line, r.address, r.key, r.claim, r.group_id, r.header_id,
  CASE WHEN instr(r.cells, '"') THEN r.cells ELSE
    '["' || replace(replace(r.cells, char(31), '","'), char(30), r.address) || '"]' END AS cells,
  r.delivery_id,
  CASE WHEN a.accepted_at IS NOT NULL THEN 'accepted' ELSE coalesce(o.status, r.status) END
    AS status,
  CASE WHEN a.accepted_at IS NOT NULL THEN NULL WHEN o.recipient_id IS NULL THEN r.reason
    ELSE o.reason END AS reason,
  r.attempts + coalesce(o.counted, a.accepted_at IS NOT NULL) AS attempts,
  CASE WHEN o.counted OR a.accepted_at IS NOT NULL
    THEN coalesce(r.first_attempt_at, l.leased_at, a.leased_at) ELSE r.first_attempt_at END
    AS first_attempt_at,
  CASE WHEN o.recipient_id IS NULL THEN coalesce(a.accepted_at, r.settled_at)
    ELSE o.settled_at END AS settled_at,
  CASE WHEN o.status = 'in_doubt' AND o.counted THEN l.digest
    WHEN a.accepted_at IS NULL THEN r.digest END AS digest,
  CASE WHEN o.recipient_id IS NULL OR (o.reply_id IS NULL AND NOT o.counted)
    THEN coalesce(a.reply_id, r.reply_id) ELSE o.reply_id END AS reply_id,
  r.mailbox{more}
FROM recipient AS r
LEFT JOIN outcome AS o ON o.recipient_id = r.id
LEFT JOIN lease AS l ON l.delivery_id = o.delivery_id
LEFT JOIN lease AS a ON a.delivery_id = r.delivery_id AND a.accepted_at IS NOT NULL
  AND r.status IN ('pending', 'deferred')"""
#: What leads from each version to the next: statements, run in one transaction.
_STEPS: dict[int, tuple[str, ...]] = {
    # The server's name for a message stands beside its reply, read once.
    2: (
        "ALTER TABLE reply ADD COLUMN message_id TEXT",
        "UPDATE reply SET message_id = server_message_id(text)",
    ),
    # A recipient has a key, which need not be the address. What follows from the row is not stored.
    3: (
        "DROP VIEW standing",
        "ALTER TABLE lease RENAME COLUMN address_key TO mailbox",
        """CREATE TABLE recipient_4 (
  id               INTEGER PRIMARY KEY,
  line             INTEGER,
  address          TEXT    NOT NULL,
  own_key          TEXT,
  key              TEXT    GENERATED ALWAYS AS (coalesce(own_key, address)) VIRTUAL,
  claim            TEXT CHECK (claim = 'own' OR claim = 'shared'),
  wanted           INTEGER NOT NULL,
  group_id         INTEGER,
  header_id        INTEGER NOT NULL,
  cells            TEXT    NOT NULL,
  delivery_id      INTEGER,
  status           TEXT    NOT NULL CHECK (
                     status = 'pending' OR status = 'accepted' OR status = 'rejected'
                     OR status = 'deferred' OR status = 'in_doubt' OR status = 'invalid'
                     OR status = 'suppressed' OR status = 'duplicate' OR status = 'filtered'
                     OR status = 'withdrawn' OR status = 'skipped'),
  reason           TEXT,
  attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due              REAL,
  first_attempt_at REAL,
  settled_at       REAL,
  reply_id         INTEGER,
  resend           INTEGER NOT NULL DEFAULT 0,
  digest           BLOB,
  mailbox          TEXT
)""",
        """
        INSERT INTO recipient_4 (
          id, line, address, own_key, claim, wanted, group_id, header_id, cells, delivery_id,
          status, reason, attempts, due, first_attempt_at, settled_at, reply_id, resend, digest)
        SELECT id, line, address, nullif(address_key, address), claim, wanted, group_id, header_id,
          repacked(cells, address), delivery_id, status, reason, attempts, due, first_attempt_at,
          settled_at, reply_id, resend, digest
        FROM recipient ORDER BY id
        """,
        "DROP TABLE recipient",
        "ALTER TABLE recipient_4 RENAME TO recipient",
        "CREATE UNIQUE INDEX recipient_by_key ON recipient (key) WHERE claim = 'own'",
        "CREATE INDEX recipient_by_mailbox ON recipient (mailbox) WHERE mailbox IS NOT NULL",
        """CREATE INDEX recipient_by_delivery ON recipient (delivery_id)\
 WHERE delivery_id IS NOT NULL""",
        """CREATE TRIGGER recipient_changes_status AFTER UPDATE OF status ON recipient
WHEN old.status <> new.status AND NOT EXISTS (
  SELECT 1 FROM lease WHERE delivery_id = new.delivery_id AND accepted_at IS NOT NULL)
BEGIN
  UPDATE tally SET recipients = recipients - 1 WHERE status = old.status;
  UPDATE tally SET recipients = recipients + 1 WHERE status = new.status;
END""",
        _STANDING_VIEW.format(more=""),
    ),
    # A job may have a second server.
    4: (
        "ALTER TABLE copy ADD COLUMN server TEXT",
        "CREATE TABLE elsewhere (recipient_id INTEGER PRIMARY KEY, server TEXT NOT NULL)",
    ),
    # An accepted single keeps no delivery: Message-ID and name are in its row.
    5: (
        "DROP VIEW standing",
        "ALTER TABLE recipient ADD COLUMN message_id BLOB",
        "ALTER TABLE recipient ADD COLUMN named TEXT",
        _STANDING_VIEW.format(more=", r.message_id, r.named"),
        """CREATE VIEW message AS
SELECT
  s.id AS recipient_id, s.address,
  coalesce(d.message_id, CASE typeof(s.message_id) WHEN 'blob' THEN lower(hex(s.message_id))
    || '@' || (SELECT value FROM fact WHERE name = 'message_id_domain') ELSE s.message_id END)
    AS message_id,
  coalesce(d.date, CAST(s.first_attempt_at AS INTEGER)) AS date,
  p.code, p.enhanced,
  CASE WHEN p.id < 0 AND s.named IS NOT NULL THEN replace(p.text, char(30), s.named)
    ELSE p.text END AS reply,
  coalesce(s.named, p.message_id) AS server_message_id
FROM standing AS s
LEFT JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN (
  SELECT id, code, enhanced, text, message_id FROM reply
  UNION ALL
  SELECT reply_id, code, enhanced, reply, NULL FROM outcome WHERE code IS NOT NULL
  UNION ALL
  SELECT reply_id, code, enhanced, reply, NULL FROM lease WHERE accepted_at IS NOT NULL) AS p
  ON p.id = s.reply_id
WHERE s.attempts > 0""",
    ),
}

_ONE_SERVER = (
    "CREATE TEMP VIEW copy AS SELECT *, NULL AS server FROM main.copy",
    "CREATE TEMP VIEW elsewhere AS SELECT NULL AS recipient_id, NULL AS server WHERE false",
)

_WITH_DELIVERIES = (
    """
    CREATE TEMP VIEW recipient AS
    SELECT *, NULL AS message_id, NULL AS named FROM main.recipient
    """,
)
_KEYED = (
    """
    CREATE TEMP VIEW recipient AS
    SELECT id, line, address, address_key AS key, claim, wanted, group_id, header_id, cells,
      delivery_id, status, reason, attempts, due, first_attempt_at, settled_at, reply_id, resend,
      digest, NULL AS mailbox, NULL AS message_id, NULL AS named
    FROM main.recipient
    """,
    """
    CREATE TEMP VIEW lease AS
    SELECT delivery_id, run, leased_at, address_key AS mailbox, partial, first, recipients,
      deferred, committed, digest, accepted_at, reply_id, code, enhanced, reply
    FROM main.lease
    """,
)
#: What shows an earlier version as the present one to a reader: temporary objects over its names.
_AS_PRESENT: dict[int, tuple[str, ...]] = {
    2: (
        """
        CREATE TEMP VIEW reply AS
        SELECT id, code, enhanced, text, server_message_id(text) AS message_id FROM main.reply
        """,
        *_KEYED,
        *_ONE_SERVER,
    ),
    3: (*_KEYED, *_ONE_SERVER),
    4: (*_WITH_DELIVERIES, *_ONE_SERVER),
    5: _WITH_DELIVERIES,
}
_KEYED_STANDING = """(
  SELECT id, line, address, address_key AS key, claim, group_id, header_id, cells, delivery_id,
    status, reason, attempts, first_attempt_at, settled_at, digest, reply_id, NULL AS mailbox,
    NULL AS message_id, NULL AS named
  FROM main.standing)"""
_STANDING_WITH_DELIVERIES = "(SELECT *, NULL AS message_id, NULL AS named FROM main.standing)"
#: The view `standing` of an earlier version as the present one, which another view may lie over.
_STANDING = {
    2: _KEYED_STANDING,
    3: _KEYED_STANDING,
    4: _STANDING_WITH_DELIVERIES,
    5: _STANDING_WITH_DELIVERIES,
}


def check_version(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a ledger of a version that this mailbatch can neither use nor migrate.

    Raises:
        LedgerError: a later version, or one of a release candidate (74).
    """
    version = version_of(connection)
    if version == VERSION or version in _STEPS:
        return
    if version > VERSION:
        raise LedgerError(
            f"{path}: the ledger has version {version}, this mailbatch knows versions up to "
            f"{VERSION}: a newer mailbatch wrote it",
            hint="use that mailbatch, or a newer one; this one has changed nothing",
        )
    raise LedgerError(
        f"{path}: the ledger has version {version}: a release candidate of mailbatch wrote it",
        hint="finish the edition with 1.0.0rc1; this mailbatch has changed nothing",
    )


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the ledger that a connection has open.

    >>> version_of(sqlite3.connect(":memory:"))
    0
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def is_present(connection: sqlite3.Connection) -> bool:
    """Say whether a ledger has the present version already."""
    return version_of(connection) == VERSION


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a ledger to the present version, inside the caller's transaction."""
    for version in range(version_of(connection), VERSION):
        for statement in _STEPS[version]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={version + 1}")


def show_as_present(connection: sqlite3.Connection) -> None:
    """Show a reader an earlier version as the present one; the file stays as it is."""
    version = version_of(connection)
    for statement in _AS_PRESENT.get(version, ()):
        connection.execute(statement)
    if version in _STANDING:
        connection.execute(
            f"CREATE TEMP VIEW standing AS SELECT * FROM {_STANDING[version]}"  # noqa: S608 - a constant
        )


def present_standing(connection: sqlite3.Connection) -> str:
    """Return what a reader selects the present form of `standing` from, under another view."""
    return _STANDING.get(version_of(connection), "main.standing")
