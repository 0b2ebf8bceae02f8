"""Ports of loopback for servers whose port must be known before they start."""

from __future__ import annotations

import random
import socket

#: Below 32768, where Linux begins to hand out ports by itself: no connection of a test that runs
#: at the same time, and no server that asked for port 0, can take the port in between.
_OURS = range(10_000, 32_768)
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody has on loopback by TCP or UDP, another one at each call of a process."""
    while True:
        port = random.choice(_OURS)
        if port not in _given and _free(port):
            _given.add(port)
            return port


def _free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
