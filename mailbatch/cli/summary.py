"""The summary of a run in words and figures, and the next steps behind `run` and `status`.

This module must never decide or ask: every text stands for a value of a `Summary`.

Tests: tests/cli/test_run.py, tests/delivery/test_summary.py.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.cli.console import STYLE, WORDS, Console, counted, counts_object
from mailbatch.cli.reporting import shown
from mailbatch.delivery.options import FALLBACK, Mode, RunOptions, Summary
from mailbatch.errors import AuthenticationError, LedgerError, StoppedByGuard, TLSError
from mailbatch.outcome import Status
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mailbatch.job.model import Job
    from mailbatch.ledger.rows import ResultRow

#: A terminal of so many columns has room for what each status means.
_WIDE = 66


def summary_object(summary: Summary) -> dict[str, object]:
    """Return the object of `run --json`; that of a rehearsal tells of a real run, too."""
    outlook = summary.outlook
    return {
        "job": summary.job,
        "edition": summary.edition,
        **counts_object(summary.counts),
        "transactions": summary.transactions,
        "sessions": summary.sessions,
        "seconds": round(summary.seconds, 3),
        "results": str(summary.results) if summary.results is not None else None,
        "finished_at": iso_time(summary.finished_at),
        "learned": dict(summary.learned),
        "error": str(summary.failure) if summary.failure is not None else None,
        "exit_code": summary.exit_code,
        "mode": str(summary.mode),
        "nothing_to_do": summary.nothing_to_do if outlook is None else outlook.is_over,
        "changed": list(summary.changed if outlook is None else outlook.changed),
        "further": summary.further,
        "plan": summary.plan,
        "equation": _equation(summary),
        "only": None if summary.asked is None else asked_objects(summary.asked, summary.send_times),
        "run_again_at": iso_time(summary.waits_until),
        "held_by": summary.held.by if summary.held is not None else None,
        "elsewhere": dict(summary.elsewhere),
    }


def asked_objects(
    rows: Iterable[ResultRow], send_times: Mapping[int, float]
) -> list[dict[str, object]]:
    """Return the member `only` of `--json`: where each recipient stands.

    `send_times` are the instants that rows wait for, by the line, in seconds since the epoch.
    """
    return [
        {
            "row": row.row,
            "email": row.email,
            "status": str(row.status),
            "message_id": row.message_id,
            "header_message_id": row.header_message_id,
            "reply_code": row.reply_code,
            "reply": row.reply,
            "attempts": row.attempts,
            "settled_at": iso_time(row.settled_at),
            "reason": row.reason,
            "send_at": iso_time(send_times.get(row.row or 0)),
        }
        for row in rows
    ]


def say_asked(
    console: Console,
    rows: Iterable[ResultRow],
    send_times: Mapping[int, float],
    named: Iterable[str],
) -> None:
    """Say where each recipient of `--only` stands, one a line; `named` are the names given.

    `send_times` as `asked_objects` has them.
    """
    said = []
    for row in rows:
        at = iso_time(send_times.get(row.row or 0))
        until = None if at is None else f"until {at}"
        said.append(f"{row.email}: {row.status} {row.message_id or row.reason or until or ''}")
    said = [line.rstrip() for line in said]
    for line in said:
        console.lines(line)
    if not said:
        console.say(f"not among the recipients: {', '.join(named)}")


def _equation(summary: Summary) -> dict[str, object] | None:
    """Return the member `equation`: both sides, and whether these are the same."""
    found = summary.equation
    if found is None:
        return None
    reported = found.reported
    return {
        "rows": found.rows,
        "left": found.left,
        "balanced": found.balanced,
        "reported": None
        if reported is None
        else {str(event or "not_known_yet"): number for event, number in reported.items()},
    }


def show_summary(
    console: Console,
    summary: Summary,
    options: RunOptions,
    again: str,
    *,
    begun: bool,
    command: str | None = None,
) -> None:
    """Say in words and figures how the run ended, and the next steps.

    `again` are the arguments that name the mailing on a command line. `begun` says whether the real
    mailing has a ledger. `command` goes on where that is another one than `mailbatch run`.
    """
    if summary.failure is not None:
        console.error(summary.failure)
    # A window that is closed is no reason to wake a person: the next start goes on.
    is_held = summary.waits_until is not None and not summary.counts[Status.IN_DOUBT]
    is_calm = summary.is_through or is_held
    tell = console.say if is_calm else console.warn
    if console.quiet and not is_calm:
        tell(f"{summary.job} ({summary.edition}): {_in_a_line(summary)}")
    if console.log_json and not console.quiet:
        console.log("info", "summary", **summary_object(summary))
    elif not console.quiet:
        _show_figures(console, summary, options)
    if (failure := silent_failure(summary)) is not None:
        console.warn(failure)
    for line in next_steps(summary, options, again, begun=begun, command=command):
        tell(line)
    if summary.further:
        number = counted(summary.further, "address gets", "addresses get")
        tell(f"{number} a further message of this edition, by another key")
    for line in lessons(summary):
        tell(line)


#: What a setting of `server` that a run has learned says of the server.
_LESSONS = {
    "recipients_per_transaction": "takes {} a transaction",
    "transactions_per_session": "takes {} a session",
    "sessions": "lets in {} at a time",
}
_COUNTED = {
    "recipients_per_transaction": "recipient",
    "transactions_per_session": "transaction",
    "sessions": "session",
}


#: A rehearsal without a server.
_FILED = {Status.ACCEPTED: "written to a file"}


def lessons(summary: Summary) -> list[str]:
    """Return the lessons of the run about the server, a sentence for each setting of the job."""
    return [_lesson(key, number) for key, number in summary.learned.items()]


def _lesson(key: str, number: int) -> str:
    name = key.removeprefix(FALLBACK)
    told = _LESSONS[name].format(counted(number, _COUNTED[name]))
    whose = "the server" if name == key else "the fallback"
    return f"{whose} {told}; write server.{key}: {number}"


def silent_failure(summary: Summary) -> str | None:
    """Return the warnings that no exit code tells.

    An export that came out empty, a template that fails for every row, an edition that was
    forgotten: each ends as a mailing that is done.
    """
    name, failure = f"{summary.job} ({summary.edition})", ""
    outlook = summary.outlook
    failed = summary.counts[Status.REJECTED] + summary.counts[Status.INVALID]
    if outlook is not None and outlook.is_wrong:
        failure = (
            f"a real run would mail nobody: {outlook.refused or outlook.told(summary.edition)}"
        )
    elif summary.changed:
        failure = (
            "nobody gets the message as it is now: this edition was finished before it changed "
            f"({', '.join(summary.changed)})"
        )
    elif summary.reaches_nobody:
        failure = f"nobody would be mailed: no row is left to be mailed ({_in_a_line(summary)})"
    elif not summary.is_through or summary.declined:
        pass  # which says so by itself
    elif not summary.recipients:
        failure = "nobody was mailed: the recipient table has no rows"
    elif failed and not summary.counts[Status.ACCEPTED]:
        failure = f"nobody was mailed: {_in_a_line(summary)}"
    return f"{name}: {failure}" if failure else None


def _show_figures(console: Console, summary: Summary, options: RunOptions) -> None:
    what = (
        "written to files" if options.dry_run else "sent to the sandbox" if options.sandbox else ""
    )
    if summary.declined:
        what = ""
    elif options.redirect:
        what = f"sent to {' and '.join(options.redirect)} instead"
    title = f"{summary.job} ({summary.edition}){f', {what}' if what else ''}: "
    if console.terminal:
        _show_table(console, title, summary, words=WORDS | (_FILED if options.dry_run else {}))
    else:
        console.say(title + _in_a_line(summary))
    if summary.transactions:
        rate = summary.transactions / summary.seconds if summary.seconds else 0.0
        done = (
            f"{counted(summary.transactions, 'message')} in {shown(summary.files)}"
            if summary.files is not None
            else f"{counted(summary.transactions, 'transaction')} in "
            f"{counted(summary.sessions, 'session')}"
        )
        console.say(f"{done}, {summary.seconds:.1f} s, {rate:,.0f} a second")
    if summary.elsewhere:
        console.say(f"of the accepted, {elsewhere_in_words(summary.elsewhere)}")
    if summary.equation is not None and not options.redirect:
        console.say(f"equation: {summary.equation}")
    if summary.results is not None:
        console.say(f"results: {shown(summary.results)}")


def _show_table(
    console: Console, title: str, summary: Summary, *, words: Mapping[Status, str]
) -> None:
    """Show the counts below each other, in colours, each status with its words."""
    from rich.text import Text

    number = counted(sum(n for _, n in _statuses(summary)), "recipient")
    text = Text(console.fitted(title + number))
    for status, count in _statuses(summary):
        text.append(f"\n{count:>9,}  ")
        text.append(status.replace("_", " "), style=STYLE.get(status, ""))
        if console.err.width >= _WIDE:
            text.append(f"{'':<{12 - len(status)}}{words[status]}", style="dim")
    console.err.print(text)


def _statuses(summary: Summary) -> list[tuple[Status, int]]:
    """Return what there is to tell: a test says nothing of recipients whose turn never comes."""
    left_out = set()
    if summary.mode is Mode.REDIRECT and not summary.refused_for_now:
        left_out.add(Status.PENDING)
    return [(s, number) for s, number in summary.counts.items() if number and s not in left_out]


def _in_a_line(summary: Summary) -> str:
    counts = (f"{number:,} {s.replace('_', ' ')}" for s, number in _statuses(summary))
    return ", ".join(counts) or "no recipients"


def elsewhere_in_words(elsewhere: Mapping[str, int]) -> str:
    """Return the numbers of accepted rows at other servers than the first one in words.

    >>> elsewhere_in_words({"mx2.example.com:587": 1200})
    '1,200 at mx2.example.com:587'
    """
    return ", ".join(f"{number:,} at {server}" for server, number in elsewhere.items())


def arguments_again(path: Path, job: Job, summary: Summary, options: RunOptions) -> str:
    """Return the arguments that name this very mailing, or its rehearsal, on a command line."""
    from mailbatch.cli.again import again

    kept = summary.rehearsed_in
    folder = options.state_dir if kept is None else Path(shown(kept))
    ledger = options.ledger if kept is None else None
    return again(path, job, summary.edition, given=options.edition, state_dir=folder, ledger=ledger)


def is_begun(job: Job, summary: Summary, options: RunOptions) -> bool:
    """Say whether the real mailing has a ledger, whatever this run was; not known: no."""
    from mailbatch.delivery import ledgers

    if not options.scratch:
        return True
    try:
        return ledgers.is_begun(ledgers.place_of(job, summary.edition, options.state))
    except LedgerError:  # the outlook has told
        return False


def _wants_a_correction(summary: Summary) -> bool:
    """Say whether the same run again would end in the same way: a wrong password, a certificate."""
    return isinstance(summary.failure, AuthenticationError | TLSError)


_RECURRING = (
    "a recurring mailing wants an edition of its own, such as "
    "edition: \"{{ now.strftime('%G-W%V') }}\""
)


def _foretold(summary: Summary, options: RunOptions, *, begun: bool) -> Iterator[str]:
    """Yield the effect of a rehearsal on the real mailing, and the outlook of a real run."""
    outlook = summary.outlook
    if (
        not summary.declined
        and options.redirect
        and options.most == 1
        and not (options.only or options.limit)
    ):
        others = summary.counts[Status.PENDING]
        if others and summary.failure is None:
            yield f"only the first message was sent; --all also sends {counted(others, 'other')}"
    if outlook is not None and outlook.refused is not None:
        if not outlook.is_wrong:
            yield f"a real run would end at once: {outlook.refused}"
        if outlook.remedy:
            yield outlook.remedy
    elif outlook is not None and outlook.is_over:
        if not outlook.is_wrong:
            yield f"{outlook.told(summary.edition)}: a real run would send nothing"
        yield from _further(summary, outlook.changed)
    elif options.sandbox or options.redirect:
        yield f"the real mailing is {'unchanged' if begun else 'still unsent'}"


def _further(summary: Summary, changed: Sequence[str]) -> list[str]:
    """Return the step to a further mailing behind an edition that is over.

    A correction has one where inputs were `changed`: by a third job file.
    """
    if summary.corrected is None:
        return [_RECURRING]
    from mailbatch.delivery.succession import to_correct_again

    return [to_correct_again(summary.edition)] if changed else []


def _run_again(summary: Summary, options: RunOptions, again: str, command: str) -> str:
    """Return how to go on with recipients that are left: by `command`, with its variables.

    `again` are the arguments that name the mailing.
    """
    if isinstance(summary.failure, StoppedByGuard):
        return (
            f"not finished: look at mailbatch reports show {again}; to send to the rest all the "
            f"same: {command} --no-guard"
        )
    if options.canary and summary.failure is None and not summary.interrupted:
        return (
            "the first step of the guard is sent: look at mailbatch reports show "
            f"{again}, then send the rest with {command}"
        )
    if summary.held is not None and summary.failure is None:
        return (
            f"not finished: {summary.held.why}; run again from {iso_time(summary.held.until)} on "
            f"with {command}, or with --wait"
        )
    first = "correct that, then " if _wants_a_correction(summary) else ""
    return f"not finished: {first}run again with {command}"


def next_steps(
    summary: Summary,
    options: RunOptions,
    again: str,
    *,
    begun: bool = True,
    command: str | None = None,
) -> list[str]:
    """Return the next steps, one sentence each; `again` names the mailing, `command` goes on."""
    counts, steps = summary.counts, []
    pairs_given = options.variables.items()
    more = "".join(f" --set {shlex.quote(f'{key}={value}')}" for key, value in pairs_given)
    if options.plan is not None and options.plan.path is not None:
        more += f" --plan {shlex.quote(str(options.plan.path))}"
    if summary.declined:
        steps.append("nothing was sent")
    if options.scratch:
        return steps + _behind_a_rehearsal(summary, options, again, more, begun=begun)
    if summary.nothing_to_do:
        done = iso_time(summary.finished_at)
        said = f"nothing to do: this edition was finished{f' on {done}' if done else ''}"
        if summary.corrected:
            steps += [said, *_further(summary, summary.changed)]
        else:
            steps.append(f"{said}; {_RECURRING}")
    if counts[Status.IN_DOUBT]:
        steps.append(f"in doubt: the answer never came; see mailbatch resolve {again}")
        if summary.logs_until is not None:
            steps.append(
                f"the provider's logs reach back 48 hours: until {iso_time(summary.logs_until)}"
            )
    if counts[Status.PENDING] or counts[Status.DEFERRED]:
        goes_on = f"{command or f'mailbatch run {again}'}{more}"
        steps.append(_run_again(summary, options, again, goes_on))
    elif counts[Status.REJECTED] or counts[Status.INVALID]:
        # Not before: who is still pending would be in that file, too, and be mailed by both.
        steps.append(f"a table of those who failed: mailbatch results {again} --failed again.csv")
    return steps


def _behind_a_rehearsal(
    summary: Summary, options: RunOptions, again: str, more: str, *, begun: bool
) -> list[str]:
    """Return the sentences behind a run that left the real mailing alone."""
    steps = list(_foretold(summary, options, begun=begun))
    if summary.rehearsed_in is not None:
        steps.append(f"its reports: mailbatch reports show {again}")
        if summary.counts[Status.IN_DOUBT]:
            steps.append(f"in doubt: mailbatch resolve {again}")
        if summary.counts[Status.PENDING] or summary.counts[Status.DEFERRED]:
            steps.append(f"not finished: rehearse again with mailbatch run {again}{more} --sandbox")
    return steps
