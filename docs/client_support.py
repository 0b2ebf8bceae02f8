"""The table of client support, mailbatch/preview/client_support.json, made of caniemail's data.

    npm pack caniemail@2.0.2 && tar xzf caniemail-2.0.2.tgz
    python docs/client_support.py package/dist/data/caniemail.json

The data are those of www.caniemail.com (MIT, Rémi Parmentier), as the package carries them. Of each
feature the last test of each client counts, and that is the last in the file: the keys of tests
are months, versions of a program and names of products, which no order puts in line (`16.80` of
Outlook for Mac came years after `2016`). Features that every client here shows are left out.
"""
# ruff: noqa: INP001 - a script beside the pages, run from a checkout

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "mailbatch" / "preview" / "client_support.json"
#: The clients of the table, in the order of the opens that Litmus counted from 2021 to 2026.
CLIENTS = {
    "apple-mail.ios": "Apple Mail on iPhone",
    "apple-mail.macos": "Apple Mail on Mac",
    "gmail.desktop-webmail": "Gmail on the web",
    "gmail.android": "Gmail on Android",
    "gmail.ios": "Gmail on iPhone",
    "outlook.windows": "Outlook for Windows, classic",
    "outlook.outlook-com": "Outlook.com and the new Outlook",
    "outlook.macos": "Outlook for Mac",
    "outlook.ios": "Outlook on iPhone",
    "yahoo.desktop-webmail": "Yahoo on the web",
    "samsung-email.android": "Samsung Email",
    "gmx.desktop-webmail": "GMX on the web",
    "web-de.desktop-webmail": "WEB.DE on the web",
    "thunderbird.macos": "Thunderbird",
}
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_BEGIN = re.compile(
    r"^(?:Partial(?:ly supported| support)?|Buggy|Partial and buggy|Not supported)[.:] +"
)
_SEE = re.compile(r" ?\(?See (?:email-bugs|issue)? ?#\d+\.?\)?\.?")
#: The words for all clients of a family that has several here.
FAMILIES = {"apple-mail": "Apple Mail", "gmail": "Gmail", "outlook": "Outlook"}
#: Features that say nothing to the author of a letter.
_LEFT_OUT = frozenset(("amp", "bimi", "html-body", "html-doctype", "css-comments"))
_NUMBER = re.compile(r"#(\d+)")


def table(data: dict[str, Any]) -> dict[str, Any]:
    """Return the table as an object of JSON; a test is `y`, `a`, `n` or `u`, its key, its notes."""
    features = {}
    for one in sorted(data["data"], key=lambda one: one["slug"]):
        tests = [_last(one["stats"], client) for client in CLIENTS]
        if one["slug"] in _LEFT_OUT or all(test[:1] in {"", "u", "y"} for test in tests):
            continue
        used = sorted({int(n) for test in tests for n in _NUMBER.findall(test)})
        given = one["notes_by_num"] or {}  # some tests name a note that was never written
        notes = {str(n): _plain(given[str(n)]) for n in used if str(n) in given}
        features[one["slug"]] = {
            "title": one["title"].strip(),
            "tested": one["last_test_date"][:7],
            "tests": tests,
            **({"notes": notes} if notes else {}),
        }
    date = data["last_update_date"][:10]
    clients = [[name, FAMILIES.get(key.split(".")[0], name)] for key, name in CLIENTS.items()]
    return {"source": "caniemail", "date": date, "clients": clients, "features": features}


def _last(stats: dict[str, Any], client: str) -> str:
    family, platform = client.split(".")
    tests = stats.get(family, {}).get(platform, {})
    if not tests:
        return ""
    key = list(tests)[-1]
    verdict, *numbers = tests[key].split()
    return " ".join((verdict, key, *numbers))


def _plain(note: str) -> str:
    """Return a note without links, and without the word that the verdict says already."""
    bare = _LINK.sub(r"\1", note)
    return _BEGIN.sub("", _SEE.sub("", bare)).strip()


def main(arguments: list[str]) -> int:
    """Write the table out of the file that is named; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}")
        return 2
    data = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    made = table(data)
    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in made.items()
             if k != "features"]  # fmt: skip
    features = ",\n".join(
        f"{json.dumps(slug)}: {json.dumps(one, ensure_ascii=False)}"
        for slug, one in made["features"].items()
    )
    head = ",\n".join(lines)
    TABLE.write_text(f'{{{head},\n"features": {{\n{features}\n}}}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
