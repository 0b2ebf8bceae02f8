"""What a run is asked to do and what it reports: values, and the port through which it reports.

Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mailbatch.errors import MailbatchError
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from mailbatch.sandbox.answers import Answer


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of `mailbatch run`; the defaults are those of the command line.

    `edition` replaces the job's. `variables` are laid over the job's. `rate` is in recipients per
    second. `redirect` (`--to`) sends each message to that address instead. `dry_run` writes files
    to `out`. `sandbox` sends to an embedded server that keeps the messages in `out`, if given, and
    gives `answers`, the first that is due, in place of its usual replies.
    `attended`: somebody waits for the run at a terminal, and wants to know at once what only a
    correction helps.
    """

    edition: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    state_dir: Path | None = None
    results: Path | None = None
    limit: int | None = None
    only: str | None = None
    redirect: str | None = None
    sessions: int | None = None
    rate: float | None = None
    dry_run: bool = False
    sandbox: bool = False
    answers: tuple[Answer, ...] = ()
    out: Path | None = None
    accept_changes: bool = False
    retry_rejected: bool = False
    attended: bool = False
    new_mailing: bool = False
    transcript: Callable[[str, bytes], None] | None = None

    @property
    def scratch(self) -> bool:
        """Whether the real ledger stays out of it: nothing that happens is the mailing itself."""
        return self.dry_run or self.sandbox or self.redirect is not None


@dataclass(frozen=True, slots=True)
class Sent:
    """What the sending part of a run came to.

    `learned` are settings of the job's `server` that would have told of the server's limits.
    """

    transactions: int = 0
    sessions: int = 0
    failure: MailbatchError | None = None
    interrupted: bool = False
    nothing_to_do: bool = False
    declined: bool = False
    learned: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to.

    `counts` has every `Status`. `failure` is what ended the run early, if anything did.
    `nothing_to_do` is True where the edition had been finished before; `changed` names what of the
    message is another one since. `finished_at` (seconds since the epoch) is when it was, if it is.
    `learned` are settings that would have told of the server's limits. `refused_for_now`: somebody
    is pending by a reply of the server. `declined` is True where somebody answered no. `files` is
    the folder that a dry run wrote to.
    """

    job: str
    edition: str
    counts: Mapping[Status, int]
    transactions: int = 0
    sessions: int = 0
    seconds: float = 0.0
    results: Path | None = None
    failure: MailbatchError | None = None
    interrupted: bool = False
    declined: bool = False
    nothing_to_do: bool = False
    changed: tuple[str, ...] = ()
    finished_at: float | None = None
    recovered_in_doubt: int = 0
    scratch: bool = False
    refused_for_now: bool = False
    files: Path | None = None
    learned: Mapping[str, int] = field(default_factory=dict)

    @property
    def recipients(self) -> int:
        """How many rows the edition has."""
        return sum(self.counts.values())

    @property
    def exit_code(self) -> int:
        """The exit code by precedence: 77, 69, 74, 75, 4, 3, else 0; 1 for a bug.

        This class alone knows what the numbers say; other code asks for the facts.
        """
        if self.failure is not None and self.failure.exit_code not in {69, 74, 75, 77}:
            return self.failure.exit_code
        wanted = set()
        if self.failure is not None:
            wanted.add(self.failure.exit_code)
        # What a rehearsal did not get to (--limit, --only) is pending in no ledger that lasts.
        pending = self.refused_for_now if self.scratch else self.counts[Status.PENDING]
        left = self.counts[Status.DEFERRED] or pending
        if self.interrupted or self.declined or left:
            wanted.add(75)
        if self.counts[Status.IN_DOUBT]:
            wanted.add(4)
        if self.counts[Status.REJECTED] or self.counts[Status.INVALID]:
            wanted.add(3)
        return next((code for code in _PRECEDENCE if code in wanted), 0)

    @property
    def is_through(self) -> bool:
        """Whether the run went through: nothing failed, is left to do or is in doubt."""
        return self.exit_code in {0, 3}

    def exit_code_behind(self, error: MailbatchError) -> int:
        """Return the exit code of a run behind which `error` came: a lost server says more."""
        return self.exit_code if self.exit_code in {69, 77} else error.exit_code


#: The exit codes of a run that began to send, the most serious first.
_PRECEDENCE = (77, 69, 74, 75, 4, 3)


class Progress(Protocol):
    """Where a run tells what is going on; the console draws it, tests record it."""

    def planned(self, counts: Mapping[Status, int], wanted: int) -> None:
        """The plan is in the ledger; at most `wanted` recipients are about to be sent to."""

    def session_opened(self, server: str) -> None:
        """A session with `server` is ready for transactions."""

    def settled(self, status: Status, recipients: int) -> None:
        """This many recipients now have this status."""

    def waiting(self, seconds: float, why: str) -> None:
        """Nothing happens for a while."""

    def note(self, text: str) -> None:
        """Something that people should know."""

    def alarm(self, text: str) -> None:
        """Something that stands nowhere else: whoever is quiet about all the rest tells it."""


class Silence:
    """A `Progress` that tells nobody."""

    def planned(self, counts: Mapping[Status, int], wanted: int) -> None:
        """Say nothing."""

    def session_opened(self, server: str) -> None:
        """Say nothing."""

    def settled(self, status: Status, recipients: int) -> None:
        """Say nothing."""

    def waiting(self, seconds: float, why: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def alarm(self, text: str) -> None:
        """Say nothing."""
