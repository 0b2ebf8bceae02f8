"""The options and the summary of a run, and the port through which a run reports.

    summary = run(job, RunOptions(dry_run=True, limit=10))
    assert summary.is_through and summary.exit_code == 0

Values only: nothing here decides anything.

Tests: tests/delivery/test_summary.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mailbatch.delivery.state import State, state_of
from mailbatch.errors import JobError, MailbatchError, SessionError, UsageError
from mailbatch.frozen import frozen
from mailbatch.outcome import NEVER_MAILED, Status
from mailbatch.outlook import Outlook

if TYPE_CHECKING:
    from mailbatch.delivery.equation import Equation
    from mailbatch.delivery.gate import Held
    from mailbatch.delivery.letters import Groups
    from mailbatch.delivery.plan_file import PlanFile
    from mailbatch.job.model import Job
    from mailbatch.ledger.rows import ResultRow
    from mailbatch.sandbox.answers import Answer

#: The beginning of the keys of settings that were learned of the second server (`Summary.learned`).
FALLBACK = "fallback."


class Mode(StrEnum):
    """The kind of a run, as `--json`, logs and figures name the kind: all but SEND rehearse."""

    SEND = "send"
    SANDBOX = "sandbox"
    DRY_RUN = "dry_run"
    REDIRECT = "redirect"


class Rehearsal(Protocol):
    """The place that keeps a rehearsal in the sandbox: its ledger, and the reports of its messages.

    Without one a rehearsal leaves nothing but its results.
    """

    @property
    def folder(self) -> Path:
        """The folder of the ledgers, apart from those of the real mailing."""

    def begin(self, edition: str) -> None:
        """Forget the reports of an earlier rehearsal of an edition."""

    def take(self, body: bytes) -> None:
        """Take a body that the provider would post."""

    def flush(self) -> None:
        """Put what was taken where it can be read."""


@frozen
class Corrected:
    """The edition that a run corrects: its job, as it was sent, and its name."""

    job: Job
    edition: str


@frozen
class RunOptions:
    """The options of `mailbatch run`; the defaults are those of the command line.

    `edition` replaces the job's. `variables` are laid over the job's. `sessions` 0 leaves the
    sending to workers, and the run watches. `rate` is in recipients per second. `only` are
    addresses: all others are left alone. `redirect` (`--to`) are addresses that get each message
    instead, and `everything` (`--all`) sends them every message: else, without `limit` and `only`,
    they get the first one alone. `test` (`--test`) is such a run to the `message.test_recipients`
    of the job, with a mark in the subject. `dry_run` writes files to `out`. `sandbox` sends to an
    embedded server that keeps the messages in `out`, if given, and gives `answers`, the first that
    is due, in place of its usual replies; with a `rehearsal` ledger and reports are kept there,
    until the edition is rehearsed again. `attended`: a person waits for the run at a terminal, and
    a failure that only a correction helps ends the run at once. `canary` ends the run behind the
    first step of the job's guard; `unguarded` (`--no-guard`) leaves the guard out. `store` is the
    store of reports; by default that of the state folder. A `plan` is sent as it is, or nothing
    more is. `wait`: a run that `server.window`, `cap`, `warmup` or `message.send_at` holds waits,
    and goes on.
    `ledger` is the URL of the database that keeps the ledger; without one, and without
    MAILBATCH_LEDGER, a file in `state_dir` does. `patience`: a worker leaves a mailing whose next
    recipient is due later than so many seconds; None: the recipient is waited for. `correction` is
    the edition that the run corrects (`mailbatch correct`); the job of the run is the mended one.
    `bundles` is a folder that every worker reads, for a bundle that is too large for the database.
    """

    edition: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    state_dir: Path | None = None
    results: Path | None = None
    limit: int | None = None
    only: tuple[str, ...] = ()
    redirect: tuple[str, ...] = ()
    test: bool = False
    everything: bool = False
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
    rehearsal: Rehearsal | None = None
    canary: bool = False
    unguarded: bool = False
    store: Path | None = None
    wait: bool = False
    plan: PlanFile | None = None
    #: May hold a password, and is never printed.
    ledger: str | None = field(default=None, repr=False)
    patience: float | None = None
    correction: Corrected | None = None
    bundles: Path | None = None

    def __post_init__(self) -> None:
        """Refuse one text in place of several: each of its letters would be an address.

        Raises:
            TypeError: `only` or `redirect` is a text.
        """
        for name in ("only", "redirect"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is a tuple of addresses, not one text")

    @property
    def state(self) -> State:
        """The place that keeps the ledgers of mailings.

        Raises:
            JobError: the URL is none of a PostgreSQL database, or leads there unverified (78).
        """
        return state_of(self.state_dir, self.ledger)

    @property
    def scratch(self) -> bool:
        """Whether the run is a rehearsal: the ledger of the mailing is left alone."""
        return self.mode is not Mode.SEND

    @property
    def mode(self) -> Mode:
        """The kind of the run: the real mailing, or a rehearsal."""
        if self.dry_run:
            return Mode.DRY_RUN
        if self.sandbox:
            return Mode.SANDBOX
        return Mode.REDIRECT if self.redirect or self.test else Mode.SEND

    def addressed(self, job: Job) -> RunOptions:
        """Return the options of a test with the addresses of the job; others as they are.

        Raises:
            JobError: the job names no test recipients.
            UsageError: a test that has addresses of its own, or is another rehearsal.
        """
        if not self.test:
            return self
        team = _test_recipients(job)
        if (self.redirect and self.redirect != team) or self.dry_run or self.sandbox:
            raise UsageError(
                "a test goes to message.test_recipients, through the server of the job",
                hint="leave --test out, or --to, --dry-run and --sandbox",
            )
        return replace(self, redirect=team)

    @property
    def most(self) -> int | None:
        """The number of messages at most; None: all of them."""
        if self.limit is None and self.redirect and not (self.only or self.everything):
            return 1
        return self.limit


def rate_of(job: Job, options: RunOptions) -> float | None:
    """Return the rate of a run in recipients per second; None: no limit."""
    if options.rate is not None or job.server.rate is None:
        return options.rate
    return job.server.rate.per_second


def _test_recipients(job: Job) -> tuple[str, ...]:
    """Return the test recipients of a job on the wire, each once.

    Raises:
        JobError: there is none, or one that is no address.
    """
    from mailbatch.recipients.address import parse_address

    found: dict[str, None] = {}
    for setting in job.each("message.test_recipients"):
        try:
            found[parse_address(setting.text)] = None
        except ValueError as error:
            raise JobError(str(error), location=setting.place) from error
    if not found:
        raise JobError(
            "test_recipients is missing, and --test sends to them",
            location=job.locate("message"),
            hint="Write it as test_recipients: [ann@example.com], or name addresses with --to.",
        )
    return tuple(found)


@frozen
class Sent:
    """The result of the sending part of a run.

    `learned` are settings of the job's `server` that would have told the limits of the server.
    `held` is what ended the run: `server.window`, `cap`, `warmup` or `message.send_at`. `left` is
    the number of messages that the limit of the run leaves, None without a limit.
    """

    transactions: int = 0
    sessions: int = 0
    failure: MailbatchError | None = None
    interrupted: bool = False
    nothing_to_do: bool = False
    declined: bool = False
    learned: Mapping[str, int] = field(default_factory=dict)
    held: Held | None = None
    left: int | None = None


@frozen
class Summary:
    """The result of a run.

    `counts` has every `Status`. `failure` ended the run early, None: no failure did.
    `nothing_to_do`: the edition had been finished before; `changed` names the inputs of the message
    that are new since. `finished_at` (seconds since the epoch) is None while the edition is not
    finished. `learned` are settings that would have told the limits of the server.
    `refused_for_now`: a recipient is pending by a reply of the server. `declined`: the answer at
    the terminal was no. `files` is the folder of a dry run, `rehearsed_in` that of the ledger and
    the reports of a rehearsal that was kept. `outlook` is that of a real run before this
    rehearsal; None: no earlier run is known, or this one was real. `logs_until` is the time
    until which the provider's logs tell of the recipients in doubt, in seconds since the epoch;
    None where no log does. `further` is the number of addresses that had a message of the edition
    by a row which has left the table, and were to get one more when the run began. `plan` is the
    digest of the approved plan that the run was held to. `elsewhere` counts the accepted rows of
    the edition by server, host and port, those of the first server left out. `held` says what held
    the run, and until when: `server.window`, `cap`, `warmup` or `message.send_at`; None where none
    did. `equation` holds the rows of the table against those of the ledger, None where the ledger
    failed. `asked` are the rows of `only`, None without such; `send_times` are the instants
    (seconds since the epoch) that these wait for, by the line. `corrected` is the edition that the
    run corrected, and `groups` are its recipients by the letter of each; None where the run was no
    correction.
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
    mode: Mode = Mode.SEND
    outlook: Outlook | None = None
    refused_for_now: bool = False
    files: Path | None = None
    learned: Mapping[str, int] = field(default_factory=dict)
    logs_until: float | None = None
    rehearsed_in: Path | None = None
    further: int = 0
    held: Held | None = None
    plan: str | None = None
    equation: Equation | None = None
    asked: tuple[ResultRow, ...] | None = None
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    send_times: Mapping[int, float] = field(default_factory=dict)
    corrected: str | None = None
    groups: Groups | None = None

    @property
    def scratch(self) -> bool:
        """Whether the run was a rehearsal."""
        return self.mode is not Mode.SEND

    @property
    def recipients(self) -> int:
        """The number of rows of the edition."""
        return sum(self.counts.values())

    @property
    def waits_until(self) -> float | None:
        """When the run may go on (seconds since the epoch), if a key of the job held the run."""
        if self.held is None or self.failure is not None or self.interrupted or self.declined:
            return None
        return self.held.until

    @property
    def reaches_nobody(self) -> bool:
        """Whether a rehearsal found no row that can be mailed, as `check` says with MB112.

        A correction may have no letter to send: all have the right one.
        """
        if self.corrected is not None:
            return False
        ended_early = self.failure is not None or self.interrupted or self.declined
        unmailed = sum(self.counts[status] for status in NEVER_MAILED)
        return self.scratch and not ended_early and unmailed == self.recipients

    @property
    def exit_code(self) -> int:
        """The exit code by precedence: 77, 69, 74, 65, 75, 4, 3, else 0; 1 for a bug.

        65 is that of a rehearsal behind which a real run would reach no recipient by mistake, or
        whose table has no row that can be mailed. A test message (`--to`) has been sent all the
        same.

        The numbers of a run stand here and the numbers of a failure at the class of the failure;
        other code asks for the facts.
        """
        if self.failure is not None and self.failure.exit_code not in {69, 74, 75, 77}:
            return self.failure.exit_code
        wanted = set()
        if self.failure is not None:
            wanted.add(self.failure.exit_code)
        # Recipients beyond --limit and --only of a rehearsal are pending in no ledger that lasts.
        pending = self.refused_for_now if self.scratch else self.counts[Status.PENDING]
        left = self.counts[Status.DEFERRED] or pending
        if self.mode is not Mode.REDIRECT and (
            self.reaches_nobody or (self.outlook is not None and self.outlook.is_wrong)
        ):
            wanted.add(65)
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
_PRECEDENCE = (77, 69, 74, 65, 75, 4, 3)


def is_more_serious(one: SessionError, other: SessionError) -> bool:
    """Say whether the exit code of one failure goes before that of the other.

    >>> from mailbatch.errors import LimitReached, TLSError
    >>> is_more_serious(TLSError("no certificate"), LimitReached("451 slow down"))
    True
    """
    return rank_of(one) < rank_of(other)


def rank_of(failure: MailbatchError) -> int:
    """Return the place of a failure among several: the exit code of the lowest is that of all.

    A failure that stops a run before the first message goes before all others.
    """
    return _PRECEDENCE.index(failure.exit_code) if failure.exit_code in _PRECEDENCE else -1


class Progress(Protocol):
    """The listener of a run: the console draws its calls, tests record them."""

    def planned(self, counts: Mapping[Status, int], wanted: int) -> None:
        """Hear that the plan is in the ledger, with at most `wanted` recipients to be sent to."""

    def session_opened(self, server: str) -> None:
        """Hear that a session with `server` is ready for transactions."""

    def settled(self, status: Status, recipients: int) -> None:
        """Hear that this many recipients now have this status; below 0: have it no longer."""

    def waiting(self, seconds: float, why: str) -> None:
        """Hear that nothing happens for so many seconds."""

    def note(self, text: str) -> None:
        """Hear a fact that people should know."""

    def alarm(self, text: str) -> None:
        """Hear a fact that stands nowhere else: a quiet console tells this one, too."""


def conclude(progress: Progress, step: str) -> None:
    """Name a step behind the last outcome, which takes a while, where a listener has `concluding`.

    No listener needs the method: those that were written for an earlier version have none.
    """
    concluding: Callable[[str], None] | None = getattr(progress, "concluding", None)
    if concluding is not None:
        concluding(step)


class Silence:
    """A `Progress` that tells nothing."""

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
