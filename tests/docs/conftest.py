"""The shell of the pages: an environment with a mailbatch that is forked and not started anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.support.name_server import EXAMPLE_COM, NameServer


@pytest.fixture(scope="session")
def shell(tmp_path_factory):
    """Return the environment in which the commands of the pages run."""
    folder = tmp_path_factory.mktemp("bin")
    place = folder / "warm.socket"
    warm = Path(__file__).with_name("warm.py")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.warm", "serve", str(place)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _program(folder / "mailbatch", f'"{sys.executable}" -ISE "{warm}" "{place}"')
    _program(folder / "python", f'"{sys.executable}"')
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    with NameServer(EXAMPLE_COM) as names:
        yield {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": str(ROOT),
            "MAILBATCH_RESOLVER": names.address,
        }
    assert server.stdin is not None
    server.stdin.close()
    server.wait()
    server.stdout.close()


def _program(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
