"""The report of `mailbatch check`: tallies as lines, as JSON, and as GitHub's workflow commands.

    letter.html.j2:12:9: warning MB206: An image has no alt text: src="hero.png" (500 times)

Words and forms alone: the code of a finding, and with it the severity, was chosen before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mailbatch.checks.codes import CODES, Severity, severity_of
from mailbatch.checks.findings import Tally
from mailbatch.errors import (
    InputError,
    JobError,
    MailbatchError,
    Reason,
    RecipientError,
    TemplateError,
)

#: The codes whose details state the number of rows.
_COUNTED = frozenset(("MB113", "MB114", "MB115", "MB116", "MB123", "MB155"))
#: The codes of the reasons that have one of their own, before a message is rendered.
_CODES = {
    Reason.TEXT_AS_NUMBER: "MB105",
    Reason.NO_THREAD: "MB143",
    Reason.NO_CORRECTION: "MB147",
    Reason.SEND_TIMES_DIFFER: "MB153",
    Reason.MJML_UNKNOWN: "MB226",
    Reason.MJML_FORM: "MB227",
    Reason.MJML_PLACE: "MB235",
}
#: The levels of GitHub by our severities.
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def input_tallies(error: MailbatchError) -> list[Tally]:
    """Return the mistakes that `mailbatch run` would refuse, each as a tally of its own.

    An error that is not of the inputs gives none: the session's, for example.
    """
    return [
        Tally(_code_of(one), "", 1, (one.message,), one.location, one.hint)
        for one in error.errors
        if isinstance(one, InputError)
    ]


def _code_of(error: InputError) -> str:
    if error.reason in _CODES:
        return _CODES[error.reason]
    if isinstance(error, JobError):
        return "MB101"
    if isinstance(error, RecipientError):
        return "MB102"
    return "MB103" if isinstance(error, TemplateError) else "MB104"


def count_of(tallies: Iterable[Tally], severity: Severity) -> int:
    """Return the number of tallies with a severity."""
    return sum(severity_of(tally.code) is severity for tally in tallies)


def _detail(tally: Tally) -> str:
    shown = _examples(tally)
    if tally.location is not None and tally.location.key:
        return f"{tally.location.key}: {shown}"
    return shown


def _examples(tally: Tally) -> str:
    """Return the examples side by side; a subject that begins or ends all of them stands once.

    >>> _examples(Tally("MB111", "no SUMMARY", 2, ("no SUMMARY, row 2", "no SUMMARY, row 3")))
    'no SUMMARY, row 2; row 3'
    >>> _examples(Tally("MB506", "SERVFAIL", 2, ("MX of a: SERVFAIL", "TXT of b: SERVFAIL")))
    'MX of a; TXT of b: SERVFAIL'
    """
    first, *more = tally.examples or ("",)
    begin, end = f"{tally.subject}, ", f": {tally.subject}"
    if tally.subject and all(one.startswith(begin) for one in tally.examples):
        more = [one.removeprefix(begin) for one in more]
    elif tally.subject and more and all(one.endswith(end) for one in tally.examples):
        first, *more = (*(one.removesuffix(end) for one in tally.examples[:-1]), more[-1])
    return "; ".join([first, *more])


def _times(tally: Tally) -> str:
    counted = tally.count > 1 and tally.code not in _COUNTED
    return f" ({tally.count:,} times)" if counted else ""


def text_lines(tallies: Iterable[Tally], *, remedies: bool = False) -> list[str]:
    """Return a line for each tally, in the form of compilers: `file:line:column: warning MB206`.

    The hint of a tally, if there is one, follows on a line of its own; with `remedies` so does the
    code's way to mend, but for an info that wants nothing.
    """
    lines = []
    for tally in tallies:
        code = CODES[tally.code]
        place = f"{tally.location}: " if tally.location is not None else ""
        title = code.title.replace("`", "")
        lines.append(
            f"{place}{code.severity} {tally.code}: {title}: {_detail(tally)}{_times(tally)}"
        )
        mend = code.mend if remedies and not code.mend.startswith("Nothing") else None
        if tally.hint or mend:
            lines.append(f"  {tally.hint or mend}")
    return lines


def objects(tallies: Iterable[Tally]) -> list[dict[str, Any]]:
    """Return the tallies as the objects of `check --json`, one each."""
    found = []
    for tally in tallies:
        place = tally.location
        found.append(
            {
                "code": tally.code,
                "severity": str(tally.severity),
                "title": tally.title,
                "file": place.path if place is not None else None,
                "line": place.line if place is not None else None,
                "column": place.column if place is not None else None,
                "key": place.key if place is not None else None,
                "count": tally.count,
                "details": list(tally.examples),
                "hint": tally.remedy,
            }
        )
    return found


def github_lines(tallies: Sequence[Tally], job: Path) -> list[str]:
    """Return a workflow command for each tally, which GitHub shows beside the lines of a change.

        ::warning file=jobs/letter.html.j2,line=12,col=9,title=MB206 ...::src="hero.png"

    The paths of templates and tables, relative to the `job` file, become relative to the folder of
    the workflow.

    Source: docs.github.com, "Workflow commands for GitHub Actions", setting a notice, warning or
    error message.
    """
    lines = []
    for tally in tallies:
        code, place = CODES[tally.code], tally.location
        given = {
            "file": _from_here(place.path, job) if place is not None else None,
            "line": place.line if place is not None else None,
            "col": place.column if place is not None else None,
            "title": f"{tally.code} {code.title}",
        }
        properties = ",".join(
            f"{name}={_property(value)}" for name, value in given.items() if value is not None
        )
        message = _message(f"{_detail(tally)}{_times(tally)}\n{tally.remedy}")
        lines.append(f"::{_LEVELS[code.severity]} {properties}::{message}")
    return lines


def _from_here(path: str, job: Path) -> str:
    return path if path == str(job) else (job.parent / path).as_posix()


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: object) -> str:
    return _message(str(value)).replace(":", "%3A").replace(",", "%2C")
