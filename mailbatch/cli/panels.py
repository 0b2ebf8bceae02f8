"""The groups of the options in `--help`, in the order in which a reader meets them.

An option is in the same group in every command that has it.

    >>> Panel.WHOM == "Whom"
    True

Tests: tests/cli/test_help.py.
"""

from __future__ import annotations

from enum import StrEnum


class Panel(StrEnum):
    """A group of options, by its title."""

    MAILING = "The mailing"
    WHOM = "Whom"
    REHEARSE = "Rehearse"
    DOUBT = "In doubt"
    CARE = "Before it sends"
    PACE = "Pace"
    SERVER = "Server"
    GALLERY = "Gallery"
    PICTURE = "One message"
    RECORD = "Record"
    OUTPUT = "Output"
