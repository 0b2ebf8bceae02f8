"""What the commands write with `--json` is what the reference says: every key, and no other."""

from __future__ import annotations

import json
import re

import pytest

from mailbatch.outcome import Status
from tests.certainty.program import mailbatch
from tests.certainty.scene import Scene
from tests.docs.pages import DOCS
from tests.support.fault_server import Fault
from tests.support.faults import Kind, Stage

pytestmark = pytest.mark.usefixtures("names")

STATUSES = {str(status) for status in Status}


@pytest.fixture(scope="module")
def page():
    """Return the part of the page on JSON."""
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    return text.partition("\n## JSON\n")[2]


def keys_of(page, *starts):
    """Return the keys that the rows or sentences of these beginnings name."""
    found = set()
    for start in starts:
        (text,) = re.findall(rf"(?ms)^{re.escape(start)}(.*?)(?:\|$|\.$)", page)
        found |= set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", text)))
    return found


@pytest.fixture
def scene(tmp_path, fault_server):
    """A mailing with a server that takes it."""
    return Scene(tmp_path / "s", fault_server().port)


ALL = "| `run`, `status`, `check`, `preview` |"


@pytest.mark.parametrize(
    ("command", "row"),
    [
        (("run", "job.yaml", "--sandbox"), "| `run` adds |"),
        (("check", "job.yaml", "--connect"), "| `check` adds |"),
        (("preview", "job.yaml", "--out", "p"), "| `preview` adds |"),
    ],
)
def test_an_object_has_the_keys_that_the_page_names(page, scene, command, row):
    """Those of all commands, and those of its own."""
    _, out, err = mailbatch(*command, "--json", cwd=scene.folder)
    found = json.loads(out)
    assert found.keys() - STATUSES == keys_of(page, ALL, row), err
    assert found.keys() >= STATUSES
    for finding in found.get("findings", ()):
        assert finding.keys() == keys_of(page, "Each of the `findings` has ")
    if "connect" in found:
        assert found["connect"].keys() == keys_of(page, "`connect` has ")


def test_status_has_the_keys_that_the_page_names(page, scene):
    """Behind a run, for there is no status of what was never begun."""
    mailbatch("run", "job.yaml", cwd=scene.folder)
    _, out, _ = mailbatch("status", "job.yaml", "--json", cwd=scene.folder)
    assert json.loads(out).keys() - STATUSES == keys_of(page, ALL, "| `status` adds |")


def test_resolve_has_the_keys_that_the_page_names(page, tmp_path, fault_server):
    """A list of those in doubt, and what became of a decision."""
    server = fault_server(Fault(Stage.DOT, Kind.FIN, transaction=2))
    scene = Scene(tmp_path / "s", server.port)
    mailbatch("run", "job.yaml", cwd=scene.folder)
    _, listed, _ = mailbatch("resolve", "job.yaml", "--json", cwd=scene.folder)
    assert json.loads(listed).keys() == keys_of(page, "| `resolve` |")
    _, proven, _ = mailbatch("resolve", "job.yaml", "--from-reports", "--json", cwd=scene.folder)
    assert json.loads(proven).keys() == keys_of(page, "| `resolve --from-reports` |")
    _, decided, _ = mailbatch("resolve", "job.yaml", "--skip", "--json", cwd=scene.folder)
    assert json.loads(decided).keys() == keys_of(page, "| `resolve` with a decision |")
