"""The folder of a dry run: the drafts of an earlier one are removed, and no other file is.

A draft that stays of a row that left the table would look like a message to somebody who is no
longer a recipient. This module must never remove a file that a dry run has not written.

Tests: tests/cli/test_run.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from mailbatch.errors import SYSTEM_REMEDIES, OutputError, UsageError

#: The name of a draft, `000001-ann@example.com.eml` (`transport.FileSession`).
_DRAFT = re.compile(r"[0-9]{6,}-[^/]*@[^/]*\.eml")


def clear_drafts(folder: Path) -> int:
    """Remove the drafts of an earlier dry run from a folder; return their number.

    Raises:
        UsageError: the folder holds messages that no dry run has written (2).
        OutputError: the folder cannot be read, or a draft cannot be removed (74).
    """
    try:
        if not folder.is_dir():
            return 0
        messages = [path for path in folder.iterdir() if path.suffix == ".eml" and path.is_file()]
        others = sorted(path.name for path in messages if not _DRAFT.fullmatch(path.name))
        if others:
            raise UsageError(
                f"{folder} holds messages of another origin: {others[0]}",
                hint="choose another --out for the dry run, or empty the folder",
            )
        for path in messages:
            path.unlink()
    except OSError as error:
        raise OutputError(
            f"cannot clear {folder}: {error.strerror}",
            hint=SYSTEM_REMEDIES.get(error.errno or 0, "choose another --out"),
        ) from error
    return len(messages)
