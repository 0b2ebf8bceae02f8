"""Figures of a run for Prometheus' textfile collector.

The collector never reads half a file: `files.replacing` puts a whole file in place.
Format: the text exposition format of Prometheus, version 0.0.4.

Tests: tests/cli/test_operations.py.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.delivery.options import Mode, Summary
from mailbatch.errors import OutputError
from mailbatch.files import write_text

#: name -> what it is; every metric is a gauge, because each run writes the file anew.
METRICS = {
    "mailbatch_recipients": "Recipients of the edition by status.",
    "mailbatch_run_exit_code": "Exit code of the last run.",
    "mailbatch_run_transactions": "SMTP transactions of the last run.",
    "mailbatch_run_sessions": "SMTP sessions of the last run.",
    "mailbatch_run_seconds": "Duration of the last run in seconds.",
    "mailbatch_run_timestamp_seconds": "When the last run ended, in seconds since the epoch.",
}
#: What every file of figures begins with.
_BEGINNING = b"# HELP mailbatch_"


def metrics_text(summary: Summary, now: float) -> str:
    """Return the figures of a real run in the text exposition format."""
    labels = (
        f'job="{_escaped(summary.job)}",edition="{_escaped(summary.edition)}",mode="{summary.mode}"'
    )
    plain: dict[str, float] = {
        "mailbatch_run_exit_code": summary.exit_code,
        "mailbatch_run_transactions": summary.transactions,
        "mailbatch_run_sessions": summary.sessions,
        "mailbatch_run_seconds": round(summary.seconds, 3),
        "mailbatch_run_timestamp_seconds": round(now, 3),
    }
    lines = []
    for name, text in METRICS.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        if name in plain:
            lines.append(f"{name}{{{labels}}} {plain[name]}")
        else:
            lines += [
                f'{name}{{{labels},status="{status}"}} {number}'
                for status, number in summary.counts.items()
            ]
    return "\n".join(lines) + "\n"


def failure_text(job: str, exit_code: int, now: float) -> str:
    """Return the figures of a run that ended before the first delivery.

    >>> print(failure_text("news", 78, 1764400000.0).splitlines()[2])
    mailbatch_run_exit_code{job="news",mode="send"} 78
    """
    labels = f'job="{_escaped(job)}",mode="{Mode.SEND}"'
    plain = {
        "mailbatch_run_exit_code": exit_code,
        "mailbatch_run_timestamp_seconds": round(now, 3),
    }
    lines = []
    for name, value in plain.items():
        lines += [f"# HELP {name} {METRICS[name]}", f"# TYPE {name} gauge"]
        lines.append(f"{name}{{{labels}}} {value}")
    return "\n".join(lines) + "\n"


def is_for_metrics(path: Path) -> bool:
    """Say whether nothing is lost at `path` but the figures of an earlier run.

    >>> is_for_metrics(Path("none.prom")), is_for_metrics(Path(__file__))
    (True, False)
    """
    try:
        if not path.is_file():  # none, or one that `write_metrics` refuses
            return True
        with path.open("rb") as stream:
            return stream.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def write_metrics(path: Path, text: str) -> None:
    """Write the figures to `path`; raises `OutputError` (74) where that cannot be done."""
    try:
        write_text(path, text)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}", hint="see --metrics-file"
        ) from error


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
