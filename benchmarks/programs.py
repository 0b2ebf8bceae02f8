"""The measured programs: the way to find, to name with a version, and to start each.

A program that is not installed says so. Starts nothing itself, but to ask for a version.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import mailbatch
from benchmarks import servers
from benchmarks.mailing import (
    LETTER_BYTES,
    RECIPIENTS_PER_TRANSACTION,
    Scene,
    change_a_hundredth,
)

HERE = Path(__file__).parent
#: Where `npm install --prefix .node` puts packages.
NODE_MODULES = HERE.parent / ".node" / "node_modules"


@dataclass(frozen=True, slots=True)
class Program:
    """One program.

    `what` is a description in words, `missing` the reason why the program cannot be started, or
    None. `command` is the command line for a scene, `environment` is laid over the present one.
    `returns` is the exit code of success. `sends` tells the messages that must arrive: "all" of the
    scene, "one", or "none". `goes_on`: a program that sends goes on with the ledger that is there.
    `prepare` changes the scene before each run.
    """

    name: str
    what: str
    missing: Callable[[], str | None]
    version: Callable[[], str]
    command: Callable[[Scene], list[str]]
    environment: Mapping[str, str]
    returns: int = 0
    sends: str = "all"
    goes_on: bool = False
    prepare: Callable[[Scene], None] | None = None


def _mailbatch(*words: str) -> Callable[[Scene], list[str]]:
    return lambda _: [sys.executable, "-m", "mailbatch", *words]


def _peer(name: str) -> Callable[[Scene], list[str]]:
    return lambda _: [sys.executable, str(HERE / "peers.py"), name]


def _source(scene: Scene) -> list[str]:
    """Send bytes of the same number; `-d` keeps a connection for all messages of a session."""
    size = LETTER_BYTES + scene.mailing.attachment * 78 // 57  # base64 in lines
    lot = min(RECIPIENTS_PER_TRANSACTION, scene.recipients) if scene.mailing.groups else 1
    words = ["-s", str(scene.sessions), "-m", str(scene.transactions), "-l", str(size), "-d"]
    words += ["-r", str(lot), "-f", "news@example.com", "-t", "to@example.net"]
    return [str(servers.program("smtp-source")), *words, f"127.0.0.1:{scene.server.port}"]


def _mailmerge(_: Scene) -> list[str]:
    words = ["--no-dry-run", "--no-limit", "--output-format", "text"]
    # Its `python -m` does not work in 2.3.
    started = "import sys; sys.argv[0] = 'mailmerge'; from mailmerge.__main__ import main; main()"
    return [sys.executable, "-c", started, *words, "--database", "recipients.csv"]


def _package(name: str) -> Callable[[], str | None]:
    return lambda: None if importlib.util.find_spec(name) else f"{name} is not installed"


def _node_environment() -> dict[str, str]:
    given = os.environ.get("NODE_PATH")
    return {"NODE_PATH": os.pathsep.join(filter(None, [str(NODE_MODULES), given]))}


def _nodemailer() -> str:
    """Return the version of the nodemailer that node finds; empty without one."""
    node = servers.program("node")
    if node is None:
        return ""
    asked = "console.log(JSON.stringify(require('nodemailer/package.json').version))"
    environment = os.environ | _node_environment()
    done = subprocess.run(
        [node, "-e", asked], env=environment, capture_output=True, text=True, check=False
    )
    return str(json.loads(done.stdout)) if done.returncode == 0 else ""


def _postfix_version() -> str:
    command = [str(servers.program("postconf")), "-d", "-h", "mail_version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _always() -> None:
    return None


def _is_mailbatch(
    name: str, what: str, *words: str, returns: int = 0, sends: str = "all"
) -> Program:
    version = lambda: mailbatch.__version__  # noqa: E731
    return Program(name, what, _always, version, _mailbatch(*words), {}, returns, sends)


def _again(name: str, what: str, prepare: Callable[[Scene], None] | None = None) -> Program:
    words = ("run", "job.yaml", "--yes", "--quiet", "--limit", "1")
    program = _is_mailbatch(name, what, *words, returns=75, sends="one")
    return dataclasses.replace(program, goes_on=True, prepare=prepare)


PROGRAMS = {
    program.name: program
    for program in (
        _is_mailbatch("mailbatch", "`mailbatch run`, the ledger and the results included",
                      "run", "job.yaml", "--yes", "--quiet"),
        # Exit code 75: there is more to send.
        _is_mailbatch("mailbatch run --limit 1", "plans all, sends one, writes all results",
                      "run", "job.yaml", "--yes", "--quiet", "--limit", "1",
                      returns=75, sends="one"),
        _again("mailbatch run --limit 1 again", "the same, behind itself: nothing has changed"),
        _again("mailbatch run --limit 1 with 1 % changed",
               "the same, once a cell of each hundredth row has changed", change_a_hundredth),
        _is_mailbatch("mailbatch results", "writes all results from the ledger",
                      "results", "job.yaml", "--quiet", sends="none"),
        _is_mailbatch("mailbatch status", "reads the ledger", "status", "job.yaml", sends="none"),
        _is_mailbatch("mailbatch check", "renders and looks at all, sends none",
                      "check", "job.yaml", sends="none"),
        _is_mailbatch("mailbatch --version", "starts and ends", "--version", sends="none"),
        Program("stdlib", "jinja2, `EmailMessage` and `smtplib`; one connection", _always,
                platform.python_version, _peer("stdlib"), {}),
        Program("aiosmtplib", "jinja2, `EmailMessage` and aiosmtplib; one connection",
                _package("aiosmtplib"), lambda: importlib.metadata.version("aiosmtplib"),
                _peer("aiosmtplib"), {}),
        Program("mailmerge", "its own command; a connection for each message",
                _package("mailmerge"), lambda: importlib.metadata.version("mailmerge"),
                _mailmerge, {}),
        Program("nodemailer", "a pool of so many connections, string templates",
                lambda: None if _nodemailer() else "nodemailer is not installed", _nodemailer,
                lambda _: [str(servers.program("node")), str(HERE / "nodemailer.cjs")],
                _node_environment()),
        Program("smtp-source", "Postfix's generator in C: constant bytes, nothing is rendered",
                lambda: None if servers.program("smtp-source") else "smtp-source is not installed",
                _postfix_version, _source, {}),
    )
}  # fmt: skip
