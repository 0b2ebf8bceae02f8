"""The merge of an incoming table into the recipients of the ledger: SQL over whole sets.

Works on `incoming`, the temporary table of a plan, inside the transaction of the plan. This module
must never change a settled recipient (accepted, rejected, in_doubt, skipped).

Tests: tests/ledger/test_changes.py, tests/ledger/test_plan.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from mailbatch.frozen import frozen
from mailbatch.identity import Identity
from mailbatch.ledger.cells import UNPACKED
from mailbatch.ledger.database import drop_index
from mailbatch.ledger.folding import UNSETTLED

_SETTLED = "('accepted', 'rejected', 'in_doubt', 'skipped')"


@frozen
class Matched:
    """The rows of known recipients in a table, and the changes of these rows."""

    shown_wanted: int
    changed: int
    withdrawn: int
    stopped: int
    returned: int


NOBODY_KNOWN = Matched(0, 0, 0, 0, 0)


def match(connection: sqlite3.Connection, header: int, *, whole: bool) -> Matched:
    """Bring every known recipient up to date with the table.

    Unless `incoming` is the whole table, the recipients in `touched` alone may have left the table.
    """
    # The IN makes SQLite walk the few recipients and not every one.
    few = "" if whole else "recipient.id IN (SELECT recipient_id FROM shown) AND"
    among = "" if whole else "AND id IN (SELECT id FROM touched)"
    values = {"header": header}
    # Rows without a claim are what the table says, no more: they come anew.
    connection.execute("DELETE FROM recipient WHERE claim IS NOT 'own'")
    connection.execute(
        "CREATE TEMP TABLE shown (recipient_id INTEGER PRIMARY KEY, line INTEGER NOT NULL)"
    )
    # The first row that asks for a mail stands for its recipient, else the first that names it.
    for condition in ("i.wanted", "NOT i.wanted"):
        connection.execute(
            "INSERT INTO shown SELECT r.id, i.line FROM incoming AS i"  # noqa: S608 - constants
            " CROSS JOIN recipient AS r ON r.key = i.key AND r.claim = 'own'"
            f" WHERE {condition} ORDER BY i.line ON CONFLICT DO NOTHING"
        )
    found = connection.execute(_COUNT_MATCHED, values).fetchone()
    withdrawn = connection.execute(_COUNT_GONE.format(among=among)).fetchone()[0]
    connection.execute(_TAKE_OVER.format(few=few), values)
    connection.execute(_GONE.format(among=among))
    return Matched(
        shown_wanted=found[0],
        changed=found[1],
        withdrawn=withdrawn,
        stopped=found[2],
        returned=found[3],
    )


_JOINED = "shown AS s CROSS JOIN incoming AS i ON i.line = s.line"
_GROUP_ID = "(SELECT id FROM recipient_group WHERE cells = i.cluster)"
# What was mailed stays as it was mailed; a rejected row may be tried again with its new fields.
_FROZEN = "recipient.status IN ('accepted', 'in_doubt', 'skipped')"
# A message that may have arrived under the old address is not of the new one.
_STAYS = f"({_FROZEN} OR resend)"
_MOVED = "(i.wanted AND i.mailbox IS NOT recipient.mailbox)"
# A resend to an address that the table has no more is not wanted any more.
_WITHDRAWN_RESEND = f"(resend AND {_MOVED})"
# The reason of a recipient who stays is told with the address of its row.
_TABLE_HAS = "the table has "
_ALONE = f"""
nullif(rtrim(substr(recipient.reason, 1,
  instr(recipient.reason || '{_TABLE_HAS}', '{_TABLE_HAS}') - 1), '; '), '')
"""
_TOLD = f"""
CASE WHEN {_STAYS} AND {_MOVED}
  THEN coalesce({_ALONE} || '; ', '') || '{_TABLE_HAS}' || i.address || ' now' ELSE {_ALONE} END
"""
_TELLS = f"(recipient.mailbox IS NOT NULL AND instr(recipient.reason, '{_TABLE_HAS}'))"
# Packed cells are read with the address of their row, which is another one here.
_LISTED = UNPACKED.format(cells="i.cells", address="i.address")
# A refusal of an address says nothing of the one that stands in its place.
_CORRECTED = """
(recipient.status = 'rejected' AND NOT resend AND i.wanted AND i.mailbox IS NOT recipient.mailbox)
"""
_DIFFERS = f"""
(recipient.cells IS NOT i.cells OR recipient.address IS NOT i.address
 OR recipient.header_id IS NOT :header OR recipient.group_id IS NOT {_GROUP_ID})
"""

_COUNT_MATCHED = f"""
SELECT
  coalesce(sum(i.wanted), 0),
  coalesce(sum(i.wanted AND recipient.status IN {UNSETTLED} AND {_DIFFERS}), 0),
  coalesce(sum(NOT i.wanted AND NOT resend AND recipient.status IN {UNSETTLED}), 0),
  coalesce(sum(i.wanted AND (recipient.status IN (
    'withdrawn', 'suppressed', 'filtered', 'invalid') OR {_CORRECTED})), 0)
FROM {_JOINED} CROSS JOIN recipient ON recipient.id = s.recipient_id
"""  # noqa: S608 - constants

_TAKE_OVER = f"""
UPDATE recipient SET
  line = i.line,
  wanted = i.wanted,
  address = CASE WHEN {_STAYS} THEN recipient.address ELSE i.address END,
  mailbox = CASE WHEN {_STAYS} THEN recipient.mailbox ELSE i.mailbox END,
  own_key = CASE WHEN {_STAYS} THEN recipient.own_key ELSE nullif(i.key, i.address) END,
  cells = CASE WHEN {_FROZEN} THEN recipient.cells WHEN {_STAYS} THEN {_LISTED}
    ELSE i.cells END,
  header_id = CASE WHEN {_FROZEN} THEN recipient.header_id ELSE :header END,
  group_id = CASE WHEN {_FROZEN} THEN recipient.group_id ELSE {_GROUP_ID} END,
  status = CASE
    WHEN {_CORRECTED} THEN 'pending'
    WHEN recipient.status IN {_SETTLED} THEN recipient.status
    WHEN {_WITHDRAWN_RESEND} OR NOT i.wanted AND resend THEN 'in_doubt'
    WHEN NOT i.wanted THEN i.status
    WHEN recipient.status = 'deferred' THEN 'deferred'
    ELSE 'pending' END,
  reason = CASE
    WHEN {_CORRECTED} THEN NULL
    WHEN recipient.status IN {_SETTLED} THEN {_TOLD}
    WHEN {_WITHDRAWN_RESEND}
      THEN 'in doubt, and not wanted any more; {_TABLE_HAS}' || i.address || ' now'
    WHEN NOT i.wanted AND resend THEN 'in doubt, and not wanted any more: ' || i.status
    WHEN NOT i.wanted THEN i.reason
    WHEN recipient.status IN {UNSETTLED} THEN recipient.reason END,
  settled_at = CASE
    WHEN {_CORRECTED} THEN NULL
    WHEN recipient.status IN {_SETTLED} THEN recipient.settled_at
    WHEN {_WITHDRAWN_RESEND} OR NOT i.wanted AND resend THEN first_attempt_at END,
  resend = CASE
    WHEN recipient.status IN {_SETTLED} OR i.wanted AND NOT {_MOVED} THEN resend ELSE 0 END,
  reply_id = CASE WHEN {_CORRECTED} THEN NULL ELSE recipient.reply_id END,
  due = CASE
    WHEN {_CORRECTED} THEN 0
    WHEN recipient.status IN {_SETTLED} OR NOT i.wanted OR {_WITHDRAWN_RESEND} THEN NULL
    WHEN recipient.status IN {UNSETTLED} THEN recipient.due
    ELSE 0 END
FROM {_JOINED}
WHERE s.recipient_id = recipient.id AND {{few}} (
  recipient.line IS NOT i.line OR recipient.wanted IS NOT i.wanted OR {_DIFFERS} OR {_TELLS}
  OR (recipient.status NOT IN {_SETTLED} AND (
    NOT i.wanted AND (recipient.status IS NOT i.status OR recipient.reason IS NOT i.reason)
    OR i.wanted AND recipient.status NOT IN {UNSETTLED})))
"""  # noqa: S608 - constants

_IS_GONE = f"""
claim = 'own' AND (line IS NOT NULL OR status IN {UNSETTLED})
AND id NOT IN (SELECT recipient_id FROM shown) {{among}}
"""  # noqa: S608 - constants
_COUNT_GONE = (
    f"SELECT coalesce(sum(status IN {UNSETTLED} AND NOT resend), 0)"  # noqa: S608 - constants
    f" FROM recipient NOT INDEXED WHERE {_IS_GONE}"
)
_GONE = f"""
UPDATE recipient NOT INDEXED SET
  line = NULL, wanted = 0, due = NULL,
  reason = CASE WHEN status IN {_SETTLED} THEN {_ALONE}
    WHEN resend THEN 'in doubt, and not wanted any more: the row left the table'
    ELSE 'the row left the table before it was sent' END,
  settled_at = CASE WHEN status IN {_SETTLED} THEN settled_at
    WHEN resend THEN first_attempt_at END,
  resend = CASE WHEN status IN {_SETTLED} THEN resend ELSE 0 END,
  status = CASE WHEN status IN {_SETTLED} THEN status
    WHEN resend THEN 'in_doubt' ELSE 'withdrawn' END
WHERE {_IS_GONE}
"""  # noqa: S608 - constants


_ADD = f"""
INSERT INTO recipient (id, line, address, own_key, claim, wanted, group_id, header_id, cells,
  status, due, mailbox)
SELECT :base + line, line, address, nullif(key, address), 'own', 1, {_GROUP_ID}, :header, cells,
  'pending', 0, mailbox
FROM incoming AS i WHERE wanted
"""  # noqa: S608 - constants
_ADD_ALL = f"{_ADD} ORDER BY line"
_ADD_NEW = f"""
{_ADD} AND line NOT IN (SELECT line FROM shown) ORDER BY line ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants


def add(connection: sqlite3.Connection, header: int, base: int) -> int:
    """Add new recipients: the first row that asks for each."""
    return connection.execute(_ADD_NEW, {"base": base, "header": header}).rowcount


def add_first(connection: sqlite3.Connection, header: int) -> int:
    """Add all recipients to an empty ledger, whose index is sorted afterwards, all at once."""
    index = drop_index(connection, "recipient_by_key")
    added = connection.execute(_ADD_ALL, {"base": 0, "header": header}).rowcount
    try:
        connection.execute(index)
    except sqlite3.IntegrityError:  # somebody stands in the table twice
        repeated = connection.execute(
            "DELETE FROM recipient WHERE id NOT IN (SELECT min(id) FROM recipient GROUP BY key)"
        ).rowcount
        connection.execute(index)
        added -= repeated
    return added


def add_repeats(
    connection: sqlite3.Connection, header: int, *, grouped: bool, identity: Identity
) -> None:
    """Add rows whose key an earlier row has: duplicates, or further rows of one delivery."""
    address = "key" if identity.is_address else "mailbox"
    shares = "true" if identity.one_message else _SHARES.format(address=address)
    if grouped:
        connection.execute(
            f"CREATE INDEX temp.by_cluster ON incoming (cluster, {address}) WHERE wanted"
        )
        connection.execute(_ADD_SHARED.format(shares=shares), {"header": header})
    connection.execute(
        _ADD_DUPLICATES.format(shares=shares),
        {"header": header, "reason": repeated_reason(identity)},
    )


def repeated_reason(identity: Identity) -> str:
    """Return the reason of a duplicate, up to the line of the row that is mailed.

    >>> print(repeated_reason(Identity()), 2)
    same address as row 2
    """
    return f"same {'address' if identity.is_address else 'key'} as row"


_OWNER = """
incoming AS i
CROSS JOIN recipient AS o ON o.key = i.key AND o.claim = 'own'
CROSS JOIN incoming AS first ON first.line = o.line
"""
# Only where the group has one address: its rows are one customer's order lines, say.
_SHARES = """
(i.cluster IS NOT NULL AND i.cluster IS first.cluster
 AND (SELECT min({address}) FROM incoming AS x WHERE x.wanted AND x.cluster = i.cluster)
   = (SELECT max({address}) FROM incoming AS x WHERE x.wanted AND x.cluster = i.cluster))
"""
_ADD_SHARED = f"""
INSERT INTO recipient (line, address, own_key, claim, wanted, group_id, header_id, cells,
  delivery_id, status, reason, attempts, due, first_attempt_at, settled_at, reply_id, resend,
  digest, mailbox, message_id, named)
SELECT i.line, i.address, nullif(i.key, i.address), 'shared', 1, {_GROUP_ID}, :header, i.cells,
  o.delivery_id, o.status, o.reason, o.attempts, o.due, o.first_attempt_at, o.settled_at,
  o.reply_id, o.resend, o.digest, o.mailbox, o.message_id, o.named
FROM {_OWNER} WHERE i.wanted AND i.line <> o.line AND {{shares}} ORDER BY i.line
"""  # noqa: S608 - constants
_ADD_DUPLICATES = f"""
INSERT INTO recipient (
  line, address, own_key, wanted, group_id, header_id, cells, status, reason, mailbox)
SELECT i.line, i.address, nullif(i.key, i.address), 0, {_GROUP_ID}, :header, i.cells, 'duplicate',
  :reason || ' ' || o.line, i.mailbox
FROM {_OWNER} WHERE i.wanted AND i.line <> o.line AND NOT {{shares}} ORDER BY i.line
"""  # noqa: S608 - constants
_ADD_UNWANTED = f"""
INSERT INTO recipient (
  line, address, own_key, wanted, group_id, header_id, cells, status, reason, mailbox)
SELECT line, address, nullif(key, address), 0, {_GROUP_ID}, :header, cells, status, reason, mailbox
FROM incoming AS i
WHERE NOT wanted AND NOT EXISTS (
  SELECT 1 FROM recipient AS o WHERE o.key = i.key AND o.claim = 'own' AND o.line = i.line)
ORDER BY line
"""  # noqa: S608 - constants


def add_unwanted(connection: sqlite3.Connection, header: int) -> None:
    """Add the rows that ask for no mail, but for those that stand for a known recipient."""
    connection.execute(_ADD_UNWANTED, {"header": header})


def recount(connection: sqlite3.Connection) -> None:
    """Count the rows of each status."""
    counted = connection.execute("SELECT status, count(*) FROM recipient GROUP BY status")
    count(connection, dict(counted.fetchall()))


def count(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Write down how many rows have each status."""
    connection.execute("UPDATE tally SET recipients = 0")
    connection.executemany(
        "UPDATE tally SET recipients = ? WHERE status = ?",
        [(number, status) for status, number in counts.items()],
    )
