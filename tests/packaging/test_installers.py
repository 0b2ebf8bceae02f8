"""As people run a program that they have just found: `uvx` and `pipx run`, and from their own code.

Each makes an environment of its own from the built wheel, with the dependencies that it names and
nothing else. The tools are the extra `installers`; without it the tests skip, and
MAILBATCH_REQUIRE_INSTALLERS=1 turns that into a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.packaging.conftest import call
from tests.support.obstacle import skip_unless_required

pytestmark = pytest.mark.packaging


def tool(name: str) -> str:
    """Return a program of this environment; skip the test where it is not installed."""
    program = Path(sysconfig.get_path("scripts"), name)
    if not program.exists():
        reason = f"{name} is not installed (pip install -e '.[installers]')"
        skip_unless_required(reason, "MAILBATCH_REQUIRE_INSTALLERS")
    return str(program)


@pytest.fixture(params=["uvx", "pipx"])
def once(request, built, tmp_path):
    """Run mailbatch from the wheel, as somebody who has not installed it; return its output."""
    wheel = built["wheel"]
    command = {
        "uvx": lambda: (tool("uvx"), "-q", "--python", sys.executable, "--from", wheel),
        "pipx": lambda: (tool("pipx"), "run", "-q", "--spec", wheel),
    }[request.param]()
    # Certificates and indexes of the machine are kept, this environment is not.
    known = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    known |= {"PIPX_HOME": str(tmp_path / "pipx"), "UV_TOOL_DIR": str(tmp_path / "uv")}

    def run(*words: object, cwd: Path) -> str:
        return call(*command, "mailbatch", *words, cwd=cwd, **known)

    return run


def test_without_an_installation(once, tmp_path):
    """Start a job from a template and rehearse it, in a folder of one's own."""
    once("init", "letter", "--template", "notice", cwd=tmp_path)
    found = json.loads(once("run", "letter/job.yaml", "--sandbox", "--json", cwd=tmp_path))
    assert found["accepted"] + found["filtered"] == found["recipients"] > found["filtered"]


EMBEDDED = """
from pathlib import Path

import mailbatch
from mailbatch import Progress, RunOptions, Status, Summary


def rehearse(job: Path, progress: Progress | None = None) -> int:
    summary: Summary = mailbatch.run(job, RunOptions(sandbox=True), progress=progress)
    accepted: int = summary.counts[Status.ACCEPTED]
    if isinstance(summary.failure, mailbatch.MailbatchError):
        hint: str | None = summary.failure.hint
    return accepted
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What mypy found out of Python's own modules, which are the same for each installation."""
    return tmp_path_factory.mktemp("cache")


def test_the_python_api_is_typed_for_those_who_embed_it(installed, cache, tmp_path):
    """mypy, strict and from outside, takes a program against the installed package."""
    pytest.importorskip("mypy", reason="the extra `lint` is not installed")
    (tmp_path / "embedded.py").write_text(EMBEDDED, encoding="utf-8")
    checked = (sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}")
    python = ("--python-executable", installed / "python")
    assert "Success" in call(*checked, *python, "embedded.py", cwd=tmp_path)
    wrong = EMBEDDED.replace("sandbox=True", 'sandbox="yes"').replace("-> int", "-> str")
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    done = subprocess.run(
        [*checked, *map(str, python), "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "[arg-type]" in done.stdout, done.stdout
    assert "[return-value]" in done.stdout, done.stdout


def test_the_names_of_the_python_api_are_there(installed, tmp_path):
    """`__all__` holds in an installed package, and asking for anything else is an error."""
    program = (
        "import mailbatch\n"
        "found = {name: getattr(mailbatch, name) for name in mailbatch.__all__}\n"
        "assert not hasattr(mailbatch, 'send')\n"
        "print(*sorted(found))\n"
    )
    said = call(installed / "python", "-W", "error", "-c", program, cwd=tmp_path).split()
    assert said == [
        "Edition", "InputError", "InputErrors", "Job", "Location", "MailbatchError", "Preview",
        "Progress", "Row", "RunOptions", "Status", "Summary", "Tally", "__version__", "check",
        "load", "result_rows", "run", "status", "write_preview",
    ]  # fmt: skip
