"""Too few file descriptors: 74 and what to do, wherever they run out, and nobody's outcome."""

from __future__ import annotations

import asyncio
import errno
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

from mailbatch.delivery.descriptors import check_descriptors
from mailbatch.delivery.destination import server_of
from mailbatch.errors import (
    InputErrors,
    JobError,
    LedgerError,
    Location,
    TemplateError,
    TooManyOpenFiles,
    too_many_open_files,
)
from mailbatch.job.loader import load_job
from mailbatch.recipients.command import run_command
from mailbatch.recipients.table import open_table
from mailbatch.recipients.workbook import open_workbook
from mailbatch.render.template_loader import FolderLoader
from mailbatch.smtp.session import Session
from tests.certainty.program import environment
from tests.certainty.scene import Scene
from tests.recipients.workbooks import table, write_workbook
from tests.render.making import ROW, make_composer, make_delivery, make_job
from tests.support.faults import Stage

pytestmark = pytest.mark.usefixtures("names")

HINT = "raise the limit, as in `ulimit -n 1024`"
COMMANDS = {
    "run": ("run", "job.yaml", "--yes"),
    "sandbox run": ("run", "job.yaml", "--sandbox"),
    "check": ("check", "job.yaml", "--connect"),
    "preview": ("preview", "job.yaml", "--out", "gallery"),
    "sandbox": ("sandbox", "--port", "0"),
}


def with_limit(most, *words, cwd):
    """Run the program with so many file descriptors."""
    limited = ["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"]
    return subprocess.run(
        [*limited, sys.executable, "-m", "mailbatch", *words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def no_more_files():
    """As in a process that has all the files open that it may have, but can wait for three."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_to_do(tmp_path, fault_server, command):
    """While it imports, opens the ledger, reads its files, and starts the event loop."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=3)
    for most in (5, 8, 11, 20) if command == "run" else (5, 9):
        done = with_limit(most, *COMMANDS[command], cwd=scene.folder)
        assert (most, done.returncode) == (most, 74), done.stderr
        assert "raise the limit" in done.stderr
        assert "Traceback" not in done.stderr
        assert "never awaited" not in done.stderr
    assert server.stages(Stage.MAIL) == []


def test_no_reader_takes_it_for_a_fault_of_its_file(tmp_path):
    write_workbook(tmp_path / "r.xlsx", {"S": table(("email",), ("ann@example.com",))})
    (tmp_path / "r.csv").write_text("email\nann@example.com\n")
    (tmp_path / "s").write_text("a secret")
    (tmp_path / "s").chmod(0o600)
    location = Location("job.yaml", 1)
    readers = (
        lambda: open_workbook(tmp_path / "r.xlsx", shown="r.xlsx", sheet=None),
        lambda: open_table(tmp_path / "r.csv", shown="r.csv", delimiter=None, encoding="utf-8"),
        lambda: FolderLoader(tmp_path).text("s"),
        lambda: run_command(("echo", "email"), folder=tmp_path, location=location),
        lambda: load_job(tmp_path / "r.csv"),
    )
    open_workbook(tmp_path / "r.xlsx", shown="r.xlsx", sheet=None)  # imports what it needs
    for reader in readers:
        with no_more_files(), pytest.raises(TooManyOpenFiles):
            reader()


def test_a_session_that_cannot_be_opened_is_no_fault_of_the_server(tmp_path, fault_server):
    """So it is not tried again, and ends the run."""
    server = server_of(load_job(Scene(tmp_path / "s", fault_server().port).job))

    async def open_session():
        with no_more_files():
            await Session.open(server)

    with pytest.raises(TooManyOpenFiles):
        asyncio.run(open_session())


def test_an_attachment_that_cannot_be_opened_now_is_no_fault_of_its_row(tmp_path):
    files = {"17.pdf": b"seventeen", "18.pdf": b"eighteen"}
    composer = make_composer(make_job(tmp_path, {"attachments": "{{ id }}.pdf"}, files))
    composer.compose(make_delivery({**ROW, "id": "17"}), eight_bit=True)
    with no_more_files(), pytest.raises(TooManyOpenFiles):
        composer.compose(make_delivery({**ROW, "id": "18"}), eight_bit=True)


def test_enough_are_looked_for_before_anything_is_sent():
    with no_more_files(), pytest.raises(TooManyOpenFiles) as caught:
        check_descriptors(1)
    assert HINT in caught.value.hint
    check_descriptors(32)


def test_what_comes_of_it():
    """Wherever in a chain or a group of errors it stands."""
    for number in (errno.EMFILE, errno.ENFILE):
        cause = OSError(number, "Too many open files")
        behind = JobError("cannot be read")
        behind.__context__ = cause
        raised = LedgerError("the ledger cannot be used")
        raised.__cause__ = cause
        for error in (
            cause, behind, raised, InputErrors([TemplateError("is wrong"), behind]),
            ExceptionGroup("two", [ValueError(), cause]), TooManyOpenFiles(),
        ):  # fmt: skip
            found = too_many_open_files(error)
            assert found is not None
            assert found.exit_code == 74
    round_about = ValueError()
    round_about.__context__ = OSError(errno.EACCES, "Permission denied")
    round_about.__context__.__context__ = round_about
    assert too_many_open_files(round_about) is None
    assert too_many_open_files(None) is None
