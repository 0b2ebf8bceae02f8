"""Tests that have become slow: the processor that each takes, a bound for it, and the largest.

Seconds of a processor are counted, and not those of a clock: a busy machine stretches the latter as
far as it likes. Counted is the test itself with the processes that it started and waited for, not
its fixtures: what tests share is nobody's own. What takes longer than `--most` says fails, and
belongs behind the mark `long`, with a short form that stays.

Tests: tests/support/test_slow.py.
"""

from __future__ import annotations

import resource
from collections.abc import Generator

import pytest

#: About three times what the largest test took on a machine with ten times the work it can do.
MOST_SECONDS = 30.0
#: The name of the property of a report.
PROPERTY = "processor"
_MAY_BE_SLOW = ("long", "seeded")
#: How a test may end, in the words of pytest's summary.
_ENDS = ("passed", "failed", "skipped", "xfailed", "xpassed")


def processor() -> float:
    """The seconds that this process and those that it has waited for have spent so far."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--largest", type=int, default=0, help="name so many tests that took most of a processor"
    )
    parser.addoption(
        "--most",
        type=float,
        default=MOST_SECONDS,
        help="seconds of a processor that a test may take",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    before = processor()
    try:
        yield
    finally:  # a test that fails took its time, too
        seconds = processor() - before
        item.user_properties.append((PROPERTY, seconds))
    most = item.config.getoption("--most")
    if seconds > most and not any(map(item.get_closest_marker, _MAY_BE_SLOW)):
        pytest.fail(
            f"took {seconds:.0f} s of a processor, and {most:g} are the most: shorten it,"
            " or mark it as long and leave a short form in the suite",
            pytrace=False,
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    number = terminalreporter.config.getoption("--largest")
    reports = [report for key in _ENDS for report in terminalreporter.getreports(key)]
    took = {
        report.nodeid: value
        for report in reports
        for name, value in report.user_properties
        if name == PROPERTY
    }
    largest = sorted(took, key=lambda name: took[name], reverse=True)[:number]
    for name in largest:
        terminalreporter.write_line(f"{took[name]:6.1f} s of a processor: {name}")
