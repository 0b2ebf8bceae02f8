"""The table of the programs that read letters in tests, with what each was seen to do."""
# ruff: noqa: INP001 - a part of the script beside it

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_OBSERVED = Path(__file__).resolve().parents[1] / "tests" / "readers" / "observed.json"
#: What each program is, beside its name.
_KINDS = {
    "Dovecot": "an IMAP server: envelope, structure, decoded parts",
    "mblaze": "a mail reader for the shell",
    "mutt": "a mail reader for the terminal",
    "notmuch": "a mail index, by GMime, which GNOME's mail readers use",
    "OpenDKIM": "a verifier of signatures",
    "ripMIME": "what gateways and importers of documents save files with",
    "SpamAssassin": "a spam filter, with the rules that need no network",
}
_TOLD = {
    "subject": "subject",
    "sender": "sender",
    "to": "names and addresses",
    "text": "text",
    "html": "HTML",
    "files": "file names",
    "contents": "contents of files",
}


def readers() -> str:
    """Write a row for each program: its version, what it is, and what it says of the letters."""
    seen = json.loads(_OBSERVED.read_text(encoding="utf-8"))
    lines = ["| program | what it is | what it says |", "|---|---|---|"]
    lines += [
        f"| {name} {seen[name]['version']} | {_KINDS[name]} | {_said(seen[name])} |"
        for name in sorted(seen, key=str.lower)
    ]
    return "\n".join(lines)


def _said(facts: dict[str, Any]) -> str:
    if "verifies" in facts:
        return f"the signatures hold: {', '.join(facts['verifies'])}"
    if "scores" in facts:
        return _scores(facts["scores"])
    told = facts["tells"]
    return ", ".join(word for name, word in _TOLD.items() if name in told)


def _scores(scores: list[str]) -> str:
    """Group templates and examples by their points, the fewest points first."""
    by_points: dict[str, list[str]] = {}
    for score in scores:
        origin, points = score.rsplit(" ", 1)
        by_points.setdefault(points, []).append(f"`{origin}`")
    ordered = sorted(by_points.items(), key=lambda item: float(item[0]))
    return "; ".join(f"{points} points: {', '.join(origins)}" for points, origins in ordered)
