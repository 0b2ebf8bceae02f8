"""A ledger of an earlier version, brought to this one by the run that holds its plan.

    await migrate(link, connection)       # under the lock of the plan, and no worker is alive

One step a version, all in one transaction: the ledger is as before, or of this version. This module
must never change a row but that of the version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mailbatch.ledger.postgres.link import set_fact

#: The version of the schema that is written and read.
VERSION = "4"
_HERE = Path(__file__).parent
#: Each earlier version that is known, with the statements that bring a ledger to the next one.
_STEPS = {"3": "from_3.sql"}


def is_known(version: str | None) -> bool:
    """Say whether a ledger of a version, that is not this one, can be brought to it."""
    return version in _STEPS


def functions() -> str:
    """Return the SQL that makes the functions of a ledger, or makes them anew."""
    return (_HERE / "functions.sql").read_text(encoding="utf-8")


async def version_of(connection: Any) -> str | None:
    """Return the version of the ledger of a connection; None where it has none."""
    found: str | None = await connection.fetchval("SELECT value FROM fact WHERE name = 'version'")
    return found


async def migrate(connection: Any) -> None:
    """Bring the ledger of a connection to this version; without effect where it is of another.

    The lock of the plan is held, and no worker is alive.
    """
    async with connection.transaction():
        version = await version_of(connection)
        if not is_known(version):
            return
        while version is not None and is_known(version):
            step = (_HERE / _STEPS[version]).read_text(encoding="utf-8")
            await connection.execute(step)
            version = str(int(version) + 1)
        await connection.execute(functions())
        await set_fact(connection, "version", version)
