"""The verification of an evidence: every file, and every fact against the others.

    verify(Path("evidence"))        # Verified(address='ann@example.com', …), or raises

The same is checked by the shell on the page about evidence, which shares nothing with this module.
No file is held in memory but the facts, the block and the message. This module must never write.

Tests: tests/cli/test_evidence.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from mailbatch.errors import InputError, Location, UsageError
from mailbatch.evidence import chain
from mailbatch.evidence.folder import CHAIN, FACTS, FORMAT, MESSAGE, ROWS, SUMS, sums_of
from mailbatch.frozen import frozen

_HINT = "this is not what was written: ask for the evidence again"
_PIECES = b"mailbatch content in pieces, 1\0"


@frozen
class Verified:
    """An evidence that fits: the recipient, the status, and the head of the chain.

    The chain binds `key`, which is the address in lower case where the table has no keys.

    `message` says whether the bytes are there; `rows` is the number of rows of the edition.
    """

    job: str
    edition: str
    address: str
    key: str
    status: str
    message: bool
    rows: int
    head: str


def verify(folder: Path) -> Verified:
    """Check an evidence.

    Raises:
        UsageError: the folder has no evidence, or cannot be read (2).
        InputError: a file is not the one that was written, or two do not fit (65).
    """
    try:
        return _verify(folder)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: {error.strerror}", hint="name a folder of evidence"
        ) from error


def _verify(folder: Path) -> Verified:
    if not folder.is_dir() or not (folder / FACTS).is_file():
        raise UsageError(f"{folder} has no {FACTS}", hint="name a folder of evidence")
    known = {FACTS, MESSAGE, ROWS, CHAIN, SUMS}
    for path in sorted(folder.iterdir()):
        if path.name not in known:
            raise _wrong(path, "is no file of an evidence")
    sums = sums_of(folder).encode()
    written = (folder / SUMS).read_bytes()
    if written != sums:
        others = [line for line in sums.splitlines() if line not in written.splitlines()]
        names = ", ".join(line.split()[1].decode() for line in others)
        raise _wrong(folder / SUMS, f"does not have the sums of the files{names and f': {names}'}")
    facts = _facts(folder / FACTS)
    try:
        return _compare(folder, facts)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise _wrong(folder / FACTS, "lacks a fact, or has one of another kind") from None


def _facts(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise _wrong(path, "is no JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _wrong(path, f"is not of the format {FORMAT}")
    return found


def _compare(folder: Path, facts: dict[str, Any]) -> Verified:
    lines = (folder / ROWS).read_bytes().decode("ascii")
    number, number_of_rows = facts["row"], facts["chain"]["rows"]
    place, block = (number - 1) % chain.BLOCK, (number - 1) // chain.BLOCK
    wanted = min(chain.BLOCK, number_of_rows - block * chain.BLOCK)
    rows = lines.splitlines(keepends=True)
    if not 1 <= number <= number_of_rows or len(rows) != wanted:
        raise _wrong(folder / ROWS, "has another number of rows")
    if rows[place] != _line(facts):
        raise _wrong(folder / ROWS, "says something else of the recipient", place + 1)
    _check_message(folder, facts["message"])
    _check_chain(folder / CHAIN, facts, block, chain.digest_of_block(lines))
    return Verified(
        facts["job"],
        facts["edition"],
        facts["recipient"]["address"],
        facts["recipient"]["key"],
        facts["status"],
        facts["message"]["file"] is not None,
        number_of_rows,
        facts["chain"]["head"],
    )


def _line(facts: dict[str, Any]) -> str:
    """Return the line that the facts say: name, digest, status, code and time."""
    who = facts["recipient"]
    key = sha256(f"{who['salt']} {who['key']}".encode(errors="surrogatepass")).hexdigest()
    said = (facts["message"]["digest"], facts["status"], facts["reply"]["code"])
    return f"{' '.join([key, *map(_or_none, said), _or_none(facts['settled_at'])])}\n"


def _or_none(fact: object) -> str:
    return "-" if fact is None else str(fact)


def _check_message(folder: Path, said: dict[str, Any]) -> None:
    path = folder / MESSAGE
    if (said["file"] is not None) != path.exists():
        raise _wrong(path, "is there, or is missing, against what the facts say")
    if said["file"] is None:
        return
    data = path.read_bytes()
    if sum(said["pieces"]) != len(data) or _digest(data, said["pieces"]) != said["digest"]:
        raise _wrong(path, "is another message: its digest is not that of the commit point")


def _digest(data: bytes, sizes: Iterable[int]) -> str:
    """Return the digest of a content in pieces of these sizes, in bytes (module octets)."""
    digests, begin = [], 0
    for size in sizes:
        digests.append(sha256(data[begin : begin + size]).digest())
        begin += size
    if len(digests) == 1:
        return digests[0].hex()
    return hashlib.sha256(_PIECES + b"".join(digests)).hexdigest()


def _check_chain(path: Path, facts: dict[str, Any], own: int, digest: str) -> None:
    head, number = chain.beginning(facts["job"], facts["edition"]), 0
    with path.open(encoding="ascii", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            block, _, told = line.partition(" ")
            head = chain.linked(head, block)
            if told != f"{head}\n":
                raise _wrong(path, "the chain is broken", number)
            if number - 1 == own and block != digest:
                raise _wrong(path, f"has another block than {ROWS}", number)
    if (number, head) != (facts["chain"]["blocks"], facts["chain"]["head"]) or number <= own:
        raise _wrong(path, "ends with another head, or after another number of blocks")
    if number != -(-facts["chain"]["rows"] // chain.BLOCK):
        raise _wrong(path, "has another number of blocks than the rows fill")


def _wrong(path: Path, words: str, line: int | None = None) -> InputError:
    return InputError(words, location=Location(str(path), line), hint=_HINT)
