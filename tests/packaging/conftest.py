"""What the tests of packaging share: the built wheel and sdist, and a clean way to run commands."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
KINDS = ["wheel", "sdist", "editable"]


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


@pytest.fixture(scope="session", params=KINDS)
def installed(request, built, tmp_path_factory) -> Path:
    """A fresh environment with mailbatch installed from one of the three; its bin folder."""
    folder = tmp_path_factory.mktemp(request.param)
    environment = folder / "venv"
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=folder)
    scripts = environment / "bin"
    place = call(
        *(scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"),
        cwd=folder,
    ).strip()
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    borrowed |= set(site.getsitepackages())
    # Behind the environment's own, and without their .pth files: no mailbatch comes from there.
    Path(place, "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n", encoding="utf-8")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    options += ["--disable-pip-version-check", "--no-cache-dir", "--ignore-installed"]
    what = ["-e", built["editable"]] if request.param == "editable" else [built[request.param]]
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install")
    call(*pip, *options, *what, cwd=folder, PIP_ROOT_USER_ACTION="ignore")
    return scripts
