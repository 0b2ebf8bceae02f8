"""From the path of a job file to a `Job`, or to all mistakes of the file, each with a place.

Read, parse, interpolate, validate, and look whether the files that the job names are there. No
secret is resolved here, no template compiled, no table opened.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from mailbatch.errors import InputErrors, JobError, Location, raise_if_starved
from mailbatch.job.faults import add_model_errors
from mailbatch.job.files import add_file_errors, readable
from mailbatch.job.model import Job, Origin
from mailbatch.job.reading import Reading, read
from mailbatch.job.source import Source
from mailbatch.job.yaml_errors import SyntaxFault
from mailbatch.job.yaml_tree import parse
from mailbatch.suggest import nearest

MAX_BYTES = 1024 * 1024
#: The most files that a hint names.
_LISTED = 5
_START = "mailbatch init writes a job to start from."
_NO_DASHES = "Leave the dashes at the begin of the lines out."


#: The keys that name a table or the form of one.
_TABLE = frozenset({"file", "command", "sheet", "header_row", "hidden_rows"})


def load_job(
    path: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    look: bool = True,
    table: object | None = None,
) -> Job:
    """Read a job file.

    Messages show `path` unchanged; `environ` has the values for `${NAME}`. Without `look` the files
    that the job names need not be there. A `table` takes the place of the one that the job names.

    Raises:
        InputErrors: all mistakes, as `JobError`s in the order of the file.
    """
    source = Source(str(path), _text(path))
    return job_of(_reading(source, environ), path, look=look, table=table)


def job_of(reading: Reading, path: Path, *, look: bool, table: object | None) -> Job:
    """Return the job of a reading whose data is a mapping; `path` names the job.

    Raises:
        InputErrors: all mistakes, as `JobError`s in the order of the places.
    """
    job = None
    if table is not None:
        named = reading.data.setdefault("recipients", {})
        if isinstance(named, dict):
            reading.data["recipients"] = {k: v for k, v in named.items() if k not in _TABLE}
    try:
        job = Job.model_validate(reading.data, context=Origin(path, reading.locations(), table))
    except ValidationError as error:
        add_model_errors(error, reading)
    add_file_errors(reading, path.absolute().parent, look=look)
    if job is None or reading.faults:
        raise InputErrors(reading.errors())
    return job


def _reading(source: Source, environ: Mapping[str, str]) -> Reading:
    try:
        root = parse(source)
    except SyntaxFault as error:
        fault = error.fault
        raise _alone(fault.message, source.location(fault.start), fault.hint) from None
    if root is None:
        raise _alone("is empty", Location(source.path), _START)
    reading = read(root, source, environ)
    if not isinstance(reading.data, dict):
        if not reading.faults:
            hint = _NO_DASHES if isinstance(reading.data, list) else _START
            reading.add(root.start, (), "a job must be a mapping of keys", hint)
        raise InputErrors(reading.errors())
    return reading


def _alone(message: str, location: Location, hint: str | None = None) -> InputErrors:
    return InputErrors([JobError(message, location=location, hint=hint)])


def _text(path: Path) -> str:
    """Read the file; a byte order mark is left out."""
    here = Location(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _alone("there is no such file", here, _beside(path) or _START) from None
    except IsADirectoryError:
        raise _alone("is a folder, not a job file", here, _inside(path)) from None
    except (OSError, ValueError) as error:
        raise_if_starved(error)
        reason = getattr(error, "strerror", None) or "not a path"
        hint = readable(error) if isinstance(error, OSError) else _START
        raise _alone(f"cannot be read: {reason}", here, hint) from None
    if len(content) > MAX_BYTES:
        raise _alone("is larger than 1 MiB", here, "Is this the job file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        place = Source(str(path), before).location(len(before))
        location = Location(str(path), place.line, place.column)
        raise _alone("is not UTF-8", location, "Save it as UTF-8.") from None


def _beside(path: Path) -> str | None:
    """Name the job file that a name probably means."""
    near = nearest(path.name, (found.name for found in _jobs(path.parent)))
    return f"Did you mean {path.with_name(near)}?" if near else None


def _inside(path: Path) -> str:
    """Name the job files of a folder, one of which is probably meant."""
    found = _jobs(path)
    if len(found) == 1:
        return f"Did you mean {found[0]}?"
    return f"Name one of {', '.join(map(str, found[:_LISTED]))}." if found else _START


def _jobs(folder: Path) -> list[Path]:
    """Return the files of a folder that may be jobs."""
    return sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))
