"""What the gallery shows, as values: a message, its findings, and the mailing around it.

Nothing here renders, reads files, or knows HTML. Every text in these values is the user's data:
whoever writes it anywhere has to escape it for that place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailbatch.errors import Location
from mailbatch.render.message import Content


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found: `detail` says what exactly, the table of codes says the rest.

    `subject` is what it is about, where that is the same for many messages (an image, a column):
    findings of one code and subject are counted together.
    """

    code: str
    detail: str
    subject: str = ""
    location: Location | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a message since an earlier preview.

    `kind` is `new`, `changed`, `same`, or `unseen` where the earlier preview showed only some.

    `parts` are the lines of unified diffs by the name of the part (`Subject`, `Headers`, `Text`,
    `HTML`, `Attachments`). `html_before` is the earlier HTML part, where it was another.
    """

    kind: str
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    html_before: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the gallery, or one that cannot be made: then `error` says why.

    `key` names the message in every preview of the mailing. `line` is the line of its first row in
    the table. `group` and `values` are columns and cells. `source` are the message's bytes.
    `copies` are the Cc and Bcc addresses. `telling` says in words why this message is worth
    looking at.
    """

    key: str
    addresses: tuple[str, ...]
    line: int
    content: Content | None = None
    source: bytes = b""
    reverse_path: str = ""
    copies: tuple[str, ...] = ()
    group: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    telling: tuple[str, ...] = ()
    error: str | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Findings of one code and subject, counted over all messages; `examples` are a few details."""

    code: str
    subject: str
    count: int
    examples: tuple[str, ...]
    location: Location | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The mailing as a whole: what the index says above the messages.

    `counts` are recipients by status, `messages` is the number of messages of the whole mailing,
    shown or not. `domains` are the recipients' domains, most first. `unreached` are template
    branches that no recipient takes, each with its place; `unused` the columns that nothing reads.
    `gone` are messages of the earlier preview `against` that are no more, as (first address,
    subject).
    """

    job: str
    edition: str
    sender: str
    counts: Mapping[str, int] = field(default_factory=dict)
    messages: int = 0
    domains: tuple[tuple[str, int], ...] = ()
    unreached: tuple[tuple[Location, str], ...] = ()
    unused: tuple[str, ...] = ()
    tallies: tuple[Tally, ...] = ()
    against: str | None = None
    gone: tuple[tuple[str, str], ...] = ()
