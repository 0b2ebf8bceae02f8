"""The extras of mailbatch: packages that a job may need, and the remedy where one is not there.

    JobError("dkimpy is not installed", hint=install_extra("dkim"))

This module must never install anything, nor import a package of an extra.

Tests: tests/cli/test_wrapping.py.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import PurePath


def install_extra(extra: str, prefix: str = sys.prefix) -> str:
    """Return the remedy for a package that is not installed, in the way mailbatch was installed.

    `prefix` is the environment that mailbatch runs in. No index is asked for the name: another
    package there may bear it.

    >>> install_extra("excel", "/home/ann/.local/share/pipx/venvs/mailbatch")
    "In the folder with the source of mailbatch: pipx install --force '.[excel]'"
    """
    return f"In the folder with the source of mailbatch: {_installer(prefix)} '.[{extra}]'"


def _installer(prefix: str) -> str:
    """Return the command that installed an environment, as far as its place tells."""
    place = PurePath(prefix)
    if "pipx" in place.parts:
        return "pipx install --force"
    if {"uv", "tools"} <= set(place.parts):
        return "uv tool install --force"
    pip = place / "bin" / "pip"
    if os.path.exists(pip):  # noqa: PTH110 - a pure path
        return f"{shlex.quote(str(pip))} install"
    return f"uv pip install --python {shlex.quote(prefix)}"
