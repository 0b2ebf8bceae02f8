"""A job whose reports are pulled from a loopback API, and the command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from tests.support.provider_api import KEY


def write_job(folder: Path, url: str, port: int = 2525, **sections: object) -> Path:
    """Write a job `letter` to two people; its messages have the bulk id letter-1."""
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "version": 1,
        "name": "letter",
        "server": {"host": "127.0.0.1", "port": port, "security": "plaintext", "auth": "none"},
        "sender": {"from": "News <news@example.com>"},
        "recipients": {"file": "recipients.csv"},
        "message": {"subject": "Hello", "text": "letter.txt.j2"},
        "callbacks": {"bulk_id": "{{ job.name }}-{{ edition }}"},
        "reports": {"base_url": url, "api_key": {"env": "PULL_KEY"}},
        "results": "results.csv",
        **sections,
    }
    job = {key: value for key, value in job.items() if value is not None}
    (folder / "letter.txt.j2").write_text("Good day.\n", encoding="utf-8")
    (folder / "recipients.csv").write_text("email\np0@example.org\np1@example.org\n")
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False), encoding="utf-8")
    return path


def start_pull(job: Path, *options: str) -> subprocess.Popen[str]:
    """Start `mailbatch reports pull` in a process of its own."""
    words = [sys.executable, "-m", "mailbatch", "reports", "pull", str(job), *options]
    return subprocess.Popen(
        words,
        env={"PULL_KEY": KEY, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
