"""`mailbatch evidence --ledger`: the same files of a ledger in a database, checked by the shell."""

from __future__ import annotations

import json

import pytest

from tests.support.faults import Fault, Kind, Stage

from .test_evidence import script, shell

__all__ = ["script", "shell"]

pytest.importorskip("asyncpg")
pytestmark = pytest.mark.usefixtures("names")


def facts_of(folder):
    return json.loads((folder / "evidence.json").read_bytes())


@pytest.fixture
def sent(mailing, database):
    """A mailing whose second message was refused, in a database and in a file."""
    job, _ = mailing(Fault(Stage.DOT, Kind.PERMANENT, transaction=2), recipients=3)
    job.edit("name: scene", "name: scene\nkeep: dialogue")
    assert job.command("run", "--ledger", database).code == 3
    return job, database


def test_the_evidence_of_a_database_verifies_with_the_shell_alone(sent, shell):
    job, database = sent
    for number, address in enumerate(job.addresses):
        out = f"evidence{number}"
        done = job.command("evidence", "--only", address, "--out", out, "--ledger", database)
        facts = facts_of(job.folder / out)
        refused = number == 1
        assert (done.code, facts["status"]) == (65, "rejected") if refused else (0, "accepted")
        assert shell(job.folder / out)[0] == 0
        assert (job.folder / out / "message.eml").exists() is not refused
        assert len(facts["dialogue"]) == 1
        assert job._program("evidence", "--verify", out, cwd=job.folder).code == 0


def test_the_facts_are_those_of_a_file(sent):
    job, database = sent
    found = []
    job.command("run", "--new-mailing", "--state-dir", "file")
    for out, place in (("one", ("--ledger", database)), ("two", ("--state-dir", "file"))):
        assert job.command("evidence", "--only", job.addresses[2], "--out", out, *place).code == 0
        facts = facts_of(job.folder / out)
        del facts["recipient"]["salt"]  # of the secret of each ledger; and the moment
        for name in ("message", "chain", "reply", "dialogue", "first_attempt_at", "settled_at"):
            facts.pop(name, None)
        found.append(facts)
    assert found[0] == found[1]
