"""A folder with a job and the files it names, and ways to load it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailbatch.errors import InputErrors, JobError
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job

TABLES = ("people.jsonl", "people.xlsx", "People.XLSX")
FILES = (
    "recipients.csv",
    "text.j2",
    "page.html.j2",
    "page.md",
    "page.mjml.j2",
    "ca.pem",
    "logo.png",
    "left.csv",
    *TABLES,
)

SMALLEST: dict[str, Any] = {
    "version": 1,
    "name": "autumn",
    "server": {"host": "mail.example.com"},
    "sender": {"from": "news@example.com"},
    "recipients": {"file": "recipients.csv"},
    "message": {"subject": "Hello", "text": "text.j2"},
}

Load = Callable[..., Job]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with every file that a job of the tests names."""
    for name in FILES:
        (tmp_path / name).write_text("x\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Load:
    """Load a job from its text."""

    def load(text: str, environ: Mapping[str, str] | None = None) -> Job:
        Path("job.yaml").write_text(text, encoding="utf-8")
        return load_job(Path("job.yaml"), environ=environ or {})

    return load


@pytest.fixture
def errors(load: Load) -> Callable[..., tuple[JobError, ...]]:
    """Return the errors of a job that must have some."""

    def errors(text: str, environ: Mapping[str, str] | None = None) -> tuple[JobError, ...]:
        with pytest.raises(InputErrors) as caught:
            load(text, environ)
        assert all(isinstance(error, JobError) for error in caught.value.errors)
        assert caught.value.exit_code == 78
        return caught.value.errors

    return errors


@pytest.fixture
def mistakes(errors: Callable[..., tuple[JobError, ...]]) -> Mistakes:
    """Return the lines that are printed about a job."""

    def mistakes(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        return [str(error) for error in errors(text, environ)]

    return mistakes


@pytest.fixture
def changed() -> Callable[..., str]:
    """Return the smallest job as YAML, with sections changed; None leaves a key out."""

    def changed(**sections: Any) -> str:
        job = copy.deepcopy(SMALLEST)
        for name, section in sections.items():
            if isinstance(section, dict) and isinstance(job.get(name), dict):
                merged = job[name] | section
                job[name] = {key: value for key, value in merged.items() if value is not ...}
            elif section is ...:
                del job[name]
            else:
                job[name] = section
        return yaml.safe_dump(job, sort_keys=False, allow_unicode=True, width=1000)

    return changed
