"""The forgetting of a person in a store of reports: figures stay, words and raw bodies go.

    forget(connection, Person("ann@example.com", {"57049136f20f7a33": alias}, own=frozenset()))

A report keeps event, time and code, and names the alias by which its ledger knows the person. A
body that mentions the person is emptied as a whole, whoever else is in there: its reports were made
long ago, and are never made again. This module must never remove a report.

Tests: tests/cli/test_forget.py.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping

from mailbatch.envelope import address_key
from mailbatch.frozen import frozen
from mailbatch.report_token import token_of

#: The version of the readers of a body that is never read again.
_FROZEN = (1 << 62) - 1
#: The person in a report of no edition whose ledger is there.
UNKNOWN = "unknown@forgotten.invalid"
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_MASKED = "(address)"


@frozen
class Person:
    """A person, by the address in lower case.

    `aliases` has the alias of each edition by the Message-IDs of the person, ours and the server's;
    `own` are those of messages to nobody else.
    """

    address: str
    aliases: Mapping[str, str]
    own: frozenset[str]


def traces(connection: sqlite3.Connection, person: Person) -> tuple[list[int], list[int]]:
    """Return the numbers of the reports about a person, and of the bodies that mention it."""
    tokens = {token_of(name) for name in person.own}
    masked = {UNKNOWN, *person.aliases.values()}
    reports, bodies = [], set()
    for number, body, recipients, *names in connection.execute(
        "SELECT id, body_id, recipients, token, header_message_id, message_id FROM report"
    ):
        token, ours, servers = names
        by_name = token in tokens or ours in person.own or servers in person.own
        if recipients in masked:
            continue
        if by_name or person.address in address_key(recipients).split("\n"):
            reports.append(number)
            bodies.add(body)
    named = (person.address, person.address.replace("@", "="))  # the second one in a sender (VERP)
    for number, content in connection.execute("SELECT id, content FROM body"):
        text = address_key(content.decode(errors="replace"))
        if any(name in text for name in named):
            bodies.add(number)
    return reports, sorted(bodies)


def forget(connection: sqlite3.Connection, person: Person) -> None:
    """Mask a person in the reports, and empty the bodies, inside a transaction."""
    by_token = {token_of(name): alias for name, alias in person.aliases.items()}
    by_own = {token_of(name) for name in person.own}
    reports, bodies = traces(connection, person)
    for number in reports:
        recipients, token, ours, servers, text = connection.execute(
            "SELECT recipients, token, header_message_id, message_id, text"
            " FROM report WHERE id = ?",
            (number,),
        ).fetchone()
        alias = by_token.get(token) or person.aliases.get(ours) or person.aliases.get(servers)
        own = token in by_own or ours in person.own or servers in person.own
        connection.execute(
            "UPDATE report SET recipients = ?, text = ? WHERE id = ?",
            (
                alias or UNKNOWN if own else _without(person, recipients, alias or UNKNOWN),
                _ADDRESS.sub(_MASKED, text),
                number,
            ),
        )
    for number in bodies:
        connection.execute(
            "UPDATE body SET content = x'', readers = ? WHERE id = ?", (_FROZEN, number)
        )
        for part, reason in connection.execute(
            "SELECT number, reason FROM refusal WHERE body_id = ?", (number,)
        ).fetchall():
            connection.execute(
                "UPDATE refusal SET reason = ? WHERE body_id = ? AND number = ?",
                (_ADDRESS.sub(_MASKED, reason), number, part),
            )


def _without(person: Person, recipients: str, alias: str) -> str:
    """Return the recipients of a report, one a line, with an alias in the place of a person."""
    names = (alias if address_key(one) == person.address else one for one in recipients.split("\n"))
    return "\n".join(names)


def overwrite(connection: sqlite3.Connection) -> None:
    """Write the file anew, so that no free page holds an old text."""
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
