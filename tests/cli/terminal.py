"""A pseudo-terminal for a command, and what the terminal shows."""

from __future__ import annotations

import os
import pty
import re
import select
import time

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A pseudo-terminal that a command runs on, and what it shows."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self.shown = ""

    def read(self, until: str | None = None, seconds: float = 30.0) -> str:
        """Read until a text is shown; without one, until all who have the terminal have ended."""
        deadline = time.monotonic() + seconds
        while until is None or until not in self.shown:
            ready, _, _ = select.select([self.ours], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"not shown in time: {until!r}; shown: {self.shown!r}"
            try:
                data = os.read(self.ours, 65_536)
            except OSError:  # EIO: the other end is closed
                break
            if not data:
                break
            self.shown += data.decode("utf-8")
        assert until is None or until in self.shown, self.shown
        return self.shown

    def type(self, text: str) -> None:
        """Type a line, or what ends with Ctrl-D."""
        os.write(self.ours, text.encode() + (b"" if text.endswith("\x04") else b"\n"))

    @property
    def text(self) -> str:
        """What was shown, without escape codes."""
        return ESCAPE.sub("", self.shown)
