"""What programs of other authors were seen to do, as docs/ tells it.

An `observed.json` has for each program a mapping of facts, each a text, a number or a list of
texts. A test says what it has seen; where that is not what stands there, the test fails, or the
file is written anew with `pytest --update-observed` and its folder (then run docs/generate.py).

| file                           | page                       |
|--------------------------------|----------------------------|
| tests/realserver/observed.json | docs/reference/servers.md  |
| tests/readers/observed.json    | docs/explanation/mime.md   |
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from tests.support import postfix

#: The option that writes the files anew.
UPDATE = "--update-observed"

Fact: TypeAlias = str | int | list[str]

#: What is another text each time, and what stands in its place.
VARYING = (
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? \w{3} \d{4} [\d:]{8} (?:[+-]\d{4}|\w+)", "DATE"),
    (r"\b[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}(?:\.\d+)?", "UUID"),
    (r"(?<=ready \()[0-9A-F]{6}(?=\))", "UUID"),
)


class Seen(Protocol):
    """A program of which something is written down."""

    @property
    def name(self) -> str:
        """What its section is called."""

    def version(self) -> str:
        """Which of its versions was seen."""


class Replying(Protocol):
    """A server whose replies are written down."""

    @property
    def varying(self) -> tuple[tuple[str, str], ...]:
        """What is another text in each reply, and what may stand in its place."""


class Observed:
    """A file; `update` says whether it is written instead of compared.

    `obstacle` skips the test, or fails it where the programs are required.
    """

    def __init__(
        self, file: Path, *, update: bool, obstacle: Callable[[str], None] = postfix.obstacle
    ) -> None:
        self._file = file
        self._update = update
        self._obstacle = obstacle

    def check(self, seen: Seen, **facts: Fact) -> None:
        """Hold these facts of a program against those that are written; `_` stands for a blank.

        Skips, or fails where the programs are required, where another version was seen.
        """
        facts = {name.replace("_", " "): value for name, value in facts.items()}
        version = seen.version()
        if self._update:
            self._write(seen.name, {**facts, "version": version})
        written = self.read().get(seen.name, {})
        if written.get("version") != version:
            self._obstacle(f"{self._file.name} is not about {seen.name} {version}")
        others = [
            f"{name}: seen {value!r}, written {written.get(name)!r}"
            for name, value in facts.items()
            if written.get(name) != value
        ]
        assert not others, f"{seen.name} is not as {self._file.name} says: " + "; ".join(others)

    def read(self) -> dict[str, dict[str, Fact]]:
        """Return the facts of each program; empty where nothing was written yet."""
        found: dict[str, dict[str, Fact]] = json.loads(self._file.read_text(encoding="utf-8"))
        return found

    def _write(self, name: str, facts: dict[str, Fact]) -> None:
        # Several workers may do so at once.
        with self._file.open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = json.load(file)
            known.setdefault(name, {}).update(facts)
            file.seek(0)
            file.truncate()
            json.dump(known, file, indent=2, sort_keys=True, ensure_ascii=False)
            file.write("\n")


def plain(server: Replying, reply: str, identifier: str = "") -> str:
    """Return a reply on one line, without what is another text each time.

    `identifier` is the server's id of a message, where the reply is about one.
    """
    text = " / ".join(line.rstrip() for line in reply.splitlines())
    if identifier:
        text = text.replace(identifier, "ID")
    for pattern, word in (*server.varying, *VARYING):
        text = re.sub(pattern, word, text)
    return text
