"""The goals of mailbatch as a table, each with the figure that meets or misses the goal.

Most goals are ratios of one run, since the seconds of a shared machine mean little. Those to the
commit before compare with `BEFORE`, which is measured in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.figures import MIB, Figures, Row, Spread
from benchmarks.workloads import WORKLOADS

#: The last commit before the work on ledgers, plans, groups and attachments.
BEFORE = "255e04a1102a69c1c8b071d5f7fab7da2d913a53"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: the median of `value` must be at least, or at most, `bound`.

    `value` is None without a measurement in full size, `workload` the one that is measured for it.
    `shown` formats value and bound.
    """

    words: str
    workload: str
    value: Callable[[Figures, str], Spread | None]
    bound: float
    shown: str = "{:.2f} times"
    at_most: bool = False

    def of(self, figures: Figures) -> Spread | None:
        """Return the measured value with its range, or None."""
        return self.value(figures, self.workload)

    def holds(self, value: float) -> bool:
        """Say whether a value meets the bound."""
        return value <= self.bound if self.at_most else value >= self.bound

    @property
    def wanted(self) -> str:
        """The bound in words."""
        return f"{'at most' if self.at_most else 'at least'} {self.shown.format(self.bound)}"


def _row(figures: Figures, workload: str, label: str) -> Row | None:
    """Return a row that was measured in its full size: a small one says nothing about a goal."""
    table = figures.tables.get(workload)
    row = table.row(label) if table is not None else None
    wanted = max(
        share.recipients(WORKLOADS[workload].recipients)
        for share in WORKLOADS[workload].shares
        if share.label == label
    )
    return row if row is not None and row.recipients >= wanted else None


def _ratio(label: str, base: str) -> Callable[[Figures, str], Spread | None]:
    def value(figures: Figures, workload: str) -> Spread | None:
        row = _row(figures, workload, label)
        return figures.tables[workload].ratio(row, base) if row is not None else None

    return value


def _processor(label: str, base: str) -> Callable[[Figures, str], Spread | None]:
    """Return the processor time of a message to that of another program, round by round."""

    def value(figures: Figures, workload: str) -> Spread | None:
        row, other = _row(figures, workload, label), _row(figures, workload, base)
        if row is None or other is None:
            return None
        more = other.recipients / row.recipients
        pairs = zip(row.cpu_seconds, other.cpu_seconds, strict=True)
        return Spread.of([mine / its * more for mine, its in pairs])

    return value


def _to_before(
    label: str, costs: Callable[[Row], Sequence[float | None]]
) -> Callable[[Figures, str], Spread | None]:
    def value(figures: Figures, workload: str) -> Spread | None:
        row = _row(figures, workload, label)
        return figures.tables[workload].to_before(row, costs) if row is not None else None

    return value


def _of_row(
    label: str, costs: Callable[[Row], Iterable[float | None]]
) -> Callable[[Figures, str], Spread | None]:
    def value(figures: Figures, workload: str) -> Spread | None:
        row = _row(figures, workload, label)
        known = [one for one in costs(row) if one is not None] if row is not None else []
        return Spread.of(known) if known else None

    return value


def _whole_rate(row: Row) -> Sequence[float]:
    """Return recipients a second of the whole process, its start and its plan included."""
    return [row.recipients / seconds for seconds in row.seconds]


def _ledger(row: Row) -> Iterable[float | None]:
    return [size / row.recipients if size is not None else None for size in row.ledger_bytes]


def _peak(figures: Figures, workload: str) -> Spread | None:
    """Return the highest peak of memory in MiB of all that mailbatch does in a workload."""
    labels = {share.label for share in WORKLOADS[workload].shares}
    rows = [_row(figures, workload, label) for label in labels]
    peaks = [row.peak / MIB for row in rows if row is not None and row.peak is not None]
    return Spread(*[max(peaks)] * 3) if len(peaks) == len(labels) else None


def _growth(figures: Figures, workload: str) -> Spread | None:
    """Return MiB of peak memory for 100,000 recipients more."""
    if _row(figures, workload, "mailbatch") is None:
        return None
    rows = [row for row in figures.tables[workload].rows if row.label == "mailbatch"]
    peaks = [row.peak for row in rows]
    if len(rows) < 2 or peaks[0] is None or peaks[-1] is None:
        return None
    more = rows[-1].recipients - rows[0].recipients
    return Spread(*[(peaks[-1] - peaks[0]) / MIB / more * 100_000] * 3) if more else None


_PLANNED, _AGAIN = "mailbatch run --limit 1", "mailbatch run --limit 1 again"
_CHANGED = "mailbatch run --limit 1 with 1 % changed"
_EACH, _MEMORY = "{:,.0f} bytes", "{:.0f} MiB"

GOALS = (
    Goal("first plan of 1,000,000 rows until the first session opens: processor, to the commit "
         "before", "plan", _to_before(_PLANNED, lambda row: row.session_cpu_seconds), 0.33,
         at_most=True),
    Goal("the whole of that `run --limit 1`: processor, to the commit before", "plan",
         _to_before(_PLANNED, lambda row: row.cpu_seconds), 0.42, at_most=True),
    Goal("first plan of 300,000 rows on a disk where a sync takes milliseconds, until the first "
         "session opens: seconds, to the commit before", "plan-slow-disk",
         _to_before(_PLANNED, lambda row: row.session_seconds), 0.33, at_most=True),
    Goal("ledger of a first plan, a row of an address and five cells", "plan",
         _of_row(_PLANNED, _ledger), 160, _EACH, True),
    Goal("ledger of 60,000 messages, all accepted with a queue id and closed, a row", "finished",
         _of_row("mailbatch", _ledger), 200, _EACH, True),
    Goal("ledger of 1,000,000 messages, all accepted with one reply and closed, a row",
         "finished-million", _of_row("mailbatch", _ledger), 200, _EACH, True),
    Goal("plan of the 1,000,000 again, nothing changed, until the first session opens: processor, "
         "to the commit before", "plan",
         _to_before(_AGAIN, lambda row: row.session_cpu_seconds), 0.33, at_most=True),
    Goal("the same, 1 % changed", "plan",
         _to_before(_CHANGED, lambda row: row.session_cpu_seconds), 0.4, at_most=True),
    Goal("results of the 1,000,000: processor, to the commit before", "plan",
         _to_before("mailbatch results", lambda row: row.cpu_seconds), 0.6, at_most=True),
    Goal("one group of 100,000, whole process, one session, to nodemailer's pool", "group",
         _ratio("mailbatch", "nodemailer"), 1),
    Goal("1,000,000 in 50 groups, whole process: recipients a second, to the commit before",
         "million", _to_before("mailbatch", _whole_rate), 2.5),
    Goal("1 MB attached, the same for everybody, one session, to smtp-source", "attachment",
         _ratio("mailbatch", "smtp-source"), 0.95),
    Goal("the same: processor time of a message, to smtp-source", "attachment",
         _processor("mailbatch", "smtp-source"), 2.5, "{:.1f} times", True),
    Goal("1 MB attached, another file for each, to the same for everybody", "attachment-own",
         _ratio("mailbatch, another file for each", "mailbatch"), 0.7),
    Goal("newsletter, one session, to the stdlib loop", "newsletter",
         _ratio("mailbatch", "stdlib"), 12, "{:.1f} times"),
    Goal("newsletter, four sessions, to the stdlib loop", "newsletter",
         _ratio("mailbatch, 4 sessions", "stdlib"), 16, "{:.1f} times"),
    Goal("newsletter over TLS, one session, to the same server without", "tls-sink",
         _ratio("mailbatch, TLS", "mailbatch"), 0.9),
    Goal("peak memory, 1,000,000 planned, planned again, changed, and their results", "plan",
         _peak, 70, _MEMORY, True),
    Goal("peak memory, 1,000,000 in groups", "million", _peak, 70, _MEMORY, True),
    Goal("peak memory, a message for each of 1,000,000, and their results", "finished-million",
         _peak, 70, _MEMORY, True),
    Goal("growth of the peak in groups for 100,000 recipients more", "million", _growth, 1,
         "{:.2f} MiB", True),
    Goal("newsletter, one session, to nodemailer's pool of one connection", "newsletter",
         _ratio("mailbatch", "nodemailer"), 3, "{:.1f} times"),
    Goal("newsletter, four sessions, to nodemailer's pool of four", "newsletter",
         _ratio("mailbatch, 4 sessions", "nodemailer, 4 sessions"), 3, "{:.1f} times"),
    Goal("newsletter, one session, to smtp-source with one session", "newsletter",
         _ratio("mailbatch", "smtp-source"), 1, "{:.1f} times"),
    Goal("20 ms away, one session, to the stdlib loop: two waits a message, not four",
         "round-trip-20", _ratio("mailbatch", "stdlib"), 1.9, "{:.1f} times"),
    Goal("20 ms away with CHUNKING, one session, to the stdlib loop: one wait a message",
         "round-trip-20-smtpd", _ratio("mailbatch", "stdlib"), 3, "{:.1f} times"),
    Goal("20 ms away, 32 sessions to one", "round-trip-20",
         _ratio("mailbatch, 32 sessions", "mailbatch"), 28, "{:.1f} times"),
    Goal("1,000,000 in 50 groups, from the first session on", "million",
         _of_row("mailbatch", lambda row: row.rates), 50_000, "{:,.0f} recipients a second"),
    Goal("`mailbatch status` of 1,000,000 planned", "plan",
         _of_row("mailbatch status", lambda row: row.seconds), 1, "{:.2f} s", True),
    Goal("`mailbatch --version`", "version",
         _of_row("mailbatch --version", lambda row: row.seconds), 0.25, "{:.2f} s", True),
)  # fmt: skip

#: The workloads that some goal is about, in the order in which they are measured.
MEASURED = tuple(name for name in WORKLOADS if any(goal.workload == name for goal in GOALS))
