"""The files of the page: static, opened by a double click, without network and without a build.

    index.html              all figures, as HTML: nothing of them needs a script
    figures.js              the figures over time, for the picture, and the number of list files
    recipients/0001.js      some thousand recipients of the list each
    assets/                 scripts and styles, and uPlot with its licence
    reports-page.json       the manifest: job, edition and time of the page

The page is written beside its place and then moved there. Equal recipients at an equal time give
equal bytes: this module must never look at a clock.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mailbatch.errors import raise_if_starved
from mailbatch.files import unwritable
from mailbatch.ledger.rows import ResultRow
from mailbatch.look.folder import add_assets, move
from mailbatch.look.folder import check_place as check_folder
from mailbatch.look.markup import script
from mailbatch.reports.standings import RecipientStanding
from mailbatch.reports_page.figures import About, Figures
from mailbatch.reports_page.index_page import index_page
from mailbatch.reports_page.listing import RECIPIENTS_A_FILE, Listed, list_file
from mailbatch.reports_page.times import series_of
from mailbatch.times import iso_time

ASSETS = Path(__file__).parent / "assets"
MANIFEST = "reports-page.json"
_INDEX = "index.html"
#: The files and folders of the page.
OWN = (MANIFEST, _INDEX, "figures.js", "recipients", "assets")
_FORMAT = 1


def check_place(out: Path) -> None:
    """Refuse a folder with other files than those of a page of reports.

    Raises:
        UsageError: the folder has other files, or `out` is no folder.
    """
    check_folder(out, MANIFEST, "an earlier page of reports")


def write_page(
    out: Path, about: About, recipients: Iterable[tuple[ResultRow, RecipientStanding | None]]
) -> Path:
    """Write the page of an edition into a folder, and return the path of the index.

    `recipients` are all rows of the edition, each with its standing, None where there is no report.
    `out` is unchanged until all files are written.

    Raises:
        UsageError: `out` has other files in it, or is no folder (2).
        OutputError: `out` cannot be written (74).
    """
    check_place(out)
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".page-", dir=out))
        try:
            _write(made, about, recipients)
            move(made, out, OWN)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return out / _INDEX


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise_if_starved(error)
        raise unwritable(out / _INDEX, error, "--out") from error


def _write(
    folder: Path, about: About, recipients: Iterable[tuple[ResultRow, RecipientStanding | None]]
) -> None:
    (folder / "recipients").mkdir()
    add_assets(folder, ASSETS)
    figures = Figures(about.as_of)
    files = 0
    for files, listed in enumerate(_lots(figures, recipients), start=1):
        _text(folder / "recipients" / f"{files:04}.js", list_file(files, listed))
    data: dict[str, Any] = {"recipients": figures.recipients, "files": files}
    series = series_of(figures)
    if series is not None:
        data["times"] = series.as_object()
    _text(folder / "figures.js", script("mailbatchFigures", data))
    _text(folder / _INDEX, index_page(about, figures))
    manifest = {
        "format": _FORMAT,
        "job": about.job,
        "edition": about.edition,
        "as_of": iso_time(about.as_of),
    }
    _text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def _lots(
    figures: Figures, recipients: Iterable[tuple[ResultRow, RecipientStanding | None]]
) -> Iterator[list[Listed]]:
    """Count the recipients, and yield the list in lots, each for one file."""
    lot: list[Listed] = []
    for row, standing in recipients:
        lot.append((row, standing, figures.add(row, standing)))
        if len(lot) == RECIPIENTS_A_FILE:
            yield lot
            lot = []
    if lot:
        yield lot


def _text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "xmlcharrefreplace"))
