"""What keeps a test from being run: a reason to skip, which CI takes for a failure."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_unless_required(reason: str, required: str) -> NoReturn:
    """Skip the test for a reason; fail where the environment variable `required` is 1."""
    if os.environ.get(required) == "1":
        pytest.fail(f"{required} is set, but {reason}")
    pytest.skip(reason)
