"""A fork that has to import what its server lacks costs a second: it would never be noticed."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.forkserver import PRELOADED, processes, send_modules

TESTS = Path(__file__).parents[1]


def test_a_fork_finds_everything_imported():
    """The server does not say that it could not import a module."""
    receiving, sending = processes.Pipe(duplex=False)
    process = processes.Process(target=send_modules, args=(sending,))
    process.start()
    sending.close()
    found = set(receiving.recv())
    process.join()
    assert {*PRELOADED, "mailbatch.cli.run", "mailbatch.delivery.runner"} <= found


def test_there_is_one_list():
    setting = re.compile(r"set_forkserver_preload\(")
    found = [path for path in TESTS.rglob("*.py") if setting.search(path.read_text("utf-8"))]
    assert found == [TESTS / "support" / "forkserver.py"]


def test_every_module_that_forks_is_in_the_list():
    """Its own fork would import it; a file of tests may, for the one or two processes of it."""
    line = "from tests.support.forkserver import processes\n"
    found = {
        ".".join(("tests", *path.relative_to(TESTS).with_suffix("").parts))
        for path in TESTS.rglob("*.py")
        if not path.name.startswith("test_") and line in path.read_text("utf-8")
    }
    assert found == set(PRELOADED) - {"tests.support.prepared"}
