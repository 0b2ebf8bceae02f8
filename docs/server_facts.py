"""The page of real servers: announcements and replies that the tests of these servers have seen."""
# ruff: noqa: INP001 - a part of the script beside it

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_OBSERVED = Path(__file__).resolve().parents[1] / "tests" / "realserver" / "observed.json"
#: What each server is asked, in this order; what belongs to some of them comes behind it.
_ASKED = {
    "greeting": "a connection",
    "MAIL": "`MAIL`",
    "RCPT": "`RCPT`",
    "RCPT refused": "`RCPT` of somebody who is refused",
    "RCPT elsewhere": "`RCPT` of a domain that it does not relay to",
    "DATA": "`DATA`",
    "DATA for nobody": "`DATA` where all recipients were refused",
    "end of data": "the end of data",
    "RSET": "`RSET`",
    "QUIT": "`QUIT`",
    "MAIL beyond SIZE": "`MAIL` with a `SIZE` that is too large",
    "MAIL without AUTH": "`MAIL` where it wants AUTH",
    "wrong password": "AUTH with a wrong password",
}


def servers() -> str:
    """Write the announcements and replies of each real server of the tests."""
    seen = json.loads(_OBSERVED.read_text(encoding="utf-8"))
    return "\n\n".join(_server(name, seen[name]) for name in sorted(seen, key=str.lower))


def _server(name: str, facts: dict[str, Any]) -> str:
    announced = ", ".join(f"`{word}`" for word in facts["announces"])
    lines = [f"## {name} {facts['version']}", "", f"It announces {announced}.", ""]
    if "content by" in facts:
        (way,) = facts["content by"]
        lines[2] += f" The content goes by `{way}`."
    lines += ["| it is told | it answers |", "|---|---|"]
    limits = sorted(fact for fact in facts if fact.startswith("limit: "))
    headers = sorted(fact for fact in facts if fact.startswith("header: "))
    asked = {**_ASKED, **{limit: _limit(limit) for limit in limits}}
    asked |= {header: header.replace("header: ", "a header of ") for header in headers}
    lines += [
        f"| {word[:1].upper()}{word[1:]} | {_reply(facts[fact])} |"
        for fact, word in asked.items()
        if fact in facts
    ]
    return "\n".join(lines)


def _limit(fact: str) -> str:
    """Turn `limit: RCPT 101 of a message` into the command that the server got."""
    kind, number, rest = fact.removeprefix("limit: ").split(" ", 2)
    kind = f"`{kind}`" if kind.isupper() else kind
    return f"{kind} number {number} {rest}"


def _reply(text: str) -> str:
    """Write the lines of a reply, each as code, and a remark in brackets as it is."""
    return "<br>".join(
        line if line.startswith("(") else f"`{line}`".replace("|", "\\|")
        for line in text.split(" / ")
    )
