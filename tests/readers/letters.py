"""The letters that are read: of each shipped template, each example and the jobs beside this.

Each has the bytes that `run --dry-run` wrote and the content that the job gives, which has never
been written as MIME.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailbatch.delivery.inspection import inspect
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import read_inputs
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.render.message import Content
from tests.render.signing import key_of, pem

ROOT = Path(__file__).resolve().parents[2]
JOBS = Path(__file__).with_name("jobs")
#: As long as a job says what it is about: templates and examples write more of the same.
MOST_LETTERS = 4
#: The jobs beside this file differ in each row.
OWN = sorted(path.name for path in JOBS.iterdir())
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
#: The kind of key behind each selector of the job that signs.
SIGNED = {"rsa": "rsa", "ed": "ed25519"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A draft as `data` (CRLF line ends), and what its job says.

    `origin` is `templates/NAME`, `examples/NAME` or the name of a job beside this file.
    """

    origin: str
    address: str
    data: bytes
    content: Content

    @property
    def name(self) -> str:
        """What a failed test calls it."""
        return f"{self.origin} to {self.address}"

    @property
    def files(self) -> list[tuple[str, bytes]]:
        """Names and contents of all that is saved, in the order of the parts."""
        content = self.content
        return [(file.filename, file.data) for file in (*content.inline, *content.attachments)]


def write_letters(folder: Path) -> list[Letter]:
    """Write every letter into a folder, by dry runs of its job."""
    letters = []
    for kind in ("templates", "examples"):
        for job in sorted((ROOT / kind).glob("*/job.yaml")):
            origin = f"{kind}/{job.parent.name}"
            letters += _drafts(origin, job.parent, folder, most=MOST_LETTERS)
    for name in OWN:
        if name != "signed":
            letters += _drafts(name, JOBS / name, folder)
    for selector, kind in SIGNED.items():
        letters += _drafts(
            f"signed-{selector}", JOBS / "signed", folder, selector=selector, kind=kind
        )
    return letters


def _drafts(
    origin: str,
    source: Path,
    folder: Path,
    *,
    most: int | None = None,
    selector: str = "",
    kind: str = "",
) -> Iterator[Letter]:
    place = folder / origin
    shutil.copytree(source, place)
    if kind:
        (place / "key.pem").write_text(pem(key_of(kind)), encoding="utf-8")
        (place / "key.pem").chmod(0o600)
        job_file = place / "job.yaml"
        text = job_file.read_text(encoding="utf-8").replace("SELECTOR", selector)
        job_file.write_text(text, encoding="utf-8")
    job = load_job(place / "job.yaml", environ={})
    options = RunOptions(dry_run=True, out=place / "drafts", limit=most)
    summary = run(job, options, now=NOW, environ={})
    assert summary.failure is None, origin
    drafts = sorted((place / "drafts").glob("*.eml"))
    inputs = read_inputs(job, edition=None, variables={}, now=NOW, traced=True)
    with inspect(inputs) as inspection:
        contents = [
            (delivery.addresses[0], content)
            for delivery in itertools.islice(inspection.deliveries(), most)
            if (content := inspection.look(delivery).content) is not None
        ]
    for draft, (address, content) in zip(drafts, contents, strict=True):
        assert draft.stem.split("-", 1)[1] == address
        yield Letter(origin, address, draft.read_bytes(), content)
