"""Runs of a job with `message.dkim`: what arrives verifies, and what happens without the key."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailbatch.delivery.inspection import inspect
from mailbatch.delivery.options import RunOptions, Silence, Summary
from mailbatch.delivery.preparation import read_inputs
from mailbatch.delivery.runner import run
from mailbatch.errors import JobError
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job
from tests.render.signing import KINDS, key_of, pem, verifies
from tests.support.fault_server import FaultServer

TEXT = ".\nHello,\n..\n\ttwo  spaces  \n\n.\n\n"


class Notes(Silence):
    """Keeps what a run says on its way."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def make_job(folder: Path, *, port: int = 2525, **message: Any) -> Job:
    key = {"env": "DKIM_KEY"}
    document = {
        "version": 1,
        "name": "scene",
        "server": {"host": "127.0.0.1", "port": port, "security": "plaintext", "auth": "none"},
        "sender": {"from": "News <news@example.com>"},
        "recipients": {"file": "recipients.csv"},
        "message": {
            "subject": "Hello {{ name }}",
            "text": "letter.txt.j2",
            "dkim": {"domain": "example.com", "selector": "m1", "private_key": key},
            **message,
        },
        "results": "results.csv",
    }
    if document["message"]["dkim"] is None:
        del document["message"]["dkim"]
    (folder / "letter.txt.j2").write_text(TEXT, encoding="utf-8")
    (folder / "recipients.csv").write_text("email,name\nann@example.net,Ann\nbob@example.net,Böb\n")
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_job(path, environ={})


def run_it(job: Job, environ: Mapping[str, str] | None = None, **options: Any) -> Summary:
    return run(job, RunOptions(**options), environ=environ or {})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rehearsal", ["sandbox", "dry_run"])
def test_what_arrives_verifies(rehearsal: str, kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    environ = {"DKIM_KEY": pem(key_of(kind))}
    summary = run_it(make_job(tmp_path), environ, out=out, **{rehearsal: True})
    assert summary.exit_code == 0
    messages = [path.read_bytes() for path in sorted(out.rglob("*.eml"))]
    assert len(messages) == 2
    for content in messages:
        assert b"\r\n\r\n.\r\nHello" in content  # not encoded: the dots were stuffed on the way
        # The sandbox puts a trace field in front, as every server does.
        assert verifies(content, key_of(kind))


def test_a_rehearsal_needs_no_key_and_says_that_it_does_not_sign(tmp_path: Path) -> None:
    out, notes = tmp_path / "out", Notes()
    summary = run(make_job(tmp_path), RunOptions(dry_run=True, out=out), progress=notes, environ={})
    assert summary.exit_code == 0
    assert not any(b"DKIM-Signature" in path.read_bytes() for path in out.iterdir())
    assert notes.notes == [
        "the messages are not signed here: the environment variable DKIM_KEY is not set"
    ]


def test_a_run_without_its_key_stops_before_anything_is_sent(
    tmp_path: Path, fault_server: Callable[..., FaultServer]
) -> None:
    server = fault_server()
    job = make_job(tmp_path, port=server.port)
    for options in ({}, {"redirect": ("me@example.net",)}):
        with pytest.raises(JobError) as caught:
            run_it(job, **options)
        assert caught.value.exit_code == 78
        assert caught.value.location is not None
        assert caught.value.location.key == "message.dkim.private_key"
        assert caught.value.message == "the environment variable DKIM_KEY is not set"
    assert server.journal == []


def test_a_key_that_cannot_sign_stops_every_run(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    for options in ({}, {"dry_run": True}, {"sandbox": True}):
        with pytest.raises(JobError, match="is no private key in PEM"):
            run_it(job, {"DKIM_KEY": "x"}, **options)


def test_the_key_may_lie_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "dkim.pem"
    path.write_text(pem(key_of("rsa")))
    dkim = {"domain": "example.com", "selector": "m1", "private_key": {"file": "dkim.pem"}}
    job = make_job(tmp_path, dkim=dkim)
    path.chmod(stat.S_IRUSR | stat.S_IRGRP)
    with pytest.raises(JobError, match="can be read or written by others"):
        run_it(job)
    path.chmod(stat.S_IRUSR)
    out = tmp_path / "out"
    assert run_it(job, sandbox=True, out=out).exit_code == 0
    verified = [verifies(file.read_bytes(), key_of("rsa")) for file in out.rglob("*.eml")]
    assert verified
    assert all(verified)


def test_a_real_run_signs(tmp_path: Path, fault_server: Callable[..., FaultServer]) -> None:
    sizes = []
    for number, dkim in enumerate((None, {})):
        server, folder = fault_server(), tmp_path / str(number)
        folder.mkdir()
        job = make_job(folder, port=server.port, **({} if dkim is not None else {"dkim": None}))
        assert run_it(job, {"DKIM_KEY": pem(key_of("rsa"))}).exit_code == 0
        sizes.append([taken.size for taken in server.deliveries()])
    assert all(signed > plain + 600 for plain, signed in zip(*sizes, strict=True))


def test_an_edition_that_is_finished_needs_no_key(
    tmp_path: Path, fault_server: Callable[..., FaultServer]
) -> None:
    job = make_job(tmp_path, port=fault_server().port)
    assert run_it(job, {"DKIM_KEY": pem(key_of("rsa"))}).exit_code == 0
    assert run_it(job, {}).exit_code == 0


def test_looking_at_the_messages_needs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DKIM_KEY", "not asked for")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    inputs = read_inputs(make_job(tmp_path), edition=None, variables={}, now=now)
    with inspect(inputs) as inspection:
        for delivery in inspection.deliveries():
            message = inspection.render(delivery).message
            assert message is not None
            assert b"DKIM-Signature" not in message.content
