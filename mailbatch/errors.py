"""Every failure that mailbatch reports, as exceptions with a place, a hint and an exit code.

    MailbatchError
    ├─ UsageError                  the command line asks for what cannot be (2)
    ├─ InputError                  the user's files, each with a Location
    │   ├─ JobError                the job file, or a secret (78)
    │   ├─ RecipientError          the recipient table or a suppression list (65)
    │   ├─ TemplateError           a template (65)
    │   ├─ MessageError            a message that cannot be built: header, attachment, size (65)
    │   └─ PlanDifference          the mailing is another one than an approved plan says (65)
    ├─ InputErrors                 several InputErrors, reported together
    ├─ LedgerError                 the ledger cannot be read or written (74)
    │   └─ LedgerLocked            another run holds the edition (75)
    ├─ StoreError                  the store of reports cannot be read or written (74)
    ├─ OutputError                 a file that mailbatch writes, or standard output, is lost (74)
    ├─ Unbalanced                  a row has no status, or two: a bug (1)
    ├─ TooManyOpenFiles            the system has no file descriptor left for us (74)
    └─ SessionError                the conversation failed; no recipient is concerned (69)
        ├─ ConnectError  ├─ ConnectionLost  ├─ SessionTimeout  ├─ ServiceUnavailable
        │   └─ UnknownHost         │   └─ AuthenticationDeferred
        ├─ TLSError (77) ├─ AuthenticationError (77)
        ├─ LimitReached (75)       the server takes no more for now
        ├─ TokenUnavailable        no access token for one more session
        ├─ LocalProtocolError      mailbatch broke the protocol: a bug
        └─ RemoteProtocolError     the server broke the protocol: the session is never reused

A refused recipient is no failure: the refusal is an `Outcome` with the server's `Reply`.
This module imports nothing of mailbatch.

Tests: tests/cli/test_exit_codes.py, tests/cli/test_descriptors.py, tests/cli/test_words.py.
"""

from __future__ import annotations

import errno
import re
from dataclasses import field
from enum import Enum, auto
from typing import TYPE_CHECKING

from mailbatch.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


#: The most lines before a place, and behind it, that a place has.
NEIGHBOURS = 2
_LINE_END = re.compile(r"\r\n|\r|\n")
#: What to do where the system gives no more file descriptors.
MORE_FILES = (
    "raise the limit, as in `ulimit -n 1024`, or close what else is running; fewer sessions need "
    "fewer files"
)
#: What to do where a disk has no room left.
FREE_SPACE = "free some space, then try again: what was recorded so far stands"
#: What to do where a disk fails.
LOOK_AT_THE_DISK = "look at the disk and its file system, then try again"
#: The remedies for failures of the system that no other place for the file would mend.
SYSTEM_REMEDIES = {
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.EIO: LOOK_AT_THE_DISK,
    errno.EMFILE: MORE_FILES,
    errno.ENFILE: MORE_FILES,
}
#: The limit of the process, and that of the system.
_NO_MORE_FILES = frozenset({errno.EMFILE, errno.ENFILE})


@frozen
class Location:
    """A place in one of the user's files.

    `line` and `column` count from 1. `key` is a dotted key path of the job (`server.port`).
    `source` is the text of that line, for a caret under the column, `before` and `after` are up to
    `NEIGHBOURS` lines around `source`. Each of these lines may be shown: secrets are masked.
    """

    path: str
    line: int | None = None
    column: int | None = None
    key: str | None = None
    source: str | None = None
    before: tuple[str, ...] = field(default=(), compare=False, repr=False)
    after: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def in_text(cls, path: str, text: str, line: int, column: int | None = None) -> Location:
        r"""Return a place in a text without secrets, with the line and the lines around it.

        Example:
            >>> place = Location.in_text("letter.txt.j2", "Dear\n{{ nme }},\n", 2)
            >>> place.before, place.source, place.after
            (('Dear',), '{{ nme }},', ())
        """
        lines = _LINE_END.split(text)
        if line < len(lines) and not lines[-1]:
            lines.pop()  # behind the end of the last line
        at = line - 1
        if not 0 <= at < len(lines):
            return cls(path, line, column)
        return cls(
            path,
            line,
            column,
            source=lines[at],
            before=tuple(lines[max(0, at - NEIGHBOURS) : at]),
            after=tuple(lines[line : line + NEIGHBOURS]),
        )

    @classmethod
    def at_offset(cls, path: str, text: str, offset: int) -> Location:
        """Return the place of a character of a text without secrets."""
        ends = [found.end() for found in _LINE_END.finditer(text, 0, offset)]
        begin = ends[-1] if ends else 0
        return cls.in_text(path, text, len(ends) + 1, offset - begin + 1)

    def __str__(self) -> str:
        place = self.path
        if self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        return place


class Reason(Enum):
    """The reason of an error that other code must tell from all others of its class.

    Messages are for people and may be reworded at any time; a reason stays. Code that decides
    something compares reasons or classes, never messages.
    """

    #: The HTML part shows a `cid:` name that is not in message.inline.
    UNKNOWN_INLINE = auto()
    #: A template compares or calculates with the text of a cell as if it were a number.
    TEXT_AS_NUMBER = auto()
    #: Keys of rows seem to have been exchanged between two plans of one edition.
    KEYS_EXCHANGED = auto()
    #: A cell of group_by changed behind a message, so that its row would be mailed once more.
    GROUPING_CHANGED = auto()
    #: Rows of one message have several times of sending.
    SEND_TIMES_DIFFER = auto()
    #: A template has a tag or an attribute that MJML, or its compiler, does not know.
    MJML_UNKNOWN = auto()
    #: A template is no MJML that can be compiled.
    MJML_FORM = auto()
    #: A tag of MJML stands where MJML has no place for it.
    MJML_PLACE = auto()
    #: Messages cannot stand behind those of the edition before, as message.thread asks.
    NO_THREAD = auto()
    #: Another edition, a correction, took over: nothing of this one is sent any more.
    TAKEN_OVER = auto()
    #: The edition is a correction, which `mailbatch correct` alone sends.
    IS_CORRECTION = auto()
    #: The letters of an edition cannot be compared with those that are to correct the edition.
    NO_CORRECTION = auto()
    #: callbacks.bulk_id has more characters than the provider takes.
    BULK_ID_TOO_LONG = auto()
    #: callbacks.data has more characters than the provider takes.
    CALLBACK_DATA_TOO_LONG = auto()


class MailbatchError(Exception):
    """The base of every failure that mailbatch reports.

    `hint` is the next step in words; `exit_code` is the exit code of the process.
    """

    exit_code: int = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def errors(self) -> tuple[MailbatchError, ...]:
        """The failures to tell of one by one: mostly the failure itself."""
        return (self,)


class UsageError(MailbatchError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class InputError(MailbatchError):
    """A mistake in the user's files.

    `location` is the place, `reason` tells the error from others of its class where that matters.
    `str()` gives `file:line:column: key: message` with what is known.
    """

    exit_code = 65

    def __init__(
        self,
        message: str,
        *,
        location: Location | None = None,
        hint: str | None = None,
        reason: Reason | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.location = location
        self.reason = reason

    def __str__(self) -> str:
        if self.location is None:
            return self.message
        if self.location.key:
            return f"{self.location}: {self.location.key}: {self.message}"
        return f"{self.location}: {self.message}"

    @property
    def errors(self) -> tuple[InputError, ...]:
        """The mistake itself, as `InputErrors` has several."""
        return (self,)


class JobError(InputError):
    """The job file is wrong, or a secret is missing."""

    exit_code = 78


class RecipientError(InputError):
    """The recipient table or a suppression list is wrong."""


class IdentityError(RecipientError):
    """The recipients of an edition are told apart by other columns than those of the first plan.

    `before` are the columns so far, None for the address. `acceptable` says that a plan with
    accepted changes goes on.
    """

    def __init__(
        self,
        message: str,
        *,
        before: tuple[str | None, ...],
        acceptable: bool,
        hint: str | None = None,
        location: Location | None = None,
    ) -> None:
        super().__init__(message, hint=hint, location=location)
        self.before = before
        self.acceptable = acceptable


class OverlapError(RecipientError):
    """Rows would be mailed at addresses that have a message of the edition by another key.

    `rows` are the first of these, each a line of the table with the words, and `number` is that of
    all of them. `reason` says how the keys have come apart.
    """

    def __init__(self, rows: tuple[tuple[int, str], ...], number: int, reason: Reason) -> None:
        line, words = rows[0]
        super().__init__(f"row {line} would be mailed: {words}", reason=reason)
        self.rows = rows
        self.number = number


class TemplateError(InputError):
    """A template is wrong."""


class MessageError(InputError):
    """A message cannot be built: a header, an attachment, the size."""


class PlanDifference(InputError):
    """The mailing is another one than the approved plan says; nothing more is sent.

    The location is that of the row, where the difference is in a row or its message.
    """


class InputErrors(MailbatchError):
    """Several mistakes found in one go, in the order of their places; never empty."""

    def __init__(self, errors: Iterable[InputError]) -> None:
        self._errors: tuple[InputError, ...] = tuple(errors)
        super().__init__("\n".join(str(error) for error in self._errors))
        codes = {error.exit_code for error in self._errors}
        # The job file is read first: while it is wrong, what else is wrong may follow from it.
        self.exit_code = JobError.exit_code if JobError.exit_code in codes else min(codes)

    @property
    def errors(self) -> tuple[InputError, ...]:
        """The mistakes."""
        return self._errors


class Mistakes:
    """The mistakes of several steps, gathered: `with mistakes: plan = plan_recipients(...)`."""

    def __init__(self) -> None:
        self.found: list[InputError] = []

    def __enter__(self) -> None:
        """Begin a step."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Keep the mistakes that ended the step; another failure goes its way."""
        if not isinstance(error, InputError | InputErrors):
            return False
        self.found += error.errors
        return True


class LedgerError(MailbatchError):
    """The ledger cannot be read or written."""

    exit_code = 74


class LedgerUnreachable(LedgerError):
    """The database of the ledger does not answer, or has ended the connection."""


class LedgerLocked(LedgerError):
    """Another run holds the edition."""

    exit_code = 75


class StoreError(MailbatchError):
    """The store of reports cannot be read or written."""

    exit_code = 74


class OutputError(MailbatchError):
    """An output cannot be written: results, figures, a transcript, `.eml` files, standard output.

    The ledger is not concerned: every delivery is as it was recorded.
    """

    exit_code = 74


#: A record or an output is not written: a run with such a failure records nothing more.
UNWRITTEN = (LedgerError, OutputError)


class TooManyOpenFiles(MailbatchError):
    """The system gives no more file descriptors: a fault of no file, and no recipient's outcome."""

    exit_code = 74

    def __init__(self) -> None:
        super().__init__("too many open files", hint=MORE_FILES)


class StoppedByGuard(MailbatchError):
    """The reports of the first recipients are bad, or fail to come: the rest is not mailed."""

    exit_code = 75


class MailingStopped(MailbatchError):
    """Another worker of the mailing met trouble that is the trouble of all workers.

    The exit code is that of the trouble.
    """

    exit_code = 75

    def __init__(self, words: str, *, exit_code: int) -> None:
        super().__init__(
            f"another worker has stopped the mailing: {words}",
            hint="see to it, then run again: `mailbatch run` lets all workers go on",
        )
        self.exit_code = exit_code


class Unbalanced(MailbatchError):
    """The rows of the table and of the ledger are not the same: a bug, which names the rows."""


class SessionError(MailbatchError):
    """The conversation with the server failed, which is no outcome of any recipient.

    `reply` is the reply (`outcome.Reply`) that ended the conversation, None without one. With
    `is_final`, every session of a run would end in the same way, so that no worker goes on.
    """

    exit_code = 69
    is_final = False

    def __init__(
        self, message: str, *, hint: str | None = None, reply: object | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.reply = reply


class ConnectError(SessionError):
    """The server cannot be reached."""


class UnknownHost(ConnectError):
    """The resolver says for certain that the host does not exist or has no address.

    On a terminal the run ends at once. Under cron the run tries again, since a resolver may be
    wrong for a while.
    """


class ConnectionLost(SessionError):
    """The connection ended in the middle of a conversation."""


class SessionTimeout(SessionError):
    """A reply did not come in full before the deadline."""


class ServiceUnavailable(SessionError):
    """The server ended the session: a 421, a refused greeting, EHLO or sender."""


class AuthenticationDeferred(ServiceUnavailable):
    """The server refuses authentication for now (4yz to AUTH)."""


class TLSError(SessionError):
    """TLS is missing or was refused, or the certificate does not hold."""

    exit_code = 77
    is_final = True


class AuthenticationError(SessionError):
    """The server refuses user or password."""

    exit_code = 77
    is_final = True


class LimitReached(SessionError):
    """The server takes no more for now: a rate, or the allowance of a day or a month."""

    exit_code = 75
    is_final = True


class TokenUnavailable(SessionError):
    """There is no access token for one more session; a later try may get one."""


class LocalProtocolError(SessionError):
    """Our side asked for something that the protocol does not allow now: a bug, never retried."""

    exit_code = 1
    is_final = True


class RemoteProtocolError(SessionError):
    """The server broke the protocol; the session is closed and never reused."""


def too_many_open_files(error: BaseException | None) -> TooManyOpenFiles | None:
    """Return the failure behind an error where that is a lack of file descriptors, else None.

    Causes and contexts of the error are searched, too, and so is each error of a group.
    """
    seen: set[int] = set()
    left = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, TooManyOpenFiles):
            return one
        if isinstance(one, OSError) and one.errno in _NO_MORE_FILES:
            return TooManyOpenFiles()
        left += [one.__cause__, one.__context__]
        if isinstance(one, InputErrors):
            left += one.errors
        elif isinstance(one, BaseExceptionGroup):
            left += one.exceptions
    return None


def raise_if_starved(error: OSError | ValueError) -> None:
    """Raise `TooManyOpenFiles` where an error says so: the file is not at fault then."""
    failure = too_many_open_files(error)
    if failure is not None:
        raise failure from error
