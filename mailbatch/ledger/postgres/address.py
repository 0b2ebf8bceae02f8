"""The place of a ledger in a database, and the refusal of a URL that leads there unverified.

    place = place_in("postgresql://db.example.com/mail?sslmode=verify-full", "news", "48")
    place = place_in("postgresql:///mail", "news", "48")        # a unix socket of this machine

A URL is shown without its password (`shown`). This module must never connect.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from mailbatch.errors import JobError
from mailbatch.extras import install_extra
from mailbatch.frozen import frozen
from mailbatch.host_names import is_loopback

SCHEMES = ("postgresql", "postgres")
_VERIFIED = "verify-full"
_LAST_PORT = 65535
_READABLE = 16  # characters of job and edition in the name of a schema


#: Schemes of what starts workers: a ledger is kept by none of these.
_OF_SCHEDULERS = frozenset({"tcp", "tls", "ray", "amqp", "amqps", "redis", "rediss", "nats"})


@frozen
class Place:
    """The place of a ledger: the URL of a database, and the schema of the edition in there.

    Without a schema: the database itself. The URL may hold a password, and is never printed. `seen`
    is the folder where this machine keeps what it has seen of the ledger; None: nowhere.
    """

    url: str = field(repr=False)
    schema: str = ""
    seen: Path | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{shown(self.url)} ({self.schema})" if self.schema else shown(self.url)


def place_in(url: str, job: str, edition: str, *, seen: Path | None = None) -> Place:
    """Return the place of the ledger of an edition; the name of the schema needs no quotes in SQL.

    >>> place_in("postgresql:///mail", "News", "2026-W48").schema
    'mailbatch_news_2026_w48_194a6f4dea2a'

    Raises:
        JobError: the URL is not to be used (78).
    """
    check_address(url)
    told = hashlib.sha256(json.dumps([job, edition]).encode()).hexdigest()[:12]
    return Place(url, "_".join(("mailbatch", _word(job), _word(edition), told)), seen)


def schemas_of(job: str) -> str:
    """Return the beginning of the schemas of a job, which those of another job may share.

    >>> schemas_of("News")
    'mailbatch_news_'
    """
    return f"mailbatch_{_word(job)}_"


def _word(text: str) -> str:
    return re.sub("[^a-z0-9]+", "_", text.lower())[:_READABLE]


def check_driver() -> None:
    """Refuse a database where the driver is not installed.

    Raises:
        JobError: the extra `postgres` is missing (78).
    """
    if find_spec("asyncpg") is None:
        raise JobError(
            "a ledger in a database needs a package that is not installed",
            hint=install_extra("postgres"),
        )


def is_address(text: str) -> bool:
    """Say whether a text is the URL of a PostgreSQL database.

    >>> is_address("postgresql://db/mail"), is_address("state/news.sqlite3")
    (True, False)
    """
    return text.partition("://")[0] in SCHEMES


def shown(url: str) -> str:
    """Return a URL as messages name it: no password, no parameters.

    A password may have any character, written as it should not be: all up to the last `@` is that
    of the user.

    >>> shown("postgresql://ann:secret@db.example.com:5433/mail?sslmode=verify-full")
    'postgresql://ann@db.example.com:5433/mail'
    >>> shown("redis://:se/cret@queue")
    'redis://queue'
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "the text" if "@" in url else re.split("[?#]", url)[0]
    user, at, place = rest.rpartition("@")
    name = re.split("[:/?#]", user)[0]
    place = re.split("[?#]", place)[0]
    return f"{scheme}://{name}{at if name else ''}{place}"


def repeated(url: str) -> str:
    """Return a URL as a command line may repeat the URL: all but the password.

    >>> repeated("postgresql://ann:secret@db/mail?sslmode=verify-full&password=secret")
    'postgresql://ann@db/mail?sslmode=verify-full'
    """
    query = url.rpartition("@")[2].partition("?")[2]
    kept = [(name, value) for name, value in parse_qsl(query) if name != "password"]
    return f"{shown(url)}?{urlencode(kept, safe='/')}" if kept else shown(url)


def check_address(url: str) -> None:
    """Refuse a URL that is none, or that leads over a network without a verified certificate.

    Raises:
        JobError: the URL is not to be used (78).
    """
    if not is_address(url):
        raise JobError(
            f"{shown(url)} is not the URL of a ledger",
            hint=_ELSEWHERE if url.partition("://")[0] in _OF_SCHEDULERS else _AS_URL,
        )
    try:
        given = parse_qs(urlsplit(url).query, keep_blank_values=True)
        if not _is_plain(url, given):
            raise JobError(
                f"{shown(url)}: the URL of the ledger has no plain host and port",
                hint="write an @ in a password as %40, a / as %2F, and a : as %3A",
            )
        far = [host for host in _hosts(url, given) if not _is_here(host)]
    except ValueError as error:
        raise JobError(f"the URL of the ledger cannot be read: {error}") from None
    mode = given.get("sslmode", [os.environ.get("PGSSLMODE", "")])[-1]
    if far and mode != _VERIFIED:
        raise JobError(
            f"{shown(url)}: the connection to {far[0]} would not be verified",
            hint="add sslmode=verify-full to the URL, and sslrootcert=FILE for a CA of your own",
        )
    root = given.get("sslrootcert", [os.environ.get("PGSSLROOTCERT", "")])[-1]
    if far and root and not os.access(root, os.R_OK):
        raise JobError(
            f"{shown(url)}: the certificate of the database's CA cannot be read: {root}",
            hint="name a file with sslrootcert=FILE, or PGSSLROOTCERT",
        )


_AS_URL = (
    "postgresql://HOST/DATABASE is one; see https://www.postgresql.org/docs/current"
    "/libpq-connect.html#LIBPQ-CONNSTRING-URIS"
)
_ELSEWHERE = (
    "the ledger of many machines is a PostgreSQL database, as in postgresql://HOST/DATABASE; "
    "schedulers and queues may start programs there, and keep no ledger"
)


def _is_plain(url: str, given: dict[str, list[str]]) -> bool:
    """Say whether the driver finds the same hosts, and ports that are some.

    A password that is not written as it should be would lead elsewhere, and the driver repeat it.
    """
    netloc = urlsplit(url).netloc
    named = [place.rpartition("]")[2] for place in netloc.rpartition("@")[2].split(",")]
    ports = [place.partition(":")[2] for place in named if ":" in place]
    ports += ",".join(given.get("port", ())).split(",")
    return netloc.count("@") <= 1 and all(
        not port or (port.isascii() and port.isdigit() and int(port) <= _LAST_PORT)
        for port in ports
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
    return is_loopback(host)
