"""The goals of mailbatch as a table, each with the figure that meets or misses the goal.

Most goals are ratios of one run, since the seconds of a shared machine mean little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import MIB, Figures, Row
from benchmarks.workloads import WORKLOADS


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: `value` must be at least, or at most, `bound`; None without a measurement.

    `shown` formats value and bound.
    """

    words: str
    value: Callable[[Figures], float | None]
    bound: float
    shown: str = "{:.1f} times"
    at_most: bool = False

    def holds(self, value: float) -> bool:
        """Say whether the value meets the bound."""
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


def _ratio(workload: str, label: str, base: str) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        row = _row(figures, workload, label)
        if row is None:
            return None
        spread = figures.tables[workload].ratio(row, base)
        return spread.median if spread is not None else None

    return value


def _processor(workload: str, label: str, base: str) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        row, other = _row(figures, workload, label), _row(figures, workload, base)
        if row is None or other is None:
            return None
        return row.cpu_microseconds / other.cpu_microseconds

    return value


def _of_row(
    workload: str, label: str, figure: Callable[[Row], float | None]
) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        row = _row(figures, workload, label)
        return figure(row) if row is not None else None

    return value


def _seconds(row: Row) -> float:
    return sorted(row.seconds)[len(row.seconds) // 2]


def _peak_mib(row: Row) -> float | None:
    return row.peak / MIB if row.peak is not None else None


def _growth(figures: Figures) -> float | None:
    """Return MiB of peak memory for 100,000 recipients more."""
    if _row(figures, "million", "mailbatch") is None:
        return None
    rows = [row for row in figures.tables["million"].rows if row.label == "mailbatch"]
    peaks = [row.peak for row in rows]
    if len(rows) < 2 or peaks[0] is None or peaks[-1] is None:
        return None
    more = rows[-1].recipients - rows[0].recipients
    return (peaks[-1] - peaks[0]) / MIB / more * 100_000 if more else None


GOALS = (
    Goal("newsletter, one session, to the stdlib loop",
         _ratio("newsletter", "mailbatch", "stdlib"), 12),
    Goal("newsletter, four sessions, to the stdlib loop",
         _ratio("newsletter", "mailbatch, 4 sessions", "stdlib"), 16),
    Goal("newsletter, one session, to nodemailer's pool of one connection",
         _ratio("newsletter", "mailbatch", "nodemailer"), 3),
    Goal("newsletter, four sessions, to nodemailer's pool of four",
         _ratio("newsletter", "mailbatch, 4 sessions", "nodemailer, 4 sessions"), 3),
    Goal("newsletter, one session, to smtp-source with one session",
         _ratio("newsletter", "mailbatch", "smtp-source"), 1),
    Goal("1 MB attached, the same for everybody, one session, to smtp-source",
         _ratio("attachment", "mailbatch", "smtp-source"), 0.95, "{:.2f} times"),
    Goal("the same, processor time of a message, to smtp-source",
         _processor("attachment", "mailbatch", "smtp-source"), 2.5, "{:.1f} times", True),
    Goal("1 MB attached, another file for each, to the same for everybody",
         _ratio("attachment-own", "mailbatch, another file for each", "mailbatch"), 0.7,
         "{:.2f} times"),
    Goal("TLS, one session, to the same server without",
         _ratio("tls-sink", "mailbatch, TLS", "mailbatch"), 0.9, "{:.2f} times"),
    Goal("one group of 100,000, one session, to nodemailer's pool",
         _ratio("group", "mailbatch", "nodemailer"), 1, "{:.2f} times"),
    Goal("20 ms away, one session, to the stdlib loop: two waits a message, not four",
         _ratio("round-trip-20", "mailbatch", "stdlib"), 1.9),
    Goal("20 ms away with CHUNKING, one session, to the stdlib loop: one wait a message",
         _ratio("round-trip-20-smtpd", "mailbatch", "stdlib"), 3),
    Goal("20 ms away, 32 sessions to one",
         _ratio("round-trip-20", "mailbatch, 32 sessions", "mailbatch"), 28),
    Goal("1,000,000 recipients in groups",
         _of_row("million", "mailbatch", lambda row: row.rate.median), 50_000,
         "{:,.0f} recipients a second"),
    Goal("their peak memory", _of_row("million", "mailbatch", _peak_mib), 150, "{:.0f} MiB", True),
    Goal("its growth for 100,000 recipients more", _growth, 1, "{:.2f} MiB", True),
    Goal("1,000,000 rows planned, and the first session opened",
         _of_row("plan", "mailbatch run --limit 1", lambda row: row.session.median), 30,
         "{:.1f} s", True),
    Goal("`mailbatch status` of that edition", _of_row("plan", "mailbatch status", _seconds), 1,
         "{:.2f} s", True),
    Goal("`mailbatch --version`", _of_row("version", "mailbatch --version", _seconds), 0.25,
         "{:.2f} s", True),
)  # fmt: skip
