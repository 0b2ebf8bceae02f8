"""Runs over tables of other forms: a table that breaks off changes nothing of what was planned."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailbatch.delivery.options import RunOptions, Summary
from mailbatch.delivery.places import ledger_path, state_dir
from mailbatch.delivery.runner import run
from mailbatch.errors import InputErrors, RecipientError
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job
from mailbatch.ledger.store import Ledger
from mailbatch.recipients.plan import plan_recipients
from mailbatch.results.file import write_unfinished
from tests.recipients.workbooks import table, write_workbook
from tests.support.fault_server import FaultServer

PRINTS = "import sys; sys.stdout.write(open('table').read()); sys.exit(int(open('code').read()))"


def make_job(folder: Path, port: int, **recipients: Any) -> Job:
    document = {
        "version": 1,
        "name": "scene",
        "server": {"host": "127.0.0.1", "port": port, "security": "plaintext", "auth": "none"},
        "sender": {"from": "News <news@example.com>"},
        "recipients": recipients,
        "message": {"subject": "Hello {{ name }}", "text": "letter.txt.j2"},
        "results": "results.csv",
    }
    (folder / "letter.txt.j2").write_text("Hello\n")
    (folder / "job.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_job(folder / "job.yaml", environ={})


def run_it(job: Job, **options: Any) -> Summary:
    return run(job, RunOptions(**options), environ={})


def statuses(folder: Path) -> dict[str, str]:
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        return {row["email"]: row["status"] for row in csv.DictReader(file)}


def counts(job: Job) -> dict[str, int]:
    with Ledger.read(ledger_path(job, "1", state_dir(job, None, {}))) as ledger:
        return {
            str(status): number for status, number in ledger.standing.counts().items() if number
        }


def test_a_command_that_fails_in_the_middle_changes_nothing(
    tmp_path: Path, fault_server: Callable[..., FaultServer]
) -> None:
    server = fault_server()
    job = make_job(tmp_path, server.port, command=[sys.executable, "-c", PRINTS])
    rows = [f"user{number}@example.net,{number}\n" for number in range(4)]
    (tmp_path / "code").write_text("0")
    (tmp_path / "table").write_text("email,name\n" + "".join(rows))
    assert run_it(job, limit=2).exit_code == 75
    before = counts(job)
    assert before == {"accepted": 2, "pending": 2}
    for content, code, message in (
        ("email,name\n" + rows[0], "1", "ended with 1"),
        ("email,name\n" + rows[0] + "broken\n", "0", "recipients.command:3: 1 cell where"),
        ("", "0", "printed nothing"),
    ):
        (tmp_path / "table").write_text(content)
        (tmp_path / "code").write_text(code)
        with pytest.raises((RecipientError, InputErrors), match=message):
            run_it(job)
        assert counts(job) == before
    assert len(server.deliveries()) == 2
    (tmp_path / "table").write_text("email,name\n" + "".join(rows[1:]))
    (tmp_path / "code").write_text("0")
    assert run_it(job).exit_code == 0
    assert sorted(to for taken in server.deliveries() for to in taken.recipients) == [
        row.partition(",")[0] for row in rows
    ]


@pytest.mark.parametrize("form", ["jsonl", "xlsx"])
def test_what_is_unfinished_is_written_as_csv_whatever_the_table_was(
    form: str, tmp_path: Path, fault_server: Callable[..., FaultServer]
) -> None:
    path = tmp_path / f"people.{form}"
    if form == "jsonl":
        path.write_text(
            '{"email": "ann@example.net", "name": 17}\n{"email": "nobody", "name": 18}\n'
        )
    else:
        write_workbook(
            path, {"S": table(("email", "name"), ("ann@example.net", 17.0), ("nobody", 18.0))}
        )
    job = make_job(tmp_path, fault_server().port, file=path.name)
    assert run_it(job).exit_code == 3
    assert statuses(tmp_path) == {"ann@example.net": "accepted", "nobody": "invalid"}
    with Ledger.read(ledger_path(job, "1", state_dir(job, None, {}))) as ledger:
        write_unfinished(ledger, tmp_path / "again.csv")
    again = make_job(tmp_path, 2525, file="again.csv")
    [row] = plan_recipients(again, edition="1", variables={})
    assert row.values == ("nobody", "18")
