"""The values of the checks: a finding, findings counted, and the mailing as a whole.

    Finding("MB206", 'src="hero.png"', subject="hero.png", location=Location("letter.html.j2", 12))

Every text in these values is the user's data, to be escaped by a writer of HTML or a terminal.

Tests: tests/checks/test_check_codes.py, tests/checks/test_report.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from mailbatch.checks.code import Severity
from mailbatch.checks.codes import CODES
from mailbatch.errors import Location
from mailbatch.frozen import frozen

#: Characters of a text that a finding shows.
_SHOWN = 60


@frozen
class Finding:
    """A mistake, or a thing to know, in one message or one row.

    `code` is a key of `codes.CODES`, `detail` the words for this very case. `subject` names the
    cause where many messages share it (an image, a column): findings of one code and subject are
    counted together. `hint` takes the place of the code's way to mend.
    """

    code: str
    detail: str
    subject: str = ""
    location: Location | None = None
    hint: str | None = None


@frozen
class Tally:
    """Findings of one code and subject, counted over all messages; `examples` are a few details."""

    code: str
    subject: str
    count: int
    examples: tuple[str, ...]
    location: Location | None = None
    hint: str | None = None

    @property
    def severity(self) -> Severity:
        """The weight of the code."""
        return CODES[self.code].severity

    @property
    def title(self) -> str:
        """The words for the code, without a stop at the end."""
        return CODES[self.code].title

    @property
    def remedy(self) -> str:
        """The way to mend this very case, else the code's."""
        return self.hint or CODES[self.code].mend


@frozen
class Overview:
    """The mailing as a whole.

    `counts` are the recipients by status. `messages` is the number of messages of the whole
    mailing, `made` the number of those that can be made. `domains` are the recipients' domains,
    most first. `unreached` are branches of templates that no recipient takes, each as (place, tag,
    words); `unused` are columns that nothing reads.
    """

    job: str
    edition: str
    sender: str
    counts: Mapping[str, int] = field(default_factory=dict)
    messages: int = 0
    made: int = 0
    domains: tuple[tuple[str, int], ...] = ()
    unreached: tuple[tuple[Location, str, str], ...] = ()
    unused: tuple[str, ...] = ()
    tallies: tuple[Tally, ...] = ()


def shortened(text: str, most: int = _SHOWN) -> str:
    """Return a text for the details of a finding, a long one cut.

    >>> shortened("https://example.com/news", 12)
    'https://exa…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"
