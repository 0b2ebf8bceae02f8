"""What a program prints is the table only if the program ends well; else it says what it said."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import tempfile
import tracemalloc
from functools import partial
from pathlib import Path

import pytest

from mailbatch.errors import Location, RecipientError
from mailbatch.job.scalars import Interpolated
from mailbatch.recipients.command import run_command
from mailbatch.recipients.spool import Spool
from mailbatch.recipients.table import open_table

PLACE = Location("job.yaml", 8, 12, "recipients.command")


def run(folder: Path, code: str, *arguments: str, longest: float = 60.0) -> Spool:
    words = (sys.executable, "-c", code, *arguments)
    return run_command(words, folder=folder, location=PLACE, longest=longest)


def refused(folder: Path, code: str, *arguments: str, longest: float = 60.0) -> RecipientError:
    with pytest.raises(RecipientError) as caught:
        run(folder, code, *arguments, longest=longest)
    assert str(caught.value).startswith("job.yaml:8:12: recipients.command: ")
    assert caught.value.exit_code == 65
    return caught.value


def content(spool: Spool) -> bytes:
    return spool.open().read(1 << 30)


def test_what_the_program_prints_is_the_table(tmp_path: Path) -> None:
    spool = run(tmp_path, "print('email,name\\na@b.c,\"Ann\\nB\"\\nc@d.e,C')")
    table = open_table(spool, shown="recipients.command", delimiter=None, encoding="utf-8")
    assert table.columns == ("email", "name")
    assert list(table) == list(table) == [(2, ("a@b.c", "Ann\nB")), (4, ("c@d.e", "C"))]


def test_readings_do_not_disturb_each_other(tmp_path: Path) -> None:
    spool = run(tmp_path, "print('email', *('a@b.c,' * 3).split(','), sep='\\n')")
    table = open_table(spool, shown="recipients.command", delimiter=None, encoding="utf-8")
    assert all(one == other for one, other in zip(table, table, strict=True))


def test_it_runs_once_without_a_shell_or_input_in_the_folder_of_the_job(tmp_path: Path) -> None:
    code = (
        "import os, sys; open('ran', 'a').write('x');"
        "print(os.getcwd(), sys.argv[1], len(sys.stdin.read()), os.getpid() == os.getsid(0))"
    )
    spool = run(tmp_path, code, "$HOME;`x` *")
    assert content(spool).decode() == f"{tmp_path.resolve()} $HOME;`x` * 0 True\n"
    assert (tmp_path / "ran").read_text() == "x"


def test_a_program_beside_the_job_is_named_by_its_path(tmp_path: Path) -> None:
    program = tmp_path / "query.sh"
    program.write_text("#!/bin/sh\necho email\n")
    program.chmod(0o700)
    assert content(run_command(("./query.sh",), folder=tmp_path, location=PLACE)) == b"email\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit(3)", "ended with 3"),
        ("import sys; print('email'); sys.exit('no table')", "ended with 1: no table"),
        (
            "import sys; sys.exit('ERROR:  no such column\\nLINE 1: select emial\\n        ^')",
            "ended with 1: ERROR:  no such column",
        ),
        ("import sys; sys.exit('one\\ntwo\\n\\n')", "ended with 1: two"),
        ("import sys; sys.exit('\\x1b[31mred\\u2028\\u00e9')", "ended with 1: \\x1b[31mred"),
        ("import sys; sys.exit('x' * 300)", f"ended with 1: {'x' * 199}…"),
        ("import sys; sys.exit('y\\n' * 9000 + 'end')", "ended with 1: end"),
        (
            "import os, sys; os.write(2, b'caf\\xe9'); sys.exit(2)",
            "ended with 2: caf\\xe9",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "ended with -15"),
        ("raise ValueError('bad \\x07')", "ended with 1: ValueError: bad \\x07"),
        ("pass", "printed nothing"),
        ("import sys; sys.stderr.write('only a note')", "printed nothing"),
    ],
)
def test_a_program_that_fails_gives_no_table(code: str, message: str, tmp_path: Path) -> None:
    error = refused(tmp_path, code)
    assert error.message.startswith(f"the command {sys.executable} {message}")
    assert error.message.isprintable()
    if "nothing" in message:
        assert error.hint == "The first line names the columns: psql needs --csv."
    else:
        assert error.hint == f"Run it by hand in {tmp_path}."


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("./nix", "No such file or directory"),
        ("./text", "Permission denied"),
        ("a\0b", "not a command"),
    ],
)
def test_what_cannot_be_run(word: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    with pytest.raises(RecipientError) as caught:
        run_command((word,), folder=tmp_path, location=PLACE)
    assert caught.value.message == f"the command {word} cannot be run: {reason}"


def test_what_the_environment_gave_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(RecipientError) as caught:
        run_command((Interpolated("canary"),), folder=tmp_path, location=PLACE)
    assert caught.value.message == "the command cannot be run: No such file or directory"


def ends(pid: int) -> bool:
    """Wait for the end of a process that was sent a signal."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10.0)[0])
    finally:
        os.close(descriptor)


needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open (Linux)")
SLEEPS = (
    "import os, signal, subprocess, sys, time; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "open('pids', 'w').write(f'{os.getpid()} {child.pid}'); print('email', flush=True); "
    "sys.argv[1:] and os.kill(os.getppid(), signal.SIGUSR1); time.sleep(600)"
)


def all_end(folder: Path) -> bool:
    return all(ends(int(pid)) for pid in (folder / "pids").read_text().split())


@needs_pidfd
def test_a_program_has_an_end_with_all_that_it_started(tmp_path: Path) -> None:
    error = refused(tmp_path, SLEEPS, longest=3.0)
    assert error.message == f"the command {sys.executable} took longer than 3 s"
    assert all_end(tmp_path)


def test_a_program_that_prints_its_last_and_stays_has_an_end(tmp_path: Path) -> None:
    code = "import os, time; os.write(1, b'email'); os.close(1); time.sleep(600)"
    assert "took longer than" in str(refused(tmp_path, code, longest=0.5))


class Interrupt(BaseException):
    """What a signal raises while a run is planned."""


@needs_pidfd
def test_an_interrupted_run_stops_the_program(tmp_path: Path) -> None:
    def interrupt(_signum: int, _frame: object) -> None:
        raise Interrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interrupt):
            run(tmp_path, SLEEPS, "and interrupts")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert all_end(tmp_path)


@needs_pidfd
def test_what_heeds_no_sigterm_is_stopped_too(tmp_path: Path) -> None:
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "open('pids', 'w').write(str(os.getpid())); time.sleep(600)"
    )
    refused(tmp_path, code, longest=2.0)
    assert all_end(tmp_path)


def test_memory_does_not_grow_with_what_is_printed(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        spool = run(tmp_path, "for _ in range(8): print('someone@example.com\\n' * 50_000)")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert spool.size > 7_000_000
    assert peak < 3_000_000


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = run(tmp_path, "print('email')")
    reader = spool.open()
    assert list(tmp_path.iterdir()) == []
    descriptor = spool._file.fileno()
    del spool
    assert reader.read(100) == b"email\n"
    del reader
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "r+b", 0))
    with pytest.raises(RecipientError) as caught:
        run(tmp_path, "print('email')")
    assert "printed more than can be kept: No space left on device" in caught.value.message
