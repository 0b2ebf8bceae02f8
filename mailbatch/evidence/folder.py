"""The files of an evidence, and the way into a folder.

    evidence.json   the facts: recipient, status, reply, times, reports, digests
    message.eml     the very bytes of the content, where they could be made again
    rows.txt        the block of the chain that the recipient's row stands in
    chain.txt       digest and head of each block
    SHA256SUMS      the SHA-256 of each of these files, as sha256sum prints sums

The files are written beside the folder and then moved there, so that a folder is whole or not
there. This module must never write over a folder.

Tests: tests/cli/test_evidence.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailbatch.errors import UsageError, raise_if_starved
from mailbatch.files import unwritable

FACTS, MESSAGE, ROWS, CHAIN, SUMS = (
    "evidence.json", "message.eml", "rows.txt", "chain.txt", "SHA256SUMS",
)  # fmt: skip
#: The version of the format goes up where a verifier could be wrong.
FORMAT = "mailbatch evidence 1"


def check_place(out: Path) -> None:
    """Refuse a folder that is there and not empty.

    Raises:
        UsageError: `out` has files, or is no folder.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(
            f"{out} is there already, and evidence is never written over",
            hint="name another folder with --out",
        )


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give a folder beside `out` to write the files in; moved to `out` once the block ends well.

    Raises:
        UsageError: `out` is there, or came meanwhile (2).
        OutputError: a file cannot be written (74).
    """
    check_place(out)
    made = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        yield made
        made.chmod(0o700)
        os.rename(made, out)  # noqa: PTH104 - over an empty folder alone
    except OSError as error:
        raise_if_starved(error)
        raise unwritable(out, error, "--out") from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def write_files(folder: Path, facts: Mapping[str, Any], block: str, message: bytes | None) -> None:
    """Write the files beside the chain, and the sums of all; raises OSError."""
    (folder / ROWS).write_bytes(block.encode())
    if message is not None:
        (folder / MESSAGE).write_bytes(message)
    text = json.dumps(facts, indent=1)
    (folder / FACTS).write_bytes(f"{text}\n".encode())
    (folder / SUMS).write_bytes(sums_of(folder).encode())


def sums_of(folder: Path) -> str:
    """Return the sums of the files of a folder, as sha256sum prints sums; raises OSError."""
    names = [name for name in (FACTS, MESSAGE, ROWS, CHAIN) if (folder / name).exists()]
    return "".join(f"{_digest(folder / name)}  {name}\n" for name in names)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
