"""A run over a ledger that is far: every answer comes later, and nothing else is another."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailbatch.delivery import signals
from mailbatch.delivery.destination import server_of
from mailbatch.delivery.options import RunOptions, Sent, Silence
from mailbatch.delivery.preparation import open_mailing, read_inputs
from mailbatch.delivery.sending import send
from mailbatch.errors import LedgerError
from mailbatch.job.loader import load_job
from mailbatch.outcome import Status
from mailbatch.results.file import write_results
from tests.support.far_ledger import FarLedger
from tests.support.fault_server import FaultServer

ROWS = 100


def make_job(folder: Path, port: int, letter: str = "Hello {{ name }}\n") -> None:
    document = {
        "version": 1,
        "name": "far",
        "server": {"host": "127.0.0.1", "port": port, "security": "plaintext", "auth": "none"},
        "sender": {"from": "News <news@example.com>"},
        "recipients": {"file": "recipients.csv"},
        "message": {"subject": "Hello", "text": "letter.txt.j2"},
        "results": "results.csv",
    }
    rows = [f"user{number}@example.net,{number}\n" for number in range(ROWS)]
    (folder / "recipients.csv").write_text("email,name\n" + "".join(rows))
    (folder / "letter.txt.j2").write_text(letter)
    (folder / "job.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def run_far(
    folder: Path, break_it: Callable[[FarLedger], None] = lambda _: None, **options: Any
) -> tuple[Sent, FarLedger]:
    """What sending comes to over a ledger that is far, and the ledger."""
    job = load_job(folder / "job.yaml", environ={})
    given = RunOptions(**options)
    with ExitStack() as stack, signals.Stopping() as stopping:
        now = datetime(2026, 11, 29, tzinfo=UTC)
        mailing = open_mailing(read_inputs(job, edition="1", variables={}, now=now), given, stack)
        far = FarLedger(mailing.ledger)
        break_it(far)
        mailing = replace(mailing, ledger=far)
        sent = send(mailing, given, Silence(), server_of(job, {}), stopping)
        write_results(mailing.ledger, folder / "results.csv")
        return sent, far


def statuses(folder: Path) -> list[str]:
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        return [row["status"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("sessions", [1, 4])
def test_a_far_ledger_makes_no_difference(
    tmp_path: Path, fault_server: Callable[..., FaultServer], sessions: int
) -> None:
    server = fault_server()
    make_job(tmp_path, server.port)
    sent, far = run_far(tmp_path, sessions=sessions)
    assert sent.failure is None
    assert sent.transactions == ROWS
    assert statuses(tmp_path) == ["accepted"] * ROWS
    assert sum(points for _, points in far.records.calls) == ROWS
    assert sum(outcomes for outcomes, _ in far.records.calls) == ROWS
    if sessions > 1:  # records share calls; how many, depends on the speed of the server
        assert len(far.records.calls) < 2 * ROWS


def test_invalid_deliveries_of_a_far_ledger(
    tmp_path: Path, fault_server: Callable[..., FaultServer]
) -> None:
    make_job(tmp_path, fault_server().port, "{{ 1 // (name | int % 10) }}\n")
    sent, _ = run_far(tmp_path, sessions=2)
    assert sent.failure is None
    assert statuses(tmp_path).count(Status.INVALID) == ROWS // 10
    assert statuses(tmp_path).count(Status.ACCEPTED) == ROWS - ROWS // 10


@pytest.mark.parametrize("nth", [1, 5])
def test_no_last_bytes_leave_behind_a_far_record_that_failed(
    tmp_path: Path, fault_server: Callable[..., FaultServer], nth: int
) -> None:
    """The delivery is pending: certainly not taken, and so is everything behind it."""
    make_job(tmp_path, fault_server().port)
    calls = 0

    def break_it(far: FarLedger) -> None:
        record = far.records.record

        def broken(settlements: Any, points: Any, suspicion: Any = None) -> Any:
            nonlocal calls
            calls += bool(points)
            if points and calls >= nth:
                return _fails()
            return record(settlements, points, suspicion)

        far.records.record = broken  # type: ignore[method-assign]

    async def _fails() -> None:
        raise LedgerError("the network broke")

    sent, _ = run_far(tmp_path, break_it)
    assert isinstance(sent.failure, LedgerError)
    found = statuses(tmp_path)
    assert found.count("accepted") + found.count("pending") == ROWS
    assert found.count("accepted") == nth - 1


def test_a_far_lease_that_fails_ends_the_run(
    tmp_path: Path, fault_server: Callable[..., FaultServer]
) -> None:
    make_job(tmp_path, fault_server().port)

    def break_it(far: FarLedger) -> None:
        async def broken() -> list[Any]:
            raise LedgerError("the network broke")

        far.leases.lease = lambda *_, **__: broken()  # type: ignore[method-assign]

    sent, _ = run_far(tmp_path, break_it)
    assert isinstance(sent.failure, LedgerError)
    assert statuses(tmp_path) == ["pending"] * ROWS


def test_a_second_signal_stops_a_run_whose_ledger_does_not_answer(
    tmp_path: Path, fault_server: Callable[..., FaultServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailbatch.delivery.answers.LAST_ANSWERS", 0.01)
    make_job(tmp_path, fault_server().port)

    def break_it(far: FarLedger) -> None:
        async def silence() -> None:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0)
            await asyncio.Event().wait()

        far.records.record = lambda *_, **__: silence()  # type: ignore[method-assign]

    with pytest.raises(signals.StoppedAtOnce):
        run_far(tmp_path, break_it)
