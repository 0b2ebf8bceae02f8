"""The two roles of a database: a planner, who owns its ledgers, and a worker, who may send.

    print(script(Roles("mailbatch_planner", "mailbatch_worker")))    # SQL, to be executed anywhere
    make("postgresql:///mail", roles)                                # the same, executed here

Roles have no password until an administrator of the database sets one. The planner finds the name
of the worker in the comment on its own role, and grants the rights on each ledger (`let_work`): a
setting of the role would need a superuser, and few hosted databases have one. Roles are those of a
server: of the workers in the comment, a database has those who were let in there. This module must
never see a password.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerError, UsageError
from mailbatch.frozen import frozen
from mailbatch.ledger.postgres.address import Place, check_address
from mailbatch.ledger.postgres.link import Link

_ROLES = Path(__file__).with_name("roles.sql")
_RIGHTS = Path(__file__).with_name("worker_rights.sql")
#: A name that needs no quotes in SQL, where no keyword is one of ours.
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@frozen
class Roles:
    """The names of the two roles of a database.

    Raises:
        UsageError: a name would need quotes, or both are one.
    """

    planner: str
    worker: str

    def __post_init__(self) -> None:
        for name in (self.planner, self.worker):
            if _NAME.fullmatch(name) is None or name.startswith("pg_"):
                raise UsageError(
                    f"{name!r} is no name of a role",
                    hint="use small letters, digits and _, as in mailbatch_worker",
                )
        if self.planner == self.worker:
            raise UsageError(
                f"planner and worker are two roles: both are {self.planner}",
                hint="name two, or leave the options out",
            )


def script(roles: Roles) -> str:
    """Return the SQL that makes the roles in a database; made again it changes nothing."""
    text = _ROLES.read_text(encoding="utf-8")
    return text.format(planner=roles.planner, worker=roles.worker)


def make(url: str, roles: Roles) -> None:
    """Make the roles in the database of a URL.

    Raises:
        JobError: the URL is not to be used (78).
        LedgerError: the database cannot be used, or the user of the URL may not make roles (74).
    """
    check_address(url)
    link = Link(Place(url))
    try:
        link.wait(_make(link, roles))
    finally:
        link.close()


async def _make(link: Link, roles: Roles) -> None:
    try:
        async with link.reading() as connection, connection.transaction():
            await connection.execute(script(roles))
    except asyncpg.InsufficientPrivilegeError as error:
        raise LedgerError(
            f"{link.name}: the roles cannot be made: {error}",
            hint="name a user in the URL who may create roles and owns the database, or add --print"
            " and have the SQL executed by one",
        ) from error


async def let_work(link: Link, connection: Any) -> None:
    """Give the workers of the database the rights on a ledger; without effect where none is.

    The ledger is that of the connection, and belongs to the user of the connection.
    """
    for row in await connection.fetch(_WITHOUT_RIGHTS, link.schema):
        rights = _RIGHTS.read_text(encoding="utf-8")
        async with connection.transaction():
            await connection.execute(rights.format(schema=link.schema, worker=row["rolname"]))


#: `roles.sql` comments the role of the planner so.
_WITHOUT_RIGHTS = """
SELECT r.rolname FROM pg_roles AS planner
JOIN pg_roles AS r ON r.rolname = ANY (string_to_array(substring(
  shobj_description(planner.oid, 'pg_authid')
  FROM '^mailbatch: its workers? (?:is|are) ([a-z0-9_, ]+)$'), ', '))
JOIN pg_database AS here ON here.datname = current_database()
WHERE planner.rolname = current_user AND NOT (
  has_schema_privilege(r.oid, $1, 'USAGE')
  AND has_column_privilege(r.oid, $1 || '.delivery', 'attempt', 'INSERT'))  -- since version 4
AND EXISTS (
  SELECT 1 FROM aclexplode(here.datacl) AS given
  WHERE given.grantee = r.oid AND given.privilege_type = 'CONNECT')
"""
