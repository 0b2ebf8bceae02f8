"""How many cores a run may use."""

import os

import pytest

from mailbatch.delivery.cores import cores


@pytest.fixture
def allowed():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("100000 100000\n", 1),
        ("150000 100000\n", 1),
        ("20000 100000\n", 1),
        ("99900000 100000\n", 999),
        ("max 100000\n", 999),
        ("", 999),
        ("what?\n", 999),
        (None, 999),
    ],
)
def test_a_container_may_have_less_than_the_machine(tmp_path, allowed, text, most):
    """At least one; without a limit, all that the process is allowed."""
    quota = tmp_path / "cpu.max"
    if text is not None:
        quota.write_text(text, encoding="ascii")
    assert cores(quota) == min(allowed, most)
