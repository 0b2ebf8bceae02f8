"""What the servers were seen to do, as docs/reference/servers.md tells it.

`observed.json` has for each server a mapping of facts, each a text, a number or a list of texts. A
test says what it has seen; where that is not what stands there, the test fails, or the file is
written anew with `pytest --update-observed tests/realserver` (then run docs/generate.py).
"""

from __future__ import annotations

import fcntl
import json
import re
from pathlib import Path
from typing import Protocol, TypeAlias

from tests.support.postfix import obstacle

FILE = Path(__file__).with_name("observed.json")

Fact: TypeAlias = str | int | list[str]

#: What is another text each time, and what stands in its place.
VARYING = (
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? \w{3} \d{4} [\d:]{8} (?:[+-]\d{4}|\w+)", "DATE"),
    (r"\b[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}(?:\.\d+)?", "UUID"),
    (r"(?<=ready \()[0-9A-F]{6}(?=\))", "UUID"),
)


class Seen(Protocol):
    """A server of which something is written down."""

    @property
    def name(self) -> str:
        """What its section is called."""

    @property
    def varying(self) -> tuple[tuple[str, str], ...]:
        """What is another text in each reply, and what may stand in its place."""

    def version(self) -> str:
        """Which of its versions was seen."""


class Observed:
    """The file; `update` says whether it is written instead of compared."""

    def __init__(self, *, update: bool) -> None:
        self._update = update

    def check(self, server: Seen, **facts: Fact) -> None:
        """Hold these facts of the server against those that are written; `_` stands for a blank.

        Skips, or fails where real servers are required, where another version was seen.
        """
        facts = {name.replace("_", " "): value for name, value in facts.items()}
        version = server.version()
        if self._update:
            _write(server.name, {**facts, "version": version})
        written = read().get(server.name, {})
        if written.get("version") != version:
            obstacle(f"{FILE.name} is not about {server.name} {version}")
        others = [
            f"{name}: seen {value!r}, written {written.get(name)!r}"
            for name, value in facts.items()
            if written.get(name) != value
        ]
        assert not others, f"{server.name} is not as {FILE.name} says: " + "; ".join(others)


def read() -> dict[str, dict[str, Fact]]:
    """Return the facts of each server; empty where nothing was written yet."""
    found: dict[str, dict[str, Fact]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def _write(server: str, facts: dict[str, Fact]) -> None:
    # Several workers may do so at once.
    with FILE.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = json.load(file)
        known.setdefault(server, {}).update(facts)
        file.seek(0)
        file.truncate()
        json.dump(known, file, indent=2, sort_keys=True, ensure_ascii=False)
        file.write("\n")


def plain(server: Seen, reply: str, identifier: str = "") -> str:
    """Return a reply on one line, without what is another text each time.

    `identifier` is the server's id of a message, where the reply is about one.
    """
    text = " / ".join(line.rstrip() for line in reply.splitlines())
    if identifier:
        text = text.replace(identifier, "ID")
    for pattern, word in (*server.varying, *VARYING):
        text = re.sub(pattern, word, text)
    return text
