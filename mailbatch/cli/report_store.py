"""The store of reports in a state folder, for the commands that may be the first to write there.

Tests: tests/cli/test_reports.py, tests/cli/test_reports_serve.py.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.errors import StoreError


def store_to_write(folder: Path) -> Path:
    """Return the file of the store in a state folder; make the folder where there is none.

    Raises:
        StoreError: the folder cannot be made (74).
    """
    from mailbatch.reports.store import FILE_NAME

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}", hint="set --state-dir") from error
    return folder / FILE_NAME
