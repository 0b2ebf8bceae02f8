"""The whole circle of the seventh example, on a machine that has no extra of mailbatch."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys

import pytest

from tests.certainty.program import environment
from tests.templates.rehearsal import ROOT

#: The names that the extras bring: to import one of them fails here.
EXTRAS = (
    "cryptography", "flufl", "uvicorn", "httptools", "starlette", "keyring", "python_calamine",
)  # fmt: skip
BARE = (
    f"import sys; sys.modules.update(dict.fromkeys({EXTRAS}));"
    "from mailbatch.cli.main import main; main()"
)
KEPT = ("--state-dir", ".mailbatch/sandbox")


@pytest.fixture
def bare(tmp_path):
    """Run mailbatch in a copy of the example, without the extras."""
    folder = tmp_path / "07-reports"
    shutil.copytree(ROOT / "examples" / "07-reports", folder)

    def run(command, *arguments, code=0):
        words = [*command.split(), "job.yaml", *arguments]
        done = subprocess.run(
            [sys.executable, "-c", BARE, *words],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    run.folder = folder
    return run


def test_from_a_bounce_to_the_next_edition(bare):
    """The README's commands: the doubt is settled; Tomas and Lena are left out, Omar is not."""
    bare("run", "--sandbox", "--quiet", code=4)
    told = json.loads(bare("reports show", *KEPT, "--json").stdout)
    readme = (ROOT / "examples" / "07-reports" / "README.md").read_text(encoding="utf-8")
    for event in ("delivered", "bounced", "complained", "opened", "clicked"):
        assert f"   {told[event]}  {event}\n" in readme
    assert told["unmatched"] == 0
    settled = bare("resolve", *KEPT, "--from-reports")
    assert settled.stdout.startswith("unanswered+ines.duarte@example.net  accepted by a report: ")
    bare("run", "--sandbox", "--edition", "2027-01", "--quiet", code=4)
    with (bare.folder / "results" / "seed-swap-2027-01.sandbox.csv").open(newline="") as stream:
        rows = {row["email"]: row["status"] for row in csv.DictReader(stream)}
    left_out = {address for address, status in rows.items() if status == "suppressed"}
    assert left_out == {"bounce+tomas.vrba@example.net", "complain+lena.hoff@example.org"}
