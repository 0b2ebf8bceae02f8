"""The place of a ledger in a database, and the refusal of a URL that leads there unverified.

    place = place_in("postgresql://db.example.com/mail?sslmode=verify-full", "news", "48")
    place = place_in("postgresql:///mail", "news", "48")        # a unix socket of this machine

A URL is shown without its password (`shown`). This module must never connect.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

from mailbatch.errors import JobError

SCHEMES = ("postgresql", "postgres")
_VERIFIED = "verify-full"
_READABLE = 16  # characters of job and edition in the name of a schema


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a ledger: the URL of a database, and the schema of the edition in there."""

    url: str
    schema: str

    def __str__(self) -> str:
        return f"{shown(self.url)} ({self.schema})"


def place_in(url: str, job: str, edition: str) -> Place:
    """Return the place of the ledger of an edition; the name of the schema needs no quotes in SQL.

    >>> place_in("postgresql:///mail", "News", "2026-W48").schema
    'mailbatch_news_2026_w48_194a6f4dea2a'

    Raises:
        JobError: the URL is not to be used (78).
    """
    check_address(url)
    told = hashlib.sha256(json.dumps([job, edition]).encode()).hexdigest()[:12]
    words = (re.sub("[^a-z0-9]+", "_", word.lower())[:_READABLE] for word in (job, edition))
    return Place(url, "_".join(("mailbatch", *words, told)))


def is_address(text: str) -> bool:
    """Say whether a text is the URL of a PostgreSQL database.

    >>> is_address("postgresql://db/mail"), is_address("state/news.sqlite3")
    (True, False)
    """
    return text.partition("://")[0] in SCHEMES


def shown(url: str) -> str:
    """Return a URL as messages name it: no password, no parameters.

    >>> shown("postgresql://ann:secret@db.example.com:5433/mail?sslmode=verify-full")
    'postgresql://ann@db.example.com:5433/mail'
    """
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit((parts.scheme, f"{name}@{hosts}" if name else hosts, parts.path, "", ""))


def check_address(url: str) -> None:
    """Refuse a URL that is none, or that leads over a network without a verified certificate.

    Raises:
        JobError: the URL is not to be used (78).
    """
    if not is_address(url):
        raise JobError(
            f"{url!r} is not the URL of a ledger",
            hint="postgresql://HOST/DATABASE is one; see https://www.postgresql.org/docs/current"
            "/libpq-connect.html#LIBPQ-CONNSTRING-URIS",
        )
    try:
        given = parse_qs(urlsplit(url).query, keep_blank_values=True)
        far = [host for host in _hosts(url, given) if not _is_here(host)]
    except ValueError as error:
        raise JobError(f"the URL of the ledger cannot be read: {error}") from None
    mode = given.get("sslmode", [os.environ.get("PGSSLMODE", "")])[-1]
    if far and mode != _VERIFIED:
        raise JobError(
            f"{shown(url)}: the connection to {far[0]} would not be verified",
            hint="add sslmode=verify-full to the URL, and sslrootcert=FILE for a CA of your own",
        )


def _hosts(url: str, given: dict[str, list[str]]) -> Iterator[str]:
    """Yield each host that the URL, or the environment in its place, leads to."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    named = netloc or ",".join(given.get("host", ())) or os.environ.get("PGHOST", "")
    if not named and ("service" in given or os.environ.get("PGSERVICE")):
        yield "the host of the service"
        return
    for place in named.split(",") if named else ():
        if place.startswith("["):
            yield place[1:].partition("]")[0]
        else:
            yield place if place.startswith(("/", "%2F", "%2f")) else place.partition(":")[0]


def _is_here(host: str) -> bool:
    if not host or host == "localhost" or host.startswith(("/", "@", "%2F", "%2f")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
