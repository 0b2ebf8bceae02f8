"""The table of client support: what each mail client shows of HTML and CSS, by caniemail's tests.

    support = client_support()
    support.features["css-display-flex"].tests[5]     # Tested("n", "2019, by 2021-11", ())

The table is `client_support.json` beside this module, made by docs/client_support.py of the data of
www.caniemail.com (MIT, client_support.LICENSE.txt). This module must never judge a letter.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from mailbatch.frozen import frozen

_FILE = Path(__file__).parent / "client_support.json"
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


@frozen
class Tested:
    """The last test of a feature in a client.

    `verdict` is `y` (shown), `a` (in part), `n` (not shown), `u` (not tested). `notes` say in which
    part. `when` is the month of the test, or the version that was tested with the month by which it
    was.
    """

    verdict: str
    when: str
    notes: tuple[str, ...]


@frozen
class Feature:
    """A feature of HTML or CSS: the title for people, and one test for each client of the table."""

    slug: str
    title: str
    tests: tuple[Tested, ...]


@frozen
class Client:
    """A mail client: the name, and the words for all clients of the family."""

    name: str
    family: str


@frozen
class ClientSupport:
    """The table: the clients by share, the features by slug, `date` (YYYY-MM-DD) of the data."""

    date: str
    clients: tuple[Client, ...]
    features: dict[str, Feature]


@cache
def client_support() -> ClientSupport:
    """Return the table, which is read once."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    features = {slug: _feature(slug, one) for slug, one in data["features"].items()}
    return ClientSupport(data["date"], tuple(Client(*one) for one in data["clients"]), features)


def _feature(slug: str, given: dict[str, Any]) -> Feature:
    notes, tested = given.get("notes", {}), given["tested"]
    tests = tuple(_tested(written, notes, tested) for written in given["tests"])
    return Feature(slug, given["title"], tests)


def _tested(written: str, notes: dict[str, str], tested: str) -> Tested:
    """Read a test such as `a 16.80 #1`; `tested` is the month of the feature's last test."""
    verdict, key, *numbers = (*written.split(), "", "")[: max(2, len(written.split()))]
    when = key if _MONTH.fullmatch(key) else f"{key}, by {tested}"
    told = (notes.get(number.removeprefix("#")) for number in numbers)
    return Tested(verdict or "u", when, tuple(filter(None, told)))
