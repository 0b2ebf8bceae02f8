"""A folder of previewed messages: one .eml file each, under a name that stays.

    write_messages(Path("letters"), [(2, "ann@example.org", b"From: ...")])
    # letters/000002-ann@example.org.eml, and letters/preview-eml.json

A name is the line of the first row in the table and the first address, so that a message has the
same name in each preview. The manifest lists the files: those of an earlier preview give way. This
module must never replace or remove a file that is on no such list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from mailbatch.errors import UsageError, raise_if_starved
from mailbatch.files import cannot_write, write_text
from mailbatch.look.folder import check_place

#: The file that makes a folder one of previewed messages.
MANIFEST = "preview-eml.json"
_NAME = re.compile(r"[0-9]{6,}-[^/\\\0]*\.eml")
_LONGEST_ADDRESS = 80  # characters


def check_eml_place(out: Path) -> None:
    """Refuse a folder with other files than those of an earlier preview.

    Raises:
        UsageError: the folder has other files, or `out` is no folder.
    """
    check_place(out, MANIFEST, "earlier previewed messages", "--eml")


def write_messages(out: Path, messages: Iterable[tuple[int, str, bytes]]) -> int:
    """Write messages, each of (line, first address, bytes), and return the number.

    Raises:
        UsageError: the folder has other files in it.
        OutputError: the folder cannot be written (74).
    """
    check_eml_place(out)
    files = {eml_name(line, address): content for line, address, content in messages}
    place = out
    try:
        out.mkdir(parents=True, exist_ok=True)
        earlier = _listed(out)
        taken = sorted(name for name in files.keys() - earlier if (out / name).exists())
        if taken:
            raise UsageError(
                f"{out / taken[0]} is no message of an earlier preview",
                hint="choose another folder for --eml, or move that file away",
            )
        _list(out, earlier | files.keys())  # a process that is killed leaves no file off the list
        for name, content in files.items():
            place = out / name
            place.unlink(missing_ok=True)  # a link would lead elsewhere
            place.write_bytes(content)
        for name in earlier - files.keys():
            (out / name).unlink(missing_ok=True)
        _list(out, files)
    except OSError as error:
        raise_if_starved(error)
        raise cannot_write(place, error, "--eml") from error
    return len(files)


def eml_name(line: int, address: str) -> str:
    """Return the name of the file of a message.

    >>> eml_name(2, "a/b@example.org"), eml_name(12, "..@example.org")
    ('000002-a_b@example.org.eml', '000012-..@example.org.eml')
    """
    safe = "".join(c if c.isalnum() or c in "@.+-_" else "_" for c in address)[:_LONGEST_ADDRESS]
    return f"{line:06d}-{safe}.eml"


def _listed(out: Path) -> set[str]:
    """Return the files on the list of a folder; a list from elsewhere names nothing outside."""
    try:
        names = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return set()
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{out / MANIFEST} is damaged", hint="choose another --eml, or empty the folder"
        ) from error
    return {name for name in names if isinstance(name, str) and _NAME.fullmatch(name)}


def _list(out: Path, names: Iterable[str]) -> None:
    text = json.dumps({"files": sorted(names)}, ensure_ascii=False, indent=1)
    write_text(out / MANIFEST, f"{text}\n")
