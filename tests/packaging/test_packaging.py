"""From a wheel, an sdist and an editable install alike: the program finds what comes with it.

Each is installed into a fresh environment that borrows the dependencies of the running one, so that
nothing is fetched and an install takes a second.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from itertools import chain

import pytest

import mailbatch
from tests.packaging.conftest import REPOSITORY, call

pytestmark = pytest.mark.packaging

TEMPLATES = {"digest", "event", "invoice", "newsletter", "notice"}
SCHEMAS = {"job.schema.json", "results.schema.json"}


def test_the_wheel_holds_the_package_and_what_comes_with_it(built):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = wheel.namelist()
    inside = {name for name in names if not name.startswith("mailbatch-")}
    assert {name.split("/")[0] for name in inside} == {"mailbatch"}
    assert "mailbatch/py.typed" in inside
    assert "mailbatch/ledger/schema.sql" in inside
    assert "mailbatch/reports/schema.sql" in inside
    for room in ("look", "preview", "reports_page"):  # what pages are made of
        assets = list((REPOSITORY / "mailbatch" / room / "assets").iterdir())
        assert assets
        assert {f"mailbatch/{room}/assets/{path.name}" for path in assets} <= inside
    assert {n.split("/")[3] for n in inside if n.startswith("mailbatch/shipped/templates/")} == (
        TEMPLATES
    )
    assert {n.split("/")[3] for n in inside if n.startswith("mailbatch/shipped/schemas/")} == (
        SCHEMAS
    )
    # What no template is made of: leftovers of runs, caches, tests.
    unwanted = {"__pycache__", ".mailbatch", "results", "outbox", "preview", "tests"}
    assert not [n for n in inside if unwanted & set(n.split("/")[2:])]
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert any(name.endswith("/uPlot.LICENSE.txt") and "/licenses/" in name for name in names)
    assert any(
        name.endswith("/client_support.LICENSE.txt") and "/licenses/" in name for name in names
    )


def test_the_sdist_holds_what_its_own_tests_need(built):
    with tarfile.open(built["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = [
        "pyproject.toml", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
        ".ci/run", "changes/template.md", "mailbatch/cli/main.py", "templates/notice/job.yaml",
        "schemas/job.schema.json", "examples/quickstart/job.yaml",
        "tests/packaging/test_packaging.py",
    ]  # fmt: skip
    assert [name for name in wanted if name not in names] == []


def test_the_version_stands_in_one_place(built):
    """The package has it, the wheel takes it from there, and the changelog says what is in it."""
    version = mailbatch.__version__
    assert built["wheel"].name.startswith(f"mailbatch-{version}-")
    assert built["sdist"].name == f"mailbatch-{version}.tar.gz"
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^]]*)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert released[0] == version
    elsewhere = [REPOSITORY / "pyproject.toml", *(REPOSITORY / "mailbatch").rglob("*.py")]
    found = [path for path in elsewhere if f'"{version}"' in path.read_text(encoding="utf-8")]
    assert found == [REPOSITORY / "mailbatch" / "__init__.py"]


def test_every_dependency_has_a_lowest_version():
    """`.ci/run` installs these very versions and runs a part of the suite with them."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert [line for line in wanted if not re.match(r"[\w.-]+>=\d", line)] == []
    ci = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert "--resolution lowest-direct" in ci


def test_an_installed_program_does_its_work_from_anywhere(installed, tmp_path):
    """Version, schema, a template, and its rehearsal."""
    here = tmp_path / "somewhere"
    here.mkdir()
    program = installed / "mailbatch"
    assert call(program, "--version", cwd=here) == f"mailbatch {mailbatch.__version__}\n"
    schema = json.loads(call(program, "schema", cwd=here))
    assert schema["title"]
    call(program, "init", "d", "--template", "notice", cwd=here)
    written = json.loads((here / "d" / "job.schema.json").read_text(encoding="utf-8"))
    assert written == schema
    found = json.loads(call(program, "run", "d/job.yaml", "--sandbox", "--json", cwd=here))
    assert found["accepted"] + found["filtered"] == found["recipients"] > found["filtered"]


#: What costs more than the answer may: none of it is needed to say a version.
HEAVY = {
    "aiosmtpd", "asyncio", "css_inline", "email", "email_validator", "jinja2", "keyring",
    "markdown_it", "pydantic", "rich", "sqlite3", "ssl", "tenacity", "typer", "uvloop", "yaml",
}  # fmt: skip
LOADED = """
import sys, time
before = set(sys.modules)
began = time.perf_counter()
sys.argv = ["mailbatch", "--version"]
from mailbatch.cli.main import main
main()
print(time.perf_counter() - began, *sorted(set(sys.modules) - before), sep="\\n")
"""


def test_the_version_is_said_before_anything_heavy_is_imported():
    """A quarter of a second is the bar, with the interpreter's own start; the modules prove it."""
    said = call(sys.executable, "-c", LOADED, cwd=REPOSITORY, PYTHONPATH=str(REPOSITORY))
    version, seconds, *modules = said.splitlines()
    assert version.startswith("mailbatch ")
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
    assert len(modules) < 40
    assert float(seconds) < 0.25


def test_a_failed_import_of_an_extra_says_what_to_install(tmp_path):
    """`keyring` is an extra: who names it in a job without having it is told."""
    program = (
        "import sys; sys.modules['keyring'] = None; sys.argv = ['mailbatch', 'run', 'job.yaml'];"
        "from mailbatch.cli.main import main; main()"
    )
    (tmp_path / "job.yaml").write_text(
        "version: 1\nname: x\nserver: {host: localhost, port: 1, security: plaintext, "
        "username: a, password: {keyring: service}}\nsender: {from: a@example.com}\n"
        "recipients: {file: r.csv}\nmessage: {subject: Hi, text: t.j2}\n",
        encoding="utf-8",
    )
    (tmp_path / "r.csv").write_text("email\nb@example.net\n", encoding="utf-8")
    (tmp_path / "t.j2").write_text("Hi\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 78
    assert "pip install '.[keyring]'" in done.stderr
    assert "Traceback" not in done.stderr
