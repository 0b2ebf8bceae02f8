"""Streams, colours, progress, and every sentence that a run shows to people.

Data goes to standard output, all else to standard error. Colours and the progress bar appear only
on a terminal, `NO_COLOR` and `TERM=dumb` count. This module decides nothing about the mailing.

Tests: tests/cli/test_terminal.py.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO, cast

from mailbatch.errors import InputError, MailbatchError, OutputError
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress as RichProgress
    from rich.progress import Task, TaskID
    from rich.text import Text

    from mailbatch.envelope import Delivery
    from mailbatch.errors import Location

#: The most mistakes of one kind that are shown; the rest is counted.
MOST_ERRORS = 20
#: The next step where an answer cannot be written.
NO_ROOM = "look where the output goes: the disk may be full, or the reader gone"
#: How often the progress bar is drawn, in seconds.
REDRAW = 0.1
#: Steps of fewer seconds show no bar.
SHORTEST_STEP_WITH_BAR = 1.0
#: The shortest bar that tells something, and the longest that anybody looks along.
SHORTEST_BAR, LONGEST_BAR = 10, 60
#: The columns of a terminal that tells of none.
_COLUMNS = 80
#: A terminal echoes Ctrl-C as `^C`: it must not push a full line into the next one.
ECHO = 3

#: The colour of a remedy.
REMEDY = "cyan"
STYLE = {
    Status.ACCEPTED: "green",
    Status.PENDING: "cyan",
    Status.DEFERRED: "yellow",
    Status.REJECTED: "red",
    Status.IN_DOUBT: "bold magenta",
    Status.INVALID: "red",
}
#: What each status means, for people.
WORDS = {
    Status.PENDING: "not tried yet, or certainly not taken",
    Status.ACCEPTED: "the server took it",
    Status.REJECTED: "refused for good",
    Status.DEFERRED: "refused for now: the next run tries again",
    Status.IN_DOUBT: "sent, and the answer never came",
    Status.INVALID: "cannot be mailed: the results say why",
    Status.SUPPRESSED: "on a suppression list",
    Status.DUPLICATE: "an earlier row has the address, or the key of the job",
    Status.FILTERED: "`where` leaves the row out",
    Status.WITHDRAWN: "left the table before it was sent",
    Status.SKIPPED: "was in doubt, and is left alone",
}


class LossyStream:
    """A stream that may be lost: a full log disk or a closed pipe must not end a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or do without."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do without."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def columns_of(stream: TextIO) -> int:
    """Return the columns of a terminal, or what COLUMNS says; 80 where neither is known."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def _may_be_terminal(stream: TextIO) -> bool:
    """Tell whether rich would take a stream for a terminal, or might.

    Only the answer of rich counts then; where the answer is no for certain, rich is not imported.
    """
    return stream.isatty() or bool({"FORCE_COLOR", "TTY_COMPATIBLE"} & os.environ.keys())


class Console:
    """Where people read: standard error, and standard output for data."""

    def __init__(
        self, *, quiet: bool = False, as_json: bool = False, log_json: bool = False
    ) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.log_json = log_json
        self._stream = LossyStream(sys.stderr)
        self._plain = not _may_be_terminal(sys.stderr)
        self._columns = columns_of(sys.stderr) if sys.stderr.isatty() else None
        self.terminal = not (
            log_json or self._plain or not self.err.is_terminal or self.err.is_dumb_terminal
        )

    @property
    def reads_data(self) -> bool:
        """Whether a person reads standard output: on a terminal, not in a pipe or a file."""
        return sys.stdout.isatty()

    @property
    def colours_data(self) -> bool:
        """Whether standard output may have colours: a terminal, unless NO_COLOR or TERM says no."""
        dumb = os.environ.get("TERM") in {None, "", "dumb"}
        return self.reads_data and not (os.environ.get("NO_COLOR") or dumb)

    @functools.cached_property
    def err(self) -> RichConsole:
        """Standard error of rich, which is imported for terminals only."""
        from rich.console import Console as RichConsole

        return RichConsole(
            file=cast("TextIO", self._stream),
            # Rich would still write bold and dim; who wants no colours wants no codes in a text.
            color_system=None if os.environ.get("NO_COLOR") else "auto",
            emoji=False,
            highlight=False,
            soft_wrap=True,
        )

    def say(self, text: str, *, style: str | None = None) -> None:
        """Tell people something that is no trouble; silent with `--quiet`."""
        if self.quiet:
            return
        if self.log_json:
            self.log("info", text)
        else:
            self._print(text, style=style)

    def warn(self, text: str) -> None:
        """Tell people about trouble, also with `--quiet`."""
        if self.log_json:
            self.log("warning", text)
        else:
            self._print(text, style="yellow")

    def _print(self, text: str, *, style: str | None = None) -> None:
        text = self.fitted(text)
        # Without a terminal rich changes nothing but tabs and characters that could act on one.
        if self._plain and text.replace("\n", "").isprintable():
            self._stream.write(text + "\n")
            self._stream.flush()
        else:
            self.err.print(text, style=style, markup=False)

    def fitted(self, text: str) -> str:
        """Return a text for standard error, broken between words where a terminal shows it."""
        if self._columns is None:
            return text
        from mailbatch.cli.wrapping import wrapped

        return wrapped(text, self._columns)

    def log(self, level: str, message: str, **fields: object) -> None:
        """Write one JSON object to standard error: the form of every line with `--log-json`."""
        record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level}
        line = json.dumps({**record, "message": message, **fields}, ensure_ascii=False, default=str)
        self._stream.write(line + "\n")
        self._stream.flush()

    def data(self, value: object) -> None:
        """Write one JSON object to standard output; raises as `lines` does."""
        # What another encoding does not have is escaped as JSON does it, not as Python does.
        escaped = (sys.stdout.encoding or "utf-8").lower() not in {"utf-8", "utf8"}
        self.write(json.dumps(value, ensure_ascii=escaped, default=str) + "\n")

    def lines(self, text: str, *, hanging: int = 4) -> None:
        """Write lines for people to standard output; raises `OutputError` (74) on failure.

        A terminal gets them broken between words, each further line indented by `hanging` columns.
        """
        if self.reads_data:
            from mailbatch.cli.wrapping import wrapped

            text = wrapped(text, columns_of(sys.stdout), hanging=hanging)
        self.write(text + "\n")

    def write(self, text: str) -> None:
        """Write data with its line ends to standard output; raises as `lines` does."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            # What is still in the buffer must not fail once more when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise OutputError(
                f"cannot write to standard output: {error.strerror}",
                hint=NO_ROOM,
            ) from error

    def error(self, error: MailbatchError) -> None:
        """Show a failure with the place and the next step."""
        errors = error.errors
        for one in errors[:MOST_ERRORS]:
            self._one_error(one)
        if len(errors) > MOST_ERRORS:
            self.warn(f"... and {len(errors) - MOST_ERRORS} more")

    def _one_error(self, error: MailbatchError) -> None:
        text = str(error)
        if self.log_json:
            self.log("error", text, kind=type(error).__name__, hint=error.hint)
            return
        self._print(text if isinstance(error, InputError) else f"mailbatch: {text}",
                    style="bold red" if self.terminal else None)  # fmt: skip
        if isinstance(error, InputError):
            self.excerpt(error.location)
        if error.hint:
            self._print(f"  {error.hint}", style=REMEDY if self.terminal else None)

    def excerpt(self, location: Location | None) -> None:
        """Show the lines around a place on a terminal, with a caret; elsewhere nothing."""
        if self.terminal:
            from mailbatch.cli.excerpt import excerpt_of

            for line in excerpt_of(location, self._columns or _COLUMNS):
                self.err.print(line, markup=False)

    def ask(self, question: str) -> bool:
        """Ask on the terminal, and return whether the answer is yes."""
        self.err.print(self.fitted(f"{question} [y/N]"), end=" ", markup=False)
        answer = ""
        try:
            answer = sys.stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D: what follows has its own line
                self.err.print()
        words = answer.strip().lower()
        if words not in {"y", "yes", "n", "no", ""}:
            self.warn("taken for a no: y or yes sends, nothing else")
        return words in {"y", "yes"}

    @contextlib.contextmanager
    def progress(self) -> Iterator[RunProgress]:
        """Draw the progress of a run while the block lasts, on a terminal only."""
        if self.quiet or not self.terminal:
            yield RunProgress(self, None)
            return
        # It starts with the plan: what is asked before must not share its line with a bar.
        bar = self._bar()
        progress = RunProgress(self, bar)
        try:
            yield progress
            progress.redraw(force=True)
        finally:
            bar.stop()

    def follow(self, what: str, deliveries: Iterable[Delivery], total: int) -> Iterator[Delivery]:
        """Give `deliveries` on; show the progress among `total` recipients, if that takes long."""
        if self.quiet or not self.terminal:
            yield from deliveries
            return
        bar = self._bar()
        task = bar.add_task(what, total=total, rate="", outcomes="")
        done, began = 0, time.monotonic()
        drawn = began + SHORTEST_STEP_WITH_BAR
        try:
            for delivery in deliveries:
                yield delivery
                done += len(delivery.unsettled)
                now = time.monotonic()
                if now >= drawn:
                    drawn = now + REDRAW
                    bar.start()
                    bar.update(task, completed=done, rate=f"{done / (now - began):,.0f}/s")
                    bar.refresh()
        finally:
            bar.stop()

    def _bar(self) -> RichProgress:
        from rich.progress import Progress, ProgressColumn

        class Line(ProgressColumn):
            """The whole line in one column: rich would cut the counts before the words."""

            def render(self, task: Task) -> Text:
                return progress_line(
                    console.err.width,
                    what=task.description,
                    done=int(task.completed),
                    total=int(task.total or 0),
                    rate=task.fields["rate"],
                    left=task.time_remaining,
                    outcomes=task.fields["outcomes"],
                )

        console = self
        return Progress(Line(), console=self.err, transient=True, auto_refresh=False)


class RunProgress:
    """The run's `Progress` port on a console: counts always, a bar where there is one."""

    def __init__(self, console: Console, bar: RichProgress | None) -> None:
        self._console = console
        self._bar = bar
        self._task: TaskID | None = None
        self._counts: Counter[Status] = Counter()
        self._drawn = 0.0
        self._started: float | None = None
        self._waits_until = 0.0

    def planned(self, counts: Mapping[Status, int], wanted: int) -> None:  # noqa: ARG002 - the port's signature
        """Start the bar with the recipients that are left."""
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("connecting", total=wanted, rate="", outcomes="")
            self._bar.refresh()

    def session_opened(self, server: str) -> None:
        """Note the session on the bar; the rate counts from the first one."""
        if self._started is None:
            self._started = time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=f"sending to {server}")

    def settled(self, status: Status, recipients: int) -> None:
        """Count, and redraw now and then."""
        self._counts[status] += recipients
        self.redraw()

    def redraw(self, *, force: bool = False) -> None:
        """Draw the bar if the time has come: drawing costs more than sending a message."""
        if self._bar is None or self._task is None:
            return
        now = time.monotonic()
        if now - self._drawn < REDRAW and not force:
            return
        self._drawn = now
        done = sum(n for s, n in self._counts.items() if s not in (Status.PENDING, Status.DEFERRED))
        rate = 0.0 if self._started is None else done / max(now - self._started, 1e-6)
        told = ((n, s) for s, n in self._counts.items() if n and s is not Status.ACCEPTED)
        outcomes = " ".join(f"{n} {s}" for n, s in told)
        self._bar.update(self._task, completed=done, rate=f"{rate:,.0f}/s", outcomes=outcomes)
        self._bar.refresh()

    def waiting(self, seconds: float, why: str) -> None:
        """Tell the reason of a wait that is worth a line; once, however many sessions wait."""
        until = time.monotonic() + seconds
        if seconds >= 1.0 and abs(until - self._waits_until) >= 1.0:
            self._waits_until = until
            self._console.say(f"waiting {seconds:.0f} s for {why}")

    def concluding(self, step: str) -> None:
        """Name the step on the bar, where there is one."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=step)
            self.redraw(force=True)

    def note(self, text: str) -> None:
        """Pass on something that people may want to know; trouble that stays is told at the end."""
        if not self._console.quiet:
            self._console.warn(text)

    def alarm(self, text: str) -> None:
        """Pass on a text that stands nowhere else, also with `--quiet`."""
        self._console.warn(text)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with the noun counted; `plural` where -s does not make the plural.

    >>> counted(1, "recipient"), counted(2000, "recipient"), counted(2, "body", "bodies")
    ('1 recipient', '2,000 recipients', '2 bodies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def progress_line(
    width: int,
    *,
    what: str,
    done: int,
    total: int,
    rate: str,
    left: float | None,
    outcomes: str,
) -> Text:
    """Return the line that shows how far a run is, fitted into `width`.

    Where there is no room, first the bar gets shorter, then `what` goes, then the bar: the figures
    stay. `left` are seconds.
    """
    from rich.text import Text

    clock = "-:--:--" if left is None else str(timedelta(seconds=int(left)))
    figures = "  ".join(p for p in (f"{done:,}/{total:,}", rate, clock, outcomes) if p)
    growing = len(f"{total:,}") - len(f"{done:,}")  # digits that `done` will have, besides
    room = width - ECHO - len(figures) - growing - 2
    words = f"{what}  " if room >= len(what) + 2 + SHORTEST_BAR else ""
    bar = min(room - len(words), LONGEST_BAR)
    line = Text(words)
    if bar >= SHORTEST_BAR:
        full = min(bar * done // total, bar) if total else bar
        line.append("━" * full, style="bar.complete" if done < total else "bar.finished")
        line.append("━" * (bar - full) + "  ", style="bar.back")
        line.append(" " * growing)
    line.append(figures)
    line.truncate(max(width - ECHO, 1), overflow="ellipsis")
    return line


def counts_object(counts: Mapping[Status, int]) -> dict[str, Any]:
    """Return the counts as `--json` writes them: `recipients` and every status.

    >>> counts_object(dict.fromkeys(Status, 0) | {Status.ACCEPTED: 2})["recipients"]
    2
    """
    return {"recipients": sum(counts.values()), **{str(s): counts[s] for s in Status}}
