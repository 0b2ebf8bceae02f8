r"""Answers of a sandbox in place of the usual ones: trouble, rehearsed.

    COMMAND[:AFTER[/WITHIN]][:TIMES]=REPLY

    MAIL=530 5.7.0 Authentication required         every MAIL
    END:10=554 5.7.1 Sending suspended             the end of data from the 11th on
    RCPT:2:1=254 2.1.5 Suppressed                  the third RCPT alone
    MAIL:100/session=452 4.3.2 Too many messages   from the 101st MAIL of each session on
    RCPT::1=421 4.3.2 One\nTwo                     two lines; 421 also closes the connection
    DATA:5:1=close                                 closed without a word

Commands are counted over all sessions of the sandbox, or anew in each session or transaction.
Commands out of turn or misspelt are answered as usual and not counted. Every command counts for
every answer, whichever answer is given: `AFTER` and `TIMES` name the same commands whatever other
answers there are. Of several that are due the first is given.

A reply that refuses (4yz, 5yz) leaves the command undone. A positive one takes the place of the
usual words, and the command is done; to EHLO a positive reply adds lines to the extensions.

This module must never write to a connection: it says which answer is due.
RFC 5321 3.1 (greeting), 3.8 (421), 4.2 (replies) and 4.5.3.1.5 (their length), RFC 2034 (an
enhanced status code on every line).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, NoReturn

from mailbatch.errors import UsageError
from mailbatch.frozen import frozen
from mailbatch.suggest import did_you_mean

EXAMPLE = "--answer 'RCPT:10:1=452 4.2.2 Mailbox full'"

#: RFC 5321 4.5.3.1.5, with the code in front and CRLF.
_LONGEST_LINE = 512
_SHUTTING_DOWN = 421
_CLOSE = "close"
_CODE = re.compile(r"[2-5][0-5][0-9]")
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


class Command(StrEnum):
    """A command that can be answered; the value is the word in an answer."""

    GREETING = "GREETING"
    EHLO = "EHLO"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "END"
    IDLE = "IDLE"
    RSET = "RSET"
    QUIT = "QUIT"


class Within(StrEnum):
    """The scope in which commands are counted; the value is the word in an answer."""

    SANDBOX = "sandbox"
    SESSION = "session"
    TRANSACTION = "transaction"


class Rule(NamedTuple):
    """The replies that a command may have (by first digit), and the scopes of counting."""

    digits: str
    within: tuple[Within, ...]


_BY_SESSION = (Within.SANDBOX, Within.SESSION)
RULES = {
    Command.GREETING: Rule("45", (Within.SANDBOX,)),
    Command.EHLO: Rule("245", _BY_SESSION),
    Command.AUTH: Rule("245", _BY_SESSION),
    Command.MAIL: Rule("245", _BY_SESSION),
    Command.RCPT: Rule("245", (*_BY_SESSION, Within.TRANSACTION)),
    Command.DATA: Rule("345", _BY_SESSION),
    Command.END: Rule("245", _BY_SESSION),
    Command.IDLE: Rule("45", _BY_SESSION),
    Command.RSET: Rule("245", _BY_SESSION),
    Command.QUIT: Rule("245", (Within.SANDBOX,)),
}
#: Words of other servers for these commands.
_ELSEWHERE = {
    "BDAT": "the sandbox announces no CHUNKING",
    "STARTTLS": "the sandbox announces no STARTTLS",
    "HELO": "mailbatch says EHLO",
    "DOT": "the word for the end of data is END",
    "EOD": "the word for the end of data is END",
    "CONNECT": "the word for what is said first is GREETING",
}


@frozen
class Answer:
    """One reply in place of the usual one, and the commands that get this reply.

    These are number `after` + 1 to `after` + `times` of their kind, without an end where `times` is
    None. `code` is 0, and `lines` empty, where the connection is closed without a word. `written`
    is the answer as it was parsed.
    """

    written: str
    command: Command
    after: int
    times: int | None
    within: Within
    code: int
    lines: tuple[str, ...]

    @property
    def reply(self) -> str:
        """The reply on the wire, without the last CRLF; empty for a close without a word."""
        marks = [*"-" * (len(self.lines) - 1), " "]
        return "\r\n".join(
            f"{self.code}{mark}{line}".rstrip(" ")
            for mark, line in zip(marks, self.lines, strict=False)
        )

    @property
    def refuses(self) -> bool:
        """Whether the command is left undone."""
        return not 200 <= self.code < 400  # noqa: PLR2004 - RFC 5321 4.2.1: 2yz and 3yz

    @property
    def closes(self) -> bool:
        """Whether the connection is closed behind this answer (RFC 5321 3.8)."""
        return self.code in {0, _SHUTTING_DOWN} or self.command is Command.IDLE

    def is_due(self, number: int) -> bool:
        """Say whether the `number`th command of this kind, counted from 1, gets this answer."""
        return self.after < number and (self.times is None or number <= self.after + self.times)

    def __str__(self) -> str:
        """Write the answer for people: `452 4.5.3 Too many at RCPT 11 to 15 of each session`."""
        first, words = self.after + 1, self.command.value
        if self.times is None:
            words = f"{words} {first} and later" if self.after else f"every {words}"
        elif self.times == 1:
            words += f" {first}"
        else:
            words += f" {first} to {self.after + self.times}"
        if self.within is not Within.SANDBOX:
            words += f" of each {self.within}"
        said = " / ".join(self.lines)
        return f"{f'{self.code} {said}'.rstrip() if self.code else _CLOSE} at {words}"


class Answers:
    """The answers of a sandbox, in the order of precedence, and the count of commands.

    `counts` has the commands that could have been answered, of all sessions.
    """

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self.counts: Counter[Command] = Counter()
        self._answers = tuple(answers)
        self._given: set[Answer] = set()

    def __bool__(self) -> bool:
        """Say whether there is any answer."""
        return bool(self._answers)

    @property
    def never_given(self) -> tuple[Answer, ...]:
        """The answers that have not been due yet, or never before another."""
        return tuple(answer for answer in self._answers if answer not in self._given)

    def give(self, command: Command, numbers: Mapping[Within, int]) -> Answer | None:
        """Return the answer to a command with these numbers of its kind, and note it as given."""
        for answer in self._answers:
            if answer.command is command and answer.is_due(numbers[answer.within]):
                self._given.add(answer)
                return answer
        return None


class SessionAnswers:
    """The answers for one session, and the count of the session's commands."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._counts: dict[Within, Counter[Command]] = {
            Within.SANDBOX: answers.counts,
            Within.SESSION: Counter(),
            Within.TRANSACTION: Counter(),
        }

    def to(self, command: Command) -> Answer | None:
        """Count a command that came in turn, and return the answer; None for the usual one."""
        if command is Command.MAIL:
            self._counts[Within.TRANSACTION].clear()
        for counts in self._counts.values():
            counts[command] += 1
        numbers = {within: counts[command] for within, counts in self._counts.items()}
        return self._answers.give(command, numbers)


def parse_answer(written: str) -> Answer:
    r"""Read `COMMAND[:AFTER[/WITHIN]][:TIMES]=REPLY`.

    `COMMAND` is a word of `Command` in any case. `REPLY` is a code with a text, `\n` between lines,
    or `close`.

        >>> print(parse_answer("RCPT:10:1=452 4.2.2 Mailbox full"))
        452 4.2.2 Mailbox full at RCPT 11

    Raises:
        UsageError: with the place of the first mistake.
    """
    head, equals, reply = written.partition("=")
    word, *numbers = head.split(":")
    command = _command(written, word)
    if not equals:
        _fault(written, len(written), "expected = and a reply")
    at = len(word) + 1
    after, times, within = 0, None, Within.SANDBOX
    for position, part in enumerate(numbers):
        if position == 0:
            digits, slash, unit = part.partition("/")
            after = _number(written, at, digits) if digits or slash else 0
            if slash:
                within = _within(written, at + len(digits) + 1, command, unit)
        elif position == 1:
            times = _number(written, at, part)
            if times == 0:
                _fault(written, at, "expected a number from 1")
        else:
            _fault(written, at - 1, "expected = and a reply")
        at += len(part) + 1
    code, lines = _reply(written, len(head) + 1, command, reply)
    return Answer(written, command, after, times, within, code, lines)


def _fault(written: str, at: int, what: str, hint: str | None = None) -> NoReturn:
    """Raise the mistake at the character that `at` others precede."""
    raise UsageError(
        f"--answer '{written}': character {at + 1}: {what}", hint=hint or f"for example {EXAMPLE}"
    )


def _command(written: str, word: str) -> Command:
    try:
        return Command(word.upper())
    except ValueError:
        why = _ELSEWHERE.get(word.upper())
        near = None if why else did_you_mean(word, Command)
        hint = near or f"use one of {', '.join(Command)}"
        _fault(written, 0, f"there is no {word!r} to answer" + (f": {why}" if why else ""), hint)


def _number(written: str, at: int, digits: str) -> int:
    if not (digits.isascii() and digits.isdigit()):
        _fault(written, at, f"expected a number, not {digits!r}")
    return int(digits)


def _within(written: str, at: int, command: Command, unit: str) -> Within:
    allowed = [str(within) for within in RULES[command].within if within is not Within.SANDBOX]
    if unit not in allowed:
        others = f"leave it out{''.join(f', or write /{word}' for word in allowed)}"
        what = f"{command} is not counted within each {unit!r}"
        _fault(written, at, what, did_you_mean(unit, allowed) or others)
    return Within(unit)


def _reply(written: str, at: int, command: Command, reply: str) -> tuple[int, tuple[str, ...]]:
    if reply == _CLOSE:
        return 0, ()
    code, space, text = reply[:3], reply[3:4], reply[4:]
    if not _CODE.fullmatch(code) or space not in {"", " "}:
        what = "expected a reply code with its text, or close"
        _fault(written, at, what, did_you_mean(reply, [_CLOSE]))
    digits = RULES[command].digits
    if code[0] not in digits:
        classes = ", ".join(f"{digit}yz" for digit in digits)
        hint = f"use one of {classes}, or close"
        _fault(written, at, f"{command} is not answered with {code}", hint)
    for number, character in enumerate(text):
        if not character.isprintable():
            what = "no control characters in a reply"
            _fault(written, at + 4 + number, what, r"write \n between lines")
    lines = text.split(r"\n")
    enhanced = lines[0].partition(" ")[0]
    if _ENHANCED.fullmatch(enhanced):
        lines = [
            line if _ENHANCED.fullmatch(line.partition(" ")[0]) else f"{enhanced} {line}"
            for line in lines
        ]
    if command is Command.EHLO and code[0] == "2" and not all(lines):
        _fault(written, at + 3, "expected an extension", "as in EHLO=250 LIMITS MAILMAX=5")
    for line in lines:
        if len(line.encode()) + len("452 \r\n") > _LONGEST_LINE:
            what = f"a line of a reply has at most {_LONGEST_LINE} bytes"
            _fault(written, at, what, r"write \n between lines")
    return int(code), tuple(lines)
