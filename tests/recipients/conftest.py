"""Jobs and tables in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailbatch.errors import Location
from mailbatch.job.model import Job, Origin
from mailbatch.recipients.table import Table, open_table


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Table]:
    """Write bytes as recipients.csv and open them as a table."""

    def opened(content: bytes, *, delimiter: str | None = None, encoding: str = "utf-8") -> Table:
        path = tmp_path / "recipients.csv"
        path.write_bytes(content)
        return open_table(path, shown="recipients.csv", delimiter=delimiter, encoding=encoding)

    return opened


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Job]:
    """Write a table and make a job that names it; keywords are keys of `recipients`."""

    def made(table: str | bytes, **recipients: Any) -> Job:
        content = table.encode() if isinstance(table, str) else table
        (tmp_path / "recipients.csv").write_bytes(content)
        return job_in(tmp_path, **recipients)

    return made


def job_in(folder: Path, **recipients: Any) -> Job:
    """Make a job; keywords are keys of `recipients`, ... leaves one out."""
    keys = {"file": "recipients.csv"} | recipients
    document = {
        "version": 1,
        "name": "autumn",
        "server": {"host": "smtp.example.com", "auth": "none"},
        "sender": {"from": "news@example.com"},
        "recipients": {key: value for key, value in keys.items() if value is not ...},
        "message": {"subject": "Hello", "text": "letter.txt.j2"},
    }
    places = {
        "recipients.file": Location("job.yaml", 7, 9, "recipients.file"),
        "recipients.where": Location("job.yaml", 8, 10, "recipients.where"),
        "recipients.suppress": Location("job.yaml", 9, 13, "recipients.suppress"),
    }
    return Job.model_validate(document, context=Origin(folder / "job.yaml", places))
