"""The tools of `mailbatch mcp`: each runs one command on a job of a folder, and returns its JSON.

    tools = Tools(Path("newsletters"), approved=read_approved([Path("may.plan")], kept))
    await tools.check("may.yaml")         # {"errors": 0, "exit_code": 0, "messages": [...], …}

A command runs in a process of its own, with the arguments that a person would type: so standard
output stays the protocol's, and a call that is cancelled ends a run as Ctrl-C does. A run is held
to a plan that a person named when the server was started. No tool makes a plan. This module must
never send anything itself, nor run a job outside the folder.

Tests: tests/cli/test_mcp.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.cli.exit_codes import MEANING, ExitCode
from mailbatch.errors import UsageError
from mailbatch.frozen import frozen

if TYPE_CHECKING:
    from mailbatch.delivery.plan_file import PlanFile


class Refused(Exception):
    """A call that runs no command."""


@frozen
class Approved:
    """An approved plan, as it was when the server was started; `path` is a copy of its own."""

    plan: PlanFile
    path: Path


def read_approved(paths: Iterable[Path], kept: Path) -> tuple[Approved, ...]:
    """Read the plans that a person approved, and keep copies in the folder `kept`.

    Raises:
        UsageError, InputError: a file cannot be read, or is no plan; or two are of one job.
    """
    from mailbatch.delivery.plan_file import read_plan

    found: list[Approved] = []
    for number, path in enumerate(paths):
        plan = read_plan(path)
        if any(one.plan.job == plan.job for one in found):
            raise UsageError(
                f"two plans are of the job {plan.job}, and run would take the first one",
                hint="name one plan for each job; start another server for another edition",
            )
        copy = kept / f"{number}.plan"
        with copy.open("w", encoding="utf-8") as stream:
            stream.writelines(plan.pieces())
        found.append(Approved(plan, copy))
    return tuple(found)


class Tools:
    """The commands that a client may call, on the jobs of a folder."""

    def __init__(self, folder: Path, approved: Sequence[Approved] = ()) -> None:
        self._folder = folder.resolve()
        self._approved = tuple(approved)
        #: The file of the job that each plan was run for: a copy elsewhere has another ledger.
        self._ran: dict[Path, Path] = {}

    async def check(self, job: str, edition: str | None = None) -> dict[str, Any]:
        """Find every mistake of a mailing, without sending: codes with file, line and remedy."""
        return await self._call("check", job, *_option("edition", edition))

    async def preview(self, job: str, edition: str | None = None) -> dict[str, Any]:
        """Render every message into a gallery for people; `digest` names the plan of the mailing.

        `difference` is the first one from the plan that was approved for the job, if there is one.
        """
        plan = self._plan_of(self._path(job))
        named = () if plan is None else _option("plan", str(plan.path))
        return await self._call("preview", job, *_option("edition", edition), *named)

    async def status(
        self, job: str, edition: str | None = None, only: list[str] | None = None
    ) -> dict[str, Any]:
        """Tell where an edition stands; `only` are addresses or keys, for the fate of each."""
        return await self._call("status", job, *_option("edition", edition), *_only(only))

    async def run(self, job: str, only: list[str] | None = None) -> dict[str, Any]:
        """Send the approved mailing of a job to those who do not have it yet.

        May be called again at any time: who has the message, or may have it, gets no second one.
        `only` are addresses or keys. Where `exit_code` is 75, call again later.
        """
        path = self._path(job)
        plan = self._plan_of(path)
        if plan is None:
            raise Refused(
                "no plan was approved for this job: a person makes one with `mailbatch plan JOB "
                "-o FILE`, reads it, and starts this server with --allow-run --plan FILE"
            )
        if self._ran.setdefault(plan.path, path) != path:
            raise Refused(
                f"the plan was run for another file of this job, with a ledger of its own: "
                f"{self._ran[plan.path].relative_to(self._folder)}"
            )
        return await self._call(
            "run", job, "--yes", *_option("plan", str(plan.path)),
            *_option("edition", plan.plan.edition), *_only(only),
        )  # fmt: skip

    def _plan_of(self, path: Path) -> Approved | None:
        """Return the approved plan of a job; None: there is none.

        Raises:
            Refused: the job file cannot be read.
        """
        from mailbatch.cli.reporting import read_job
        from mailbatch.errors import MailbatchError

        if not self._approved:
            return None
        try:
            name = read_job(path, look=False).name
        except MailbatchError as error:
            raise Refused(f"{error}") from None
        return next((one for one in self._approved if one.plan.job == name), None)

    def _path(self, job: str) -> Path:
        try:
            path = (self._folder / job).resolve()
            if path.is_relative_to(self._folder) and path.is_file():
                return path
        except (OSError, ValueError):  # a name that is too long, or has a NUL
            pass
        raise Refused(f"{job!r} is no job file in the folder of this server")

    async def _call(self, command: str, job: str, *options: str) -> dict[str, Any]:
        path = self._path(job)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mailbatch", command, str(path), "--json", *options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        try:
            out, said = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()  # as Ctrl-C: open transactions are finished, results written
            await asyncio.shield(process.wait())
            raise
        return _answer(process.returncode or 0, out, said.decode(errors="replace"))


def _option(name: str, value: str | None) -> tuple[str, ...]:
    return () if value is None else (f"--{name}={value}",)


def _only(named: Iterable[str] | None) -> tuple[str, ...]:
    return tuple([f"--only={one}" for one in named or ()])


def _answer(code: int, out: bytes, said: str) -> dict[str, Any]:
    """Return the JSON of a command with its exit code, the meaning, and its messages."""
    meaning = MEANING[ExitCode(code)] if code in set(ExitCode) else "ended by a signal"
    data: dict[str, Any] = {}
    if out.strip():
        found = json.loads(out)
        data = found if isinstance(found, dict) else {"items": found}
    return {**data, "exit_code": code, "meaning": meaning, "messages": said.splitlines()}
