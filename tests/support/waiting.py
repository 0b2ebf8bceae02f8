"""Waiting for another process: asked again and again up to a deadline, never slept through."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

DEADLINE_SECONDS = 20.0
_PAUSE_SECONDS = 0.01


def until(fact: Callable[[], bool], *, what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Ask until it is so; TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(_PAUSE_SECONDS)


def greets(port: int) -> bool:
    """Whether a mail server on loopback says its 220 on that port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            return sock.recv(4) == b"220 "
    except OSError:
        return False


def listens(port: int) -> bool:
    """Whether somebody takes connections on that port of loopback, whatever it says then."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
