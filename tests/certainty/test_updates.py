"""An update in the middle of a mailing: an earlier mailbatch dies, the present one goes on.

The earlier mailbatch comes out of the history of the repository; where there is none, the ledgers
in `tests/ledger/earlier` stand for what it wrote.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from mailbatch.ledger.store import Ledger
from tests.certainty.program import environment
from tests.certainty.scene import Scene

ROOT = Path(__file__).parents[2]
#: The last commit whose ledgers have version 2.
WROTE_VERSION_2 = "f4a82d3"
_DIE = """
import sys
from pathlib import Path
from tests.certainty.dying import ended, start
if __name__ == "__main__":
    step, when, nth = sys.argv[2:]
    raise SystemExit(ended(start(Path(sys.argv[1]), step=step, when=when, nth=int(nth))) != -9)
"""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """The mailbatch that wrote version 2, in a folder of its own."""
    folder = tmp_path_factory.mktemp("earlier")
    packed = subprocess.run(
        ["git", "archive", WROTE_VERSION_2, "mailbatch", "tests"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if packed.returncode:
        pytest.skip("the history of the repository is not here")
    subprocess.run(["tar", "x"], cwd=folder, input=packed.stdout, check=True)
    (folder / "die.py").write_text(_DIE, encoding="utf-8")
    return folder


@pytest.mark.long
@pytest.mark.parametrize(("nth", "group"), [(1, False), (3, False), (1, True)])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["lease", "commit", "content", "finish", "reply", "settle"])
def test_a_mailing_outlives_an_update(tmp_path, fault_server, earlier, step, when, nth, group):
    """Nobody twice, nobody lost; and no doubt but that of the window nobody can see into."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=6, group=group, text="Hello\n")
    died = subprocess.run(
        [sys.executable, str(earlier / "die.py"), str(scene.job), step, when, str(nth)],
        env=environment(PYTHONPATH=str(earlier)), cwd=earlier, check=False,
    )  # fmt: skip
    assert died.returncode == 0 or (step == "lease" and nth == 3)
    arrived = [a for taken in server.deliveries() for a in taken.recipients]
    with Ledger.read(scene.ledger) as ledger:
        doubtful = {doubt.address for doubt in ledger.doubts.in_doubt()}
    summary = scene.run()
    statuses = scene.statuses()
    assert {a for a, status in statuses.items() if status == "in_doubt"} == doubtful
    assert len(doubtful) <= (6 if group else 1)
    assert summary.exit_code == (4 if doubtful else 0)
    scene.check(server.deliveries())
    again = [a for taken in server.deliveries() for a in taken.recipients]
    assert all(again.count(address) == 1 for address in arrived)
