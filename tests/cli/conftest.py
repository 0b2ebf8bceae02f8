"""The program as a person or cron starts it: its exit code and what it prints."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.certainty.program import REPOSITORY, environment
from tests.certainty.scene import Scene
from tests.cli.terminal import Terminal
from tests.support.fault_server import FaultServer

#: No deadline is met by chance on a busy machine.
PATIENT = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "20s"}


@dataclass(frozen=True)
class Done:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        assert self.out.count("\n") == 1
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    def check_words(self) -> None:
        """Nobody ever sees a traceback, or a line that is not text."""
        for text in (self.out, self.err):
            assert "Traceback" not in text
            assert "\x1b" not in text
            assert all(c.isprintable() or c in "\n\t" for c in text)


class Program:
    """`mailbatch` as a process that is forked from one that has imported everything.

    It is the program itself, with streams, a folder and an environment of its own; only the time
    that imports take is saved. `tests/docs/warm.py` is the other end.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def __call__(self, *arguments: object, cwd: Path, **more: str) -> Done:
        """Run `mailbatch ARGUMENTS` to its end, without a terminal."""
        streams = [cwd.parent / f".{name}" for name in ("out", "err")]
        with (
            Path(os.devnull).open("rb") as nothing,
            streams[0].open("wb") as out,
            streams[1].open("wb") as err,
        ):
            numbers = [nothing.fileno(), out.fileno(), err.fileno()]
            code = self.run(numbers, *arguments, cwd=cwd, **more)
        written = [stream.read_text(encoding="utf-8") for stream in streams]
        done = Done(code, *written)
        done.check_words()
        return done

    def run(self, streams: list[int], *arguments: object, cwd: Path, **more: str) -> int:
        """Run it with these streams and return its exit code."""
        request = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(cwd),
            "environment": environment(**more),
        }
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.connect(str(self._place))
            body = json.dumps(request).encode() + b"\n"
            socket.send_fds(server, [body[:1]], streams)
            server.sendall(body[1:])
            return int(server.makefile("rb").readline())


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Start the process that everything is forked from."""
    place = tmp_path_factory.mktemp("program") / "socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.warm", "serve", str(place)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    assert server.stdout.readline() == "ready\n"
    yield Program(place)
    server.stdin.close()
    server.wait(20)
    server.stdout.close()


class Mailing(Scene):
    """A scene whose deadlines are never met by chance, run by the program."""

    def __init__(self, folder: Path, port: int, program: Program, **more: Any) -> None:
        super().__init__(folder, port, **{"timeouts": PATIENT, **more})
        self._program = program

    def command(self, *arguments: object, **more: str) -> Done:
        """Run `mailbatch COMMAND job.yaml ...` in the folder."""
        name, *rest = arguments
        return self._program(name, "job.yaml", *rest, cwd=self.folder, **more)

    def edit(self, old: str, new: str, name: str = "job.yaml") -> None:
        """Replace a text that stands once in a file."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, text
        path.write_text(text.replace(old, new), encoding="utf-8")

    @property
    def ledgers(self) -> list[Path]:
        """The ledgers in the default place."""
        return sorted((self.folder / ".mailbatch").glob("*.sqlite3"))


@pytest.fixture
def mailing(
    tmp_path: Path, program: Program, fault_server: Callable[..., FaultServer]
) -> Callable[..., tuple[Mailing, FaultServer]]:
    """Make a mailing and its server: `mailing(*faults, recipients=3, server={...})`."""

    def make(*faults: Any, server: dict[str, Any] | None = None, **more: Any) -> Any:
        started = fault_server(*faults, **(server or {}))
        return Mailing(tmp_path / "job", started.port, program, **more), started

    return make


def nothing_reached(server: FaultServer) -> None:
    """Nobody has so much as connected to the server."""
    assert server.journal == []


@pytest.fixture(scope="session")
def on_terminal(program):
    """Run a command on a terminal, answering its question, if it asks: `Terminal`, exit code."""

    def run(job, *arguments, answer=None, **more):
        terminal = Terminal()
        codes = []
        streams = [terminal.theirs] * 3
        folder = getattr(job, "folder", job)
        env = {"TERM": "xterm-256color", "COLUMNS": "100", **more}

        def work():
            codes.append(program.run(streams, *arguments, cwd=folder, **env))
            os.close(terminal.theirs)

        thread = threading.Thread(target=work)
        thread.start()
        if answer is not None:
            terminal.read("[y/N] ")
            terminal.type(answer)
        terminal.read()
        thread.join(30)
        os.close(terminal.ours)
        assert "Traceback" not in terminal.shown
        return terminal, codes[0]

    return run
