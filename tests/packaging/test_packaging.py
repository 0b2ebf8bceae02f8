"""From a wheel, an sdist and an editable install alike: the program finds what comes with it.

Each is installed into a fresh environment that borrows the dependencies of the running one, so that
nothing is fetched and an install takes a second.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

REPOSITORY = Path(__file__).parents[2]
KINDS = ["wheel", "sdist", "editable"]
TEMPLATES = {"event", "invoice", "newsletter", "notice"}
SCHEMAS = {"job.schema.json", "results.schema.json"}


def call(*command: object, cwd: Path, **more: str) -> str:
    """Run a command that must succeed, without this environment's own ways in; its output."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A copy of what is in the repository: building must neither see nor leave anything else."""
    folder = tmp_path_factory.mktemp("source") / "mailbatch"
    if not (REPOSITORY / ".git").exists():  # an unpacked sdist is no repository
        leftovers = shutil.ignore_patterns(".venv", ".node", ".*_cache", "__pycache__")
        return Path(shutil.copytree(REPOSITORY, folder, ignore=leftovers))
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def built(source, tmp_path_factory) -> dict[str, Path]:
    """Build wheel and sdist with the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("built")
    call(
        *(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", folder),
        cwd=source,
    )
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist, "editable": source}


@pytest.fixture(params=KINDS)
def installed(request, built, tmp_path) -> Path:
    """A fresh environment with mailbatch installed from one of the three; its bin folder."""
    environment = tmp_path / "venv"
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    scripts = environment / "bin"
    place = call(
        *(scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"),
        cwd=tmp_path,
    ).strip()
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    borrowed |= set(site.getsitepackages())
    # Behind the environment's own, and without their .pth files: no mailbatch comes from there.
    Path(place, "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n", encoding="utf-8")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    options += ["--disable-pip-version-check", "--no-cache-dir", "--ignore-installed"]
    what = ["-e", built["editable"]] if request.param == "editable" else [built[request.param]]
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install")
    call(*pip, *options, *what, cwd=tmp_path, PIP_ROOT_USER_ACTION="ignore")
    return scripts


def test_the_wheel_holds_the_package_and_what_comes_with_it(built):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = wheel.namelist()
    inside = {name for name in names if not name.startswith("mailbatch-")}
    assert {name.split("/")[0] for name in inside} == {"mailbatch"}
    assert "mailbatch/py.typed" in inside
    assert "mailbatch/ledger/schema.sql" in inside
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


def test_the_sdist_holds_what_its_own_tests_need(built):
    with tarfile.open(built["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = [
        "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", ".ci/run",
        "mailbatch/cli/main.py", "templates/notice/job.yaml", "schemas/job.schema.json",
        "examples/quickstart/job.yaml", "tests/packaging/test_packaging.py",
    ]  # fmt: skip
    assert [name for name in wanted if name not in names] == []


def test_an_installed_program_does_its_work_from_anywhere(installed, tmp_path):
    """Version, schema, a template, and its rehearsal."""
    here = tmp_path / "somewhere"
    here.mkdir()
    program = installed / "mailbatch"
    assert call(program, "--version", cwd=here).startswith("mailbatch 0.")
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
    assert "mailbatch[keyring]" in done.stderr
    assert "Traceback" not in done.stderr
