"""Every documented shape of a report, and real bounces of eight mail servers, as they are read.

`samples/` holds mails as mail servers wrote them, over loopback; `bodies/` holds webhooks, composed
from the providers' documentation. Beside each stands what it says. To write that anew, read the
difference and run `pytest --update-golden tests/render tests/reports`.
"""

from pathlib import Path

import pytest

from mailbatch.reports.reading import read_body
from mailbatch.reports.report import Source
from tests.reports.golden import shown

HERE = Path(__file__).parent
BODIES = sorted(
    path
    for folder in ("bodies", "samples")
    for path in (HERE / folder).iterdir()
    if path.suffix != ".txt"
)
RECEIVED = 1795950000.0


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_a_body_says_what_stands_beside_it(path, request):
    said = shown(read_body(path.read_bytes(), received=RECEIVED))
    golden = path.with_name(path.name + ".txt")
    if request.config.getoption("--update-golden", default=False):
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")


def test_there_are_golden_files():
    assert len(BODIES) >= 55
    assert {path.name for path in HERE.glob("*/*.txt")} == {f"{path.name}.txt" for path in BODIES}


@pytest.mark.parametrize("source", Source)
def test_every_source_has_a_golden_body(source):
    """A new reader comes with what its provider sends."""
    said = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*/*.txt"))
    assert f"\n{source} " in f"\n{said}"
