"""What mail readers show and save is what the job says: `observed.json` has what each can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.readers.dovecot import Dovecot
from tests.readers.letters import Letter
from tests.readers.programs import Reader
from tests.readers.readers import READERS
from tests.readers.reading import Reading
from tests.support.observed import Observed

pytestmark = pytest.mark.reader


def plain(text: str) -> str:
    """The text without the line end that a reader may add or take away."""
    return text.rstrip("\n")


def differences(letter: Letter, reading: Reading, *, shows_files: bool) -> Iterator[str]:
    """Yield what a reader says otherwise than the job."""
    content = letter.content
    told = [
        ("subject", reading.subject, content.subject),
        ("sender", reading.sender, content.from_),
        ("to", _grouped(reading.to), _grouped(content.to)),
    ]
    if reading.text is not None:
        assert content.text is not None
        text = plain(content.text)
        shown = plain(reading.text)
        told.append(("text", shown[: len(text)] if shows_files else shown, text))
    if reading.html is not None:
        told.append(("html", plain(reading.html), plain(content.html or "")))
    for name, seen, wanted in told:
        if seen is not None and seen != wanted:
            yield f"{letter.name}: {name} is {seen!r}, and not {wanted!r}"
    if reading.files is not None:
        yield from _of_files(letter, reading)


def _grouped(text: str | None) -> str | None:
    # The blank in an empty group is a matter of taste.
    return None if text is None else text.replace(": ;", ":;")


def _of_files(letter: Letter, reading: Reading) -> Iterator[str]:
    wanted = dict(letter.files)
    seen = {file.name: file for file in reading.files or ()}
    if len(seen) != len(reading.files or ()) or seen.keys() != wanted.keys():
        yield f"{letter.name}: the files are {sorted(seen)}, and not {sorted(wanted)}"
    for name, file in seen.items():
        if file.data is not None and name in wanted and file.data != wanted[name]:
            yield f"{letter.name}: {name} is {file.data[:60]!r}, and not {wanted[name][:60]!r}"


def told_by(readings: Sequence[Reading]) -> list[str]:
    """Return what a reader says of letters at all."""
    found = {name for one in readings for name in one.__slots__ if getattr(one, name) is not None}
    if any(file.data is not None for one in readings for file in one.files or ()):
        found.add("contents")
    return sorted(found)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_reader_shows_what_the_job_says(
    reader: Reader, letters: Sequence[Letter], observed: Observed
) -> None:
    """Subject, names and addresses, texts, and each file under its name with its own content."""
    readings = reader.read(letters)
    assert len(readings) == len(letters)
    found = [
        difference
        for letter, reading in zip(letters, readings, strict=True)
        for difference in differences(letter, reading, shows_files=reader.shows_files)
    ]
    assert not found, "\n".join(found)
    observed.check(reader, tells=told_by(readings))


def test_text_files_say_their_character_set_and_calendars_their_method(
    letters: Sequence[Letter],
) -> None:
    """Dovecot's BODYSTRUCTURE calls a text us-ascii where nothing is said (RFC 2045 5.2)."""
    files = [
        (letter.name, file)
        for letter, reading in zip(letters, Dovecot().read(letters), strict=True)
        for file in reading.files or ()
        if file.type is not None and file.type.startswith("text/")
    ]
    assert files
    assert [(name, file.name) for name, file in files if file.charset != "utf-8"] == []
    calendars = [file.method for _, file in files if file.type == "text/calendar"]
    assert calendars
    assert set(calendars) == {"PUBLISH"}
