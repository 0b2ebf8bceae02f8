"""A test that takes more of a processor than the suite can bear fails; the largest are named."""

from __future__ import annotations

import re

import pytest

SPENDING = """
import subprocess, sys, time
import pytest

def spend(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

def test_itself():
    spend(0.3)

def test_by_a_process():
    subprocess.run([sys.executable, "-c", "for _ in range(10_000_000): pass"], check=True)

@pytest.fixture
def shared():
    spend(0.3)

def test_by_what_is_shared(shared):
    pass

@pytest.mark.long
def test_a_long_form():
    spend(0.3)

def test_waits():
    time.sleep(0.3)
"""


OPTIONS = ("-q", "-p", "tests.support.slow", "--most=0.15")


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(SPENDING)
    pytester.makeini("[pytest]\nmarkers =\n    long: the long form\n")
    return pytester


def test_what_takes_too_long_fails_and_says_where_it_belongs(inner):
    """Processes that a test waits for count; fixtures, long forms and mere waiting do not."""
    done = inner.runpytest_inprocess(*OPTIONS)
    failed = re.findall(r"^FAILED \S+::(\w+)", done.stdout.str(), re.MULTILINE)
    assert failed == ["test_itself", "test_by_a_process"]
    done.assert_outcomes(passed=3, failed=2)
    done.stdout.fnmatch_lines(["*mark it as long and leave a short form in the suite*"])


def test_the_largest_are_named_where_that_is_asked_for(inner):
    said = inner.runpytest_inprocess(*OPTIONS, "--largest=2").stdout.str()
    assert len(re.findall(r"^ +\d+\.\d s of a processor: \S+::test_", said, re.MULTILINE)) == 2
    said = inner.runpytest_inprocess(*OPTIONS).stdout.str()
    assert "s of a processor: " not in said


@pytest.mark.parametrize("ends", ["assert False", "raise OSError", "import pytest; pytest.skip()"])
def test_the_time_of_a_test_that_does_not_pass_is_known(pytester, ends):
    """Whether it fails, breaks or gives up: what it took is what the suite took."""
    pytester.makepyfile(f"""
        import time

        def test_ends():
            until = time.process_time() + 0.3
            while time.process_time() < until:
                pass
            {ends}
    """)
    done = pytester.runpytest_inprocess("-q", "-p", "tests.support.slow", "--largest=1")
    (seconds,) = re.findall(r"^ +(\d+\.\d) s of a processor: ", done.stdout.str(), re.MULTILINE)
    assert float(seconds) >= 0.3
    assert done.ret == (0 if "skip" in ends else 1)
