"""The packing of a finished ledger: accepted singles without deliveries, and no free pages.

    if pack(database):          # at the end of the run that finished the edition
        layers.note()

An accepted recipient is never sent to again (L5), so nothing asks for the delivery of a single any
more but results, reports and evidence: for Message-ID, Date and reply. These stand in the row of
the recipient from then on, in few bytes (`message_names`); the Date is the second of the first
attempt. Every reader finds all of that before a transaction, or all of that behind. The newest
delivery stays, so that no number is given twice. Then the file is written anew, without the pages
that a run keeps free (`space`); where nothing was packed, as of groups, these pages are cut off
and no other is touched. This module must never decide anything, nor touch a delivery with
several recipients or with copies, nor a recipient who is not accepted.
"""

from __future__ import annotations

import sqlite3

from mailbatch.errors import LedgerError
from mailbatch.ledger.database import Database, drop_index, keep_free_pages, set_fact
from mailbatch.ledger.message_names import DOMAIN, form_of, packed_name

#: Pages of a ledger that is packed, at least (4 KiB each). Less is not worth the time of a run.
_PAGES = 4096
#: The fact that says of which finish the accepted singles are packed.
_PACKED = "packed"
#: Free pages that are given back, at least, and this part of all pages.
_FREE_PAGES = 256
_FREE_PART = 10
#: Recipients that are packed with one statement.
_AT_ONCE = 4096
#: Forms of replies that are remembered: of a server that never says the same they would be many.
_FORMS = 1024

# The Date follows from the first attempt only where the first lease came to one.
_SINGLE = """
status = 'accepted' AND claim = 'own' AND group_id IS NULL AND reply_id > 0 AND EXISTS (
  SELECT 1 FROM delivery AS d CROSS JOIN reply AS p ON p.id = recipient.reply_id
  WHERE d.id = recipient.delivery_id AND d.group_id IS NULL AND d.id < :newest
  AND d.date = CAST(recipient.first_attempt_at AS INTEGER))
AND (:no_copies OR delivery_id NOT IN (SELECT delivery_id FROM copy))
"""
_PACK = f"""
UPDATE recipient SET (delivery_id, message_id, named, reply_id) = (
  SELECT NULL, packed_name(d.message_id, :domain), p.message_id,
    shared_reply(p.id, p.code, p.enhanced, p.text, p.message_id)
  FROM delivery AS d CROSS JOIN reply AS p ON p.id = recipient.reply_id
  WHERE d.id = recipient.delivery_id)
WHERE id > :behind AND id <= :last AND {_SINGLE}
"""  # noqa: S608 - constants
# Deliveries to one recipient have one row of `recipient` each; else none is touched.
_SHARED = """
SELECT EXISTS (
  SELECT 1 FROM recipient WHERE delivery_id IS NOT NULL AND group_id IS NULL
  GROUP BY delivery_id HAVING count(*) > 1)
"""
_NEWEST = """
SELECT max(id) FROM delivery WHERE EXISTS (SELECT 1 FROM delivery WHERE group_id IS NULL)
"""
_LAST = "SELECT max(id) FROM (SELECT id FROM recipient WHERE id > ? ORDER BY id LIMIT ?)"
# SQLite keeps the ids of all rows that one statement deletes in memory: so a range at a time.
_EMPTY = """
DELETE FROM delivery WHERE id >= ? AND id < ? AND group_id IS NULL
AND NOT EXISTS (SELECT 1 FROM recipient WHERE delivery_id = delivery.id)
"""


def pack(database: Database, *, pages: int = _PAGES) -> bool:
    """Pack the ledger of a finished edition that has so many pages, and give free pages back.

    Return whether the file was written anew, or cut off. Without effect on an edition that is not
    finished. On a full disk the ledger stays as far as it is.
    """
    finished = database.fact("finished_at")
    if finished is None:
        return False
    packed = False
    try:
        used = _pragma(database, "page_count") - _pragma(database, "freelist_count")
        if used >= pages and database.fact(_PACKED) != finished:
            packed = _pack_singles(database, finished)
        free = _pragma(database, "freelist_count")
        if free < _FREE_PAGES or free * _FREE_PART < _pragma(database, "page_count"):
            return False
        if packed or not _pragma(database, "auto_vacuum"):
            _write_anew(database)
        else:
            _cut_off(database)
        with database.guard:
            database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except LedgerError:  # what is recorded stays recorded, in more bytes
        return False
    return True


def _pragma(database: Database, name: str) -> int:
    with database.guard:
        return int(database.connection.execute(f"PRAGMA {name}").fetchone()[0])


def _write_anew(database: Database) -> None:
    """Give back the free pages, and close the pages that split."""
    with database.guard:
        database.stop_reading()
        database.connection.execute("VACUUM")


def _cut_off(database: Database) -> None:
    """Give back the free pages, and touch no other; a ledger of an earlier mailbatch cannot."""
    with database.transaction() as connection:
        connection.execute("PRAGMA auto_vacuum=FULL")
    with database.guard:
        keep_free_pages(database.connection)


def _pack_singles(database: Database, finished: str) -> bool:
    """Keep Message-IDs and replies of accepted singles in their rows, in one transaction.

    `finished` is when the edition was finished: until it is finished anew, all are packed. Return
    whether there is any single.
    """
    with database.transaction() as connection:
        set_fact(connection, _PACKED, finished)
        (newest,) = connection.execute(_NEWEST).fetchone()
        if newest is None or connection.execute(_SHARED).fetchone()[0]:
            return False
        (copies,) = connection.execute("SELECT EXISTS (SELECT 1 FROM copy)").fetchone()
        values = {"newest": newest, "domain": _domain(connection), "no_copies": not copies}
        replies = _Replies(connection)
        connection.create_function("packed_name", 2, packed_name, deterministic=True)
        connection.create_function("shared_reply", 5, replies.share)
        index = drop_index(connection, "recipient_by_delivery")
        behind = 0
        while (last := connection.execute(_LAST, (behind, _AT_ONCE)).fetchone()[0]) is not None:
            connection.execute(_PACK, values | {"behind": behind, "last": last})
            replies.write()
            behind = last
        connection.execute(index)
        for first in range(0, newest, _AT_ONCE):
            connection.execute(_EMPTY, (first, min(first + _AT_ONCE, newest)))
    return True


def _domain(connection: sqlite3.Connection) -> str:
    """Return the domain of packed Message-IDs, kept from the first packing on."""
    kept = connection.execute("SELECT value FROM fact WHERE name = ?", (DOMAIN,)).fetchone()
    if kept is not None:
        return str(kept[0])
    found = connection.execute(
        "SELECT message_id FROM delivery WHERE message_id IS NOT NULL LIMIT 1"
    ).fetchone()
    domain = "" if found is None else str(found[0]).partition("@")[2]
    set_fact(connection, DOMAIN, domain)
    return domain


class _Replies:
    """The forms of replies that many singles share; a form is shared from the second one on."""

    __slots__ = ("_connection", "_gone", "_known", "_lowest", "_new")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        found = connection.execute("SELECT text, code, enhanced, id FROM reply WHERE id < 0")
        #: The id of each form, None: it came once.
        self._known: dict[tuple[object, ...], int | None] = {tuple(f[:3]): f[3] for f in found}
        self._lowest = min((number for number in self._known.values() if number), default=0)
        self._new: list[tuple[object, ...]] = []
        self._gone: list[tuple[int]] = []

    def share(self, number: int, code: int, enhanced: str | None, text: str, name: str) -> int:
        """Return the id of the form of a reply, or its own where no other had the form."""
        form = form_of(text, name)
        if name and form == text:
            return number  # the name is not to be found in the text again
        key = (form, code, enhanced)
        if key not in self._known:
            if len(self._known) >= _FORMS:
                self._known.clear()
            self._known[key] = None
            return number
        shared = self._known[key]
        if shared is None:
            self._lowest -= 1
            shared = self._known[key] = self._lowest
            self._new.append((shared, code, enhanced, form))
        self._gone.append((number,))
        return shared

    def write(self) -> None:
        """Write the new forms, and take away the replies that stand for themselves no more."""
        self._connection.executemany(
            "INSERT INTO reply (id, code, enhanced, text) VALUES (?, ?, ?, ?)", self._new
        )
        self._connection.executemany("DELETE FROM reply WHERE id = ?", self._gone)
        self._new.clear()
        self._gone.clear()
