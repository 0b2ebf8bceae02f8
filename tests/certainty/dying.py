"""Runs that die: in a process of their own, at a named step or at any instant.

The processes are forked from a server that has everything imported already, so that a death costs
milliseconds. The steps are wrapped from outside, in the dying process alone: the code under test
does not know of them and calls through.
"""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import mailbatch.delivery.ahead_process
import mailbatch.delivery.runner
import mailbatch.delivery.sending
import mailbatch.ledger.store
import mailbatch.smtp.session
from mailbatch.delivery.ahead import Ahead
from mailbatch.delivery.options import Corrected, RunOptions
from mailbatch.delivery.plan_file import parse_plan
from mailbatch.delivery.recording import Recording
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.ledger.corrections import Corrections
from mailbatch.ledger.leasing import Leasing
from mailbatch.ledger.plan import Plan
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.under_way import UnderWay
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.session import Session
from tests.support.forkserver import processes

#: Every ledger step and every socket step of a run, by name: what holds it, and what it is called.
STEPS: dict[str, tuple[Any, str]] = {
    "plan": (Plan, "reconcile"),
    "digests": (Plan, "set_content_digests"),
    "reopen": (Plan, "reopen_deferred"),
    "reserve": (Plan, "reserve_space"),
    "lease": (Leasing, "lease"),
    "commit": (UnderWay, "commit_point"),
    "settle": (UnderWay, "settle"),
    "release": (UnderWay, "release"),
    "finished": (Plan, "mark_finished"),
    "close": (Ledger, "close"),
    "results": (mailbatch.delivery.runner, "write_results"),
    "begin": (Session, "begin"),
    "group-answered": (Session, "content_wanted"),
    "content": (Session, "send_content"),
    "finish": (Session, "finish"),
    "write": (Dialogue, "flush"),
    "read": (Dialogue, "data_received"),
    "reply": (Session, "done"),
    "quit": (Session, "quit"),
}
#: Further steps, of several sessions that record together and of two servers: which calls count is
#: said besides.
SHARED: dict[str, tuple[Any, str, Callable[..., bool]]] = {
    "move": (Ledger, "move_to", lambda *_: True),
    "together": (UnderWay, "begin_together", lambda *_: True),
    "shared": (Recording, "_go_on", lambda _, points, __: len(points) > 1),
}
#: Further steps of a correction.
CORRECTING: dict[str, tuple[Any, str]] = {
    "bind": (Corrections, "begin"),
    "take-over": (Corrections, "take_over"),
}
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def die_here() -> None:
    """End this process as kill -9 does: no handler, no buffer, no exit hook."""
    os.kill(os.getpid(), signal.SIGKILL)


def _copy_state(job: str, to: Path) -> None:
    """Copy the ledger and its journal as they are written at this moment."""
    shutil.copytree(Path(job).parent / ".mailbatch", to)


def _doing(
    step: Callable[..., Any],
    when: str,
    nth: int,
    deed: Callable[[], None],
    counts: Callable[..., bool],
) -> Callable[..., Any]:
    """Wrap a step so that `deed` is done before or after its nth call of those that count."""
    calls = 0

    def due(*args: Any, **kwargs: Any) -> bool:
        nonlocal calls
        if not counts(*args, **kwargs):
            return False
        calls += 1
        return calls == nth

    if inspect.iscoroutinefunction(step):

        @functools.wraps(step)
        async def wrapped_async(*args: Any, **kwargs: Any) -> Any:
            now = due(*args, **kwargs)
            if now and when == "before":
                deed()
            result = await step(*args, **kwargs)
            if now and when == "after":
                deed()
            return result

        return wrapped_async

    @functools.wraps(step)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        now = due(*args, **kwargs)
        if now and when == "before":
            deed()
        result = step(*args, **kwargs)
        if now and when == "after":
            deed()
        return result

    return wrapped


def _wrap(
    step: str, when: str, nth: int, deed: Callable[[], None], ledger: str | None = None
) -> None:
    steps = STEPS
    if ledger is not None:
        from tests.certainty import database_steps

        steps = {**STEPS, **database_steps.STEPS}
    holder, name, counts = SHARED.get(step) or (
        *(CORRECTING.get(step) or steps[step]),
        lambda *_, **__: True,
    )
    setattr(holder, name, _doing(getattr(holder, name), when, nth, deed, counts))


def _share_on_a_busy_machine() -> None:
    """Have every message composed ahead: what is composed in the run itself is waited for."""
    mailbatch.delivery.ahead_process._step_aside = lambda: None
    Ahead.note_wait = lambda *_: None  # type: ignore[method-assign]


def _run_to_death(
    job: str,
    step: str | None,
    when: str,
    nth: int,
    boot: str | None,
    synced: tuple[int, Path] | None,
    sessions_share: bool,
    plan: str | None,
    ahead: float,
    edition: str | None,
    ledger: str | None,
    corrects: str | None,
) -> None:
    os.environ["SCENE_PASSWORD"] = ""
    if ahead:
        real = time.time
        time.time = lambda: real() + ahead
    if boot is not None:
        mailbatch.ledger.store.this_boot = lambda: boot
    if synced is not None:
        _wrap("lease", "after", synced[0], lambda: _copy_state(job, synced[1]))
    if sessions_share:
        _share_on_a_busy_machine()
    if step is not None:
        _wrap(step, when, nth, die_here, ledger)
    approved = None if plan is None else parse_plan(plan, Path("approved.plan"))
    correction = None if corrects is None else Corrected(load_job(Path(corrects)), "1")
    options = RunOptions(plan=approved, edition=edition, ledger=ledger, correction=correction)
    run(load_job(Path(job)), options)


def start(
    job: Path,
    *,
    step: str | None = None,
    when: str = "before",
    nth: int = 1,
    boot: str | None = None,
    synced: tuple[int, Path] | None = None,
    sessions_share: bool = False,
    plan: str | None = None,
    ahead: float = 0.0,
    edition: str | None = None,
    ledger: str | None = None,
    corrects: Path | None = None,
) -> BaseProcess:
    """Start a run of `job` that dies at the nth `step`; without a step it has to be killed.

    `step` is one of STEPS, or of SHARED, or of CORRECTING where the run corrects edition 1 of the
    job `corrects`; `sessions_share` has the sessions share their commits also
    on a busy machine.

    The clock of the process is `ahead` of the system's by so many seconds.

    `synced` is the number of a lease and a folder that does not exist: what the state folder holds
    behind that lease is copied there. All of it has been synced by then. `plan` is the text of an
    approved plan, `ledger` the URL of a database.
    """
    process = processes.Process(
        target=_run_to_death,
        args=(
            str(job),
            step,
            when,
            nth,
            boot,
            synced,
            sessions_share,
            plan,
            ahead,
            edition,
            ledger,
            None if corrects is None else str(corrects),
        ),
        daemon=True,
    )
    process.start()
    return process


def ended(process: BaseProcess, seconds: float = 30.0) -> int:
    """Wait for its end and return how it ended: -9 is a kill, 0 a run that came to its end."""
    process.join(seconds)
    assert process.exitcode is not None, "the run neither died nor ended"
    code = process.exitcode
    process.close()
    return code
